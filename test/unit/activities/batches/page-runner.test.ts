import { type CallEnd, type PageParts, PageRunner } from '../../../../activities/batches/page-runner';
import { type ConcurrencyDecision, DEFAULT_CONCURRENCY } from '../../../../quota/batches/concurrency';

interface Page {
  readonly runner: PageRunner<number>;
  /** Items whose calls are in flight, by item; calling one ends it. */
  readonly open: Map<number, (end: CallEnd | Error) => void>;
  readonly released: number[];
  readonly decisions: ConcurrencyDecision[];
}

function pageOf(items: number, change: Partial<PageParts<number>> = {}, departs = true): Page {
  let next = 0;
  const open: Page['open'] = new Map();
  const released: number[] = [];
  const decisions: ConcurrencyDecision[] = [];
  const runner = new PageRunner<number>({
    policy: { ...DEFAULT_CONCURRENCY, max: 64 },
    concurrency: 4,
    endAt: Number.POSITIVE_INFINITY,
    claim: async (count) => Array.from({ length: Math.min(count, items - next) }, () => next++),
    release: async (given) => {
      released.push(...given);
    },
    call: (item, departed) =>
      new Promise((resolve, reject) => {
        if (departs) departed();
        open.set(item, (end) => {
          open.delete(item);
          if (end instanceof Error) reject(end);
          else resolve(end);
        });
      }),
    quotaUse: () => null,
    onDecision: (decision) => decisions.push(decision),
    ...change,
  });
  return { runner, open, released, decisions };
}

/** Lets everything happen that needs no answer of a call. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function answerAll({ open }: Page, end: CallEnd): Promise<void> {
  for (const answer of [...open.values()]) answer(end);
  await settle();
}

test('the first call goes alone; when it is answered, as many as the concurrency allows', async () => {
  const page = pageOf(100);
  const running = page.runner.run();
  await settle();
  expect([...page.open.keys()]).toEqual([0]);
  await answerAll(page, 'succeeded');
  expect([...page.open.keys()]).toEqual([1, 2, 3, 4]);
  page.runner.stop();
  await answerAll(page, 'succeeded');
  expect(await running).toBe('stopped');
});

test('success widens it to the maximum, failures narrow it to the minimum, each by a decision with its reason', async () => {
  const page = pageOf(100_000);
  const running = page.runner.run();
  await settle();
  for (let i = 0; i < 40; i++) await answerAll(page, 'succeeded');
  expect(page.open.size).toBe(64);
  for (let i = 0; i < 40; i++) await answerAll(page, 'failed');
  expect(page.open.size).toBe(4);
  expect(page.decisions.map((d) => d.next)).toEqual([8, 16, 32, 64, 32, 16, 8, 4]);
  expect(page.decisions.every((d) => d.reason.length > 0)).toBe(true);
  page.runner.stop();
  await answerAll(page, 'succeeded');
  await running;
});

test('calls that have no permit yet wait here: no more than sixteen ask at a time', async () => {
  const page = pageOf(1000, { concurrency: 64 }, false);
  const running = page.runner.run();
  await settle();
  await answerAll(page, 'succeeded');
  expect(page.open.size).toBe(16);
  page.runner.stop();
  await answerAll(page, 'succeeded');
  await running;
});

test('when it stops, what was claimed and not begun is given back, and what is in flight comes home', async () => {
  const page = pageOf(100);
  let ended = false;
  const running = page.runner.run().finally(() => {
    ended = true;
  });
  await settle();
  await answerAll(page, 'succeeded');
  page.open.get(2)?.('succeeded');
  await settle();
  page.runner.stop();
  await settle();
  expect(ended).toBe(false);
  const begun = [...page.open.keys()];
  await answerAll(page, 'succeeded');
  expect(await running).toBe('stopped');
  expect(page.released.every((item) => !begun.includes(item))).toBe(true);
});

test('what a call throws ends the page, once everything in flight has been seen to', async () => {
  const page = pageOf(100);
  const running = page.runner.run();
  const failed = expect(running).rejects.toThrow('the pool is closed');
  await settle();
  await answerAll(page, 'succeeded');
  page.open.get(1)?.(new Error('the pool is closed'));
  await settle();
  expect(page.open.size).toBe(3);
  await answerAll(page, 'succeeded');
  await failed;
  expect(page.open.size).toBe(0);
});

test('it ends when nothing is due, and when its time is over', async () => {
  expect(await pageOf(0).runner.run()).toBe('nothing due');
  expect(await pageOf(10, { endAt: 0 }).runner.run()).toBe('time is over');
});

test('what was good is what a round has ended well with, not what is tried next', async () => {
  const page = pageOf(1000);
  const running = page.runner.run();
  await settle();
  await answerAll(page, 'succeeded');
  expect(page.runner.good).toBeNull();
  await answerAll(page, 'succeeded');
  expect([page.runner.good, page.runner.concurrency]).toEqual([4, 8]);
  await answerAll(page, 'succeeded');
  expect([page.runner.good, page.runner.concurrency]).toEqual([8, 16]);
  // Two rounds, for one with failures needs a sample of twenty.
  await answerAll(page, 'failed');
  await answerAll(page, 'failed');
  expect([page.runner.good, page.runner.concurrency]).toEqual([8, 8]);
  page.runner.stop();
  await answerAll(page, 'succeeded');
  await running;
});
