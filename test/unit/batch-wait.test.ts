import { waitOf } from '../../client/lib/batch-wait';

const batch = {
  ...{ id: 7, account: 'texts', items: 100, reason: '' },
  state: 'running',
  priority: 'background',
} as const;
const counts = { pending: 60, running: 0, retry: 0, done: 40, failed: 0, nextDueAt: null };
const quota = { shouldPause: true, reason: 'the day is at 80 %', pausesUntil: 99 };
const well = { shouldPause: false, reason: '', pausesUntil: null };

test('a batch that works, has ended or was cancelled waits for nothing', () => {
  expect(waitOf(batch, { ...counts, running: 3 }, null, quota)).toBeNull();
  expect(waitOf(batch, counts, { state: 'closed', until: null, reason: '' }, well)).toBeNull();
  expect(waitOf(batch, { ...counts, done: 98, failed: 2 }, null, quota)).toBeNull();
  expect(waitOf({ ...batch, state: 'cancelled', reason: 'x' }, counts, null, quota)).toBeNull();
});

test('an operator’s pause says how to end it', () => {
  expect(waitOf({ ...batch, state: 'paused', reason: 'lunch' }, counts, null, quota)).toEqual({
    why: 'lunch',
    until: null,
    todo: 'npx sluice batch resume 7',
  });
});

test('a held pool waits for a person, a paused one for its time', () => {
  expect(waitOf(batch, counts, { state: 'held', until: null, reason: 'pay' }, well)).toEqual({
    why: 'its pool is held: pay',
    until: null,
    todo: 'npx sluice pool resume texts',
  });
  expect(waitOf(batch, counts, { state: 'quota_paused', until: 50, reason: '429' }, well)).toEqual({
    why: 'its pool is paused: 429',
    until: 50,
    todo: 'nothing; to try now: npx sluice pool resume texts',
  });
});

test('at its threshold a background batch waits for the window, more important work does not', () => {
  expect(waitOf(batch, counts, null, quota)).toMatchObject({ why: 'the day is at 80 %', until: 99 });
  expect(waitOf({ ...batch, priority: 'interactive' }, counts, null, quota)).toBeNull();
});

test('items that are to be tried again say when', () => {
  const last = { ...counts, pending: 0, done: 98, retry: 2, nextDueAt: 12 };
  expect(waitOf(batch, last, null, well)).toEqual({
    why: '2 items to be tried again',
    until: 12,
    todo: 'nothing',
  });
});
