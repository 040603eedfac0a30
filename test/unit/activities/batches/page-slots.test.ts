import { PageSlots } from '../../../../activities/batches/page-slots';

const quick = () => new PageSlots(2, 20, 5);
const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

test('pages that leave slots free are left alone, however old they are', async () => {
  const slots = quick();
  const page = slots.begin();
  await new Promise((later) => setTimeout(later, 60));
  expect(page.giveUp.aborted).toBe(false);
  page.end();
});

test('when all slots are taken the oldest page gives up its own, and no more than are needed', async () => {
  const slots = quick();
  const [first, second] = [slots.begin(), slots.begin()];
  await aborted(first.giveUp);
  await new Promise((later) => setTimeout(later, 30));
  expect(second.giveUp.aborted).toBe(false);
  first.end();
  const third = slots.begin();
  await aborted(second.giveUp);
  expect(third.giveUp.aborted).toBe(false);
  second.end();
  third.end();
});
