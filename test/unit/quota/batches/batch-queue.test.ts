/** How much more may wait in a vendor's queue, and what is learned from its refusals. */
import {
  afterAcceptance,
  afterRefusal,
  type BatchQueue,
  pollDelayMs,
  roomIn,
} from '../../../../quota/batches/queue';

const queue = (change: Partial<BatchQueue> = {}): BatchQueue => ({
  limit: 1000,
  share: 1,
  strikes: 0,
  enqueued: 0,
  ...change,
});
const backoff = (strikes: number) => strikes * 100;

describe('room', () => {
  test.each([
    ['nobody has named a limit', { limit: null, enqueued: 5000 }, Number.POSITIVE_INFINITY],
    ['an empty queue has all of it', {}, 1000],
    ['what waits is taken off', { enqueued: 700 }, 300],
    ['a small rest waits for files to end', { enqueued: 760 }, 0],
    ['a full queue has none', { enqueued: 1200 }, 0],
    ['after refusals less is used', { share: 0.5 }, 500],
    ['an empty queue takes one request at the least', { limit: 3, share: 1 / 16 }, 1],
  ])('%s', (_, change, room) => {
    expect(roomIn(queue(change))).toBe(room);
  });
});

describe('a refusal', () => {
  test('names the limit: a file that is too large by it is only made smaller, without a wait', () => {
    const change = afterRefusal(queue({ limit: null }), { announced: 500, tokens: 900 }, backoff);
    expect(change).toEqual({ limit: 500, share: 1, strikes: 1, blockedMs: 0 });
  });

  test('that our own count does not explain halves the share and waits, longer each time', () => {
    const first = afterRefusal(queue(), { announced: 1000, tokens: 400 }, backoff);
    expect(first).toEqual({ limit: 1000, share: 0.5, strikes: 1, blockedMs: 100 });
    const second = afterRefusal(queue(first), { announced: null, tokens: 400 }, backoff);
    expect(second).toEqual({ limit: 1000, share: 0.25, strikes: 2, blockedMs: 200 });
  });

  test('without any number waits, and the next file is smaller: the queue may never hold as much', () => {
    const first = afterRefusal(queue({ limit: null }), { announced: null, tokens: 400 }, backoff);
    expect(first).toEqual({ limit: 400, share: 0.5, strikes: 1, blockedMs: 100 });
    expect(roomIn(queue(first))).toBe(200);
    const second = afterRefusal(queue(first), { announced: null, tokens: 200 }, backoff);
    expect(second).toEqual({ limit: 400, share: 0.25, strikes: 2, blockedMs: 200 });
  });

  test('without any number beside files of ours that wait: nothing more goes until one of them has ended', () => {
    const change = afterRefusal(
      queue({ limit: null, enqueued: 5000 }),
      { announced: null, tokens: 400 },
      backoff,
    );
    expect(change).toMatchObject({ limit: 5400, blockedMs: 0 });
    expect(roomIn(queue({ ...change, enqueued: 5000 }))).toBe(0);
  });

  test('never lets the share run out, and acceptance brings it back', () => {
    let share = 1;
    for (let i = 0; i < 20; i++) {
      share = afterRefusal(queue({ share }), { announced: 1000, tokens: 1 }, backoff).share;
    }
    expect(share).toBe(1 / 16);
    for (let i = 0; i < 20; i++) share = afterAcceptance(share);
    expect(share).toBe(1);
  });
});

test('polls become rarer with time: the first are quick, and a whole day takes few', () => {
  const bounds = { firstMs: 15_000, maxMs: 7_200_000 };
  expect(pollDelayMs(0, bounds)).toBe(15_000);
  expect(pollDelayMs(400_000, bounds)).toBe(200_000);
  expect(pollDelayMs(86_400_000, bounds)).toBe(7_200_000);
  let checks = 0;
  for (let t = 0; t < 86_400_000; t += pollDelayMs(t, bounds)) checks++;
  // A check is an activity and a timer: with the start and the end, a thousand items take at most 60 actions.
  expect(2 * checks + 4).toBeLessThanOrEqual(60);
});
