import { announcedWindow, isFullRefill, type WindowBelief } from '../../../../quota/limits/announced-window';
import fc from '../../../support/run/properties';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
const WINDOWS = [MINUTE, HOUR, DAY];

const of = (capacity: number, remaining?: number, resetMs?: number, before: WindowBelief | null = null) =>
  announcedWindow(before, { capacity, remaining, resetMs }, WINDOWS).ms;

test.each([
  ["a day's 10,000, one used", 10_000, 9999, 8640, DAY],
  ["a day's 200, one used", 200, 199, 432_000, DAY],
  ["a day's 14,400, thirty used", 14_400, 14_370, 179_560, DAY],
  ["a day's 1,000 in whole seconds", 1000, 998, 173_000, DAY],
  ["a minute's 5,000, one used", 5000, 4999, 12, MINUTE],
  ["a minute's 60 in whole seconds", 60, 59, 1000, MINUTE],
  ["a minute's 4,000,000 tokens", 4_000_000, 3_999_000, 15, MINUTE],
  ["an hour's 3,600", 3600, 3590, 10_000, HOUR],
  ['all of a day', 200, 0, DAY, DAY],
  ['nothing used', 10_000, 10_000, 0, MINUTE],
  ['no reset', 10_000, 9000, undefined, MINUTE],
  ['nothing left reported', 10_000, undefined, 8640, MINUTE],
  // A minute that ends at once, not bit by bit: no window of ours explains it.
  ['the end of a minute', 5000, 4900, 45_000, MINUTE],
] as const)('%s', (_, capacity, remaining, resetMs, expected) => {
  expect(of(capacity, remaining, resetMs)).toBe(expected);
});

test('whatever is used, a bucket that refills steadily reveals its window', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...WINDOWS),
      fc.integer({ min: 10, max: 1_000_000 }),
      fc.double({ min: 0.02, max: 1, noNaN: true }),
      (ms, capacity, share) => {
        const used = Math.max(2, capacity * share);
        const resetMs = Math.ceil((used * ms) / capacity);
        // Of milliseconds nothing can be said.
        fc.pre(resetMs > 50);
        expect(of(capacity, Math.floor(capacity - used), resetMs)).toBe(ms);
      },
    ),
  );
});

test('a window that is known is given up after two answers that contradict it, not after one', () => {
  const say = (before: WindowBelief | null, remaining: number, resetMs: number) =>
    announcedWindow(before, { capacity: 5000, remaining, resetMs }, WINDOWS);
  const minute = say(null, 4000, 12_000);
  const doubted = say(minute, 4998, 1440);
  expect([minute.ms, doubted.ms]).toEqual([MINUTE, MINUTE]);
  expect(say(doubted, 3990, 12_120)).toEqual({ ms: MINUTE, doubts: 0 });
  expect(say(doubted, 4997, 2160).ms).toBe(HOUR);
  // What says nothing neither confirms nor contradicts.
  expect(say(doubted, 5000, 0)).toEqual(doubted);
});

test('a reset that no window in use reaches, twice in a row, is that of a window that ends at once', () => {
  const after = (before: WindowBelief | null, remaining: number, resetMs: number) =>
    announcedWindow(before, { capacity: 50, remaining, resetMs }, WINDOWS);
  const first = after(null, 31, 11.4 * HOUR);
  const second = after(first, 30, 11.3 * HOUR);
  expect([first.ms, second.ms]).toEqual([MINUTE, DAY]);
  // Its end comes nearer, and is the end of a day still.
  expect(after(after(second, 2, 50_000), 1, 40_000)).toMatchObject({ ms: DAY, doubts: 0 });
  expect(after(first, 20, 400 * DAY).ms).toBe(MINUTE);
});

/** Answers of a vendor that counts from 0 again at the end of each window, whatever is left then. */
function* countedDown(
  ms: number,
  capacity: number,
  gapsMs: readonly number[],
  round: (ms: number) => number,
) {
  let [at, window, used] = [0, 0, 0];
  for (const gap of gapsMs) {
    at += gap;
    if (used >= capacity) at = Math.max(at, (window + 1) * ms);
    if (Math.floor(at / ms) !== window) [window, used] = [Math.floor(at / ms), 0];
    used++;
    yield { capacity, remaining: capacity - used, resetMs: round((window + 1) * ms - at) };
  }
}

test('a window that ends at once is not taken for a longer one that refills steadily', () => {
  const rounds = [
    Math.ceil,
    (ms: number) => 1000 * Math.ceil(ms / 1000),
    (ms: number) => 1000 * Math.floor(ms / 1000),
  ];
  const gap = fc.oneof(
    fc.constantFrom(0, 20, 100),
    fc.integer({ min: 0, max: 3000 }),
    fc.integer({ min: 0, max: 50_000 }),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(5, 20, 60, 100, 600, 1440, 5000, 10_000),
      fc.constantFrom(...rounds),
      fc.oneof(
        fc.array(gap, { minLength: 150, maxLength: 150 }),
        // Calls that keep step with the minute to some milliseconds look like those of a longer window for hours.
        gap.map((ms) => Array.from({ length: 150 }, () => 100 * Math.round(ms / 100))),
      ),
      (capacity, round, gapsMs) => {
        let belief: WindowBelief | null = null;
        let wrong = 0;
        for (const level of countedDown(MINUTE, capacity, gapsMs, round)) {
          belief = announcedWindow(belief, level, WINDOWS);
          if (belief.ms !== MINUTE) wrong++;
        }
        expect(wrong).toBeLessThanOrEqual(15);
      },
    ),
    {
      numRuns: 300,
      // Every second answer fits an hour's window, and the others contradict it.
      examples: [[60, Math.ceil, Array.from({ length: 150 }, () => 28_000)]],
    },
  );
});

/** Answers of a bucket that refills steadily. */
function* refilled(ms: number, capacity: number, gapsMs: readonly number[]) {
  let used = 0;
  for (const gap of gapsMs) {
    used = Math.min(Math.max(0, used - (gap * capacity) / ms), capacity - 1) + 1;
    yield { capacity, remaining: Math.floor(capacity - used), resetMs: Math.ceil((used * ms) / capacity) };
  }
}

test('a window that refills steadily is not taken for one that ends at once', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...WINDOWS),
      fc.constantFrom(5, 20, 60, 100, 600, 1440, 5000, 10_000),
      fc.array(fc.integer({ min: 0, max: 900_000 }), { minLength: 150, maxLength: 150 }),
      (ms, capacity, gapsMs) => {
        let belief: WindowBelief | null = null;
        let wrong = 0;
        for (const level of refilled(ms, capacity, gapsMs)) {
          belief = announcedWindow(belief, level, WINDOWS);
          if (belief.ms !== ms) wrong++;
        }
        expect(wrong).toBeLessThanOrEqual(4);
      },
    ),
    { numRuns: 300 },
  );
});

test('one that refills steadily is seen after a coincidence with the end of a minute', () => {
  const say = (before: WindowBelief | null, remaining: number, resetMs: number) =>
    announcedWindow(before, { capacity: 10_000, remaining, resetMs }, WINDOWS);
  const odd = say(null, 9000, 20_000);
  expect(odd.ms).toBe(MINUTE);
  const [first, second] = [say(odd, 9999, 8640), say(say(odd, 9999, 8640), 9998, 16_800)];
  expect(first.ms).toBe(MINUTE);
  expect(say(second, 9997, 25_000).ms).toBe(DAY);
});

test('a reset says when it is full again where the numbers fit together, or where nothing is left', () => {
  const full = (remaining: number, resetMs: number) =>
    isFullRefill({ ms: DAY, doubts: 0 }, { capacity: 200, remaining, resetMs });
  expect(full(150, 21_600_000)).toBe(true);
  expect(full(0, 30_000)).toBe(true);
  expect(full(50, 30_000)).toBe(false);
  // Perhaps the time to the next unit.
  expect(full(0, 400)).toBe(false);
  expect(full(200, 0)).toBe(false);
});
