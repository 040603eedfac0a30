import { refusedForBadRows } from '../../../../quota/windows/bad-rows';
import {
  type Doubt,
  doubtedHours,
  type RestatementPolicy,
  recheckDelayMs,
} from '../../../../quota/windows/restatement';
import { meansEmpty, retryDistanceMs } from '../../../../quota/windows/window-retry';
import fc from '../../../support/run/properties';

const HOUR = 3_600_000;
const NOW = 1_000 * HOUR;
const POLICY: RestatementPolicy = { doubtShare: 0.5, usualLoss: 0.05, answers: 3, overMs: 72 * HOUR };

const rows = (...counts: number[]) => new Map(counts.map((count, hour) => [hour * HOUR, count] as const));
const judge = (
  known: readonly number[],
  reported: readonly number[],
  doubts: ReadonlyMap<number, Doubt> = new Map(),
  policy = POLICY,
) =>
  doubtedHours({ known: rows(...known), reported: rows(...reported), doubts, policy, now: NOW }).map(
    ({ hour }) => hour / HOUR,
  );

describe('hours that are doubted', () => {
  test.each([
    ['an empty document over hours that have rows', [5, 0, 1], [], [0, 2]],
    ['one row in place of three', [3], [1], [0]],
    ['half of the rows, and no less', [10, 10], [5, 5], []],
    ['a tenth of the rows', [10, 10], [1, 1], [0, 1]],
    ['an hour that loses two while others are whole', [2, 100], [0, 100], []],
    ['an hour that loses three of four', [4, 100], [1, 100], []],
    ['an hour that loses all of three', [3, 100], [0, 100], [0]],
    ['an hour of twelve that comes back with five', [12, 100], [5, 100], [0]],
    ['with one', [12, 100], [1, 100], [0]],
    ['with none', [12, 100], [0, 100], [0]],
    ['with six', [12, 100], [6, 100], []],
    ['every other hour is missing', [8, 8, 8, 8, 8], [8, 0, 8, 0, 8], [1, 3]],
    ['a restatement that takes a third everywhere', [12, 300], [5, 200], []],
    ['and all of one hour', [12, 300], [0, 200], [0]],
    ['an hour that loses many while others are whole', [50, 100], [2, 100], [0]],
    ['hours in a row that lose few each and many together', [8, 0, 9, 7, 100], [0, 0, 0, 0, 100], [0, 2, 3]],
    ['known hours that are empty beside new ones that are full', [5, 0], [0, 500], [0]],
    ['more rows than before', [5, 5], [9, 9], []],
    ['nothing known', [], [], []],
  ])('%s', (_, known, reported, hours) => expect(judge(known, reported)).toEqual(hours));

  test('without a share only empty ones', () => {
    const policy = { ...POLICY, doubtShare: 0 };
    expect(judge([100, 100], [1, 1], new Map(), policy)).toEqual([]);
    expect(judge([100, 100], [], new Map(), policy)).toEqual([0, 1]);
  });

  test('a loss that is usual is believed', () => {
    expect(judge([12, 100], [5, 100], new Map(), { ...POLICY, usualLoss: 0.4 })).toEqual([]);
    expect(judge([12, 100], [0, 100], new Map(), { ...POLICY, usualLoss: 0.4 })).toEqual([0]);
    expect(judge([12, 100], [0, 100], new Map(), { ...POLICY, usualLoss: 1 })).toEqual([]);
    expect(judge([1, 100], [0, 100], new Map(), { ...POLICY, usualLoss: 0 })).toEqual([0]);
  });

  test('of hours that lose rows one by one hardly any is doubted', () => {
    let seed = 7;
    const next = () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    let doubted = 0;
    for (let document = 0; document < 100; document++) {
      const known = Array.from({ length: 336 }, () => Math.floor(next() * 12));
      const reported = known.map((rows) => Array.from({ length: rows }, next).filter((n) => n > 0.03).length);
      doubted += judge(known, reported).length;
    }
    expect(doubted).toBeLessThan(34);
  });

  test.each([
    ['two answers over days are too few', 1, 100, false, [0]],
    ['three within two days are too early', 2, 48, false, [0]],
    ['three over three days are believed', 2, 72, false, []],
    ['an operator is believed at once', 1, 0, true, []],
  ])('%s', (_, answers, hoursAgo, accepted, hours) => {
    const doubts = new Map([[0, { answers, firstAt: NOW - hoursAgo * HOUR, accepted }]]);
    expect(judge([5], [], doubts)).toEqual(hours);
  });

  test('an empty document never takes a row away at its first arrival', () => {
    const counts = fc.array(fc.nat(50), { maxLength: 30 });
    fc.assert(
      fc.property(counts, (known) => {
        const expected = known.flatMap((count, hour) => (count > 0 ? [hour] : []));
        expect(judge(known, [])).toEqual(expected);
      }),
    );
  });

  test('of a document as a whole, never more than the share is lost unless it is believed', () => {
    const counts = fc.array(fc.tuple(fc.nat(200), fc.nat(200)), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(counts, (pairs) => {
        const known = pairs.map(([before]) => before);
        const reported = pairs.map(([, after]) => after);
        const kept = new Set(judge(known, reported));
        const left = known.reduce((sum, before, hour) => {
          const after = kept.has(hour) ? before : (reported[hour] ?? 0);
          return before > 0 ? sum + after : sum;
        }, 0);
        expect(left).toBeGreaterThanOrEqual(0.5 * known.reduce((a, b) => a + b, 0));
      }),
    );
  });
});

test('distances grow, and end', () => {
  expect([1, 2, 3, 4, 5].map((n) => recheckDelayMs(n) / HOUR)).toEqual([2, 6, 18, 24, 24]);
  expect([1, 2, 3, 9].map((n) => retryDistanceMs('fatal', n) / HOUR)).toEqual([24, 48, 96, 168]);
  expect([1, 2, 3].map((n) => (retryDistanceMs('failed', n) / HOUR) * 60)).toEqual([5, 15, 45]);
  expect([1, 2, 3, 9].map((n) => retryDistanceMs('cancelled', n) / HOUR)).toEqual([0.5, 1.5, 4.5, 24]);
  expect([1, 2].map((n) => retryDistanceMs('lost', n, 60_000))).toEqual([60_000, 120_000]);
  expect([1, 2, 3].map((n) => meansEmpty('cancelled', n))).toEqual([false, false, true]);
  expect(meansEmpty('fatal', 9)).toBe(false);
});

describe('a document with bad rows', () => {
  const setAside = { onBadRow: 'setAside', maxShare: 0.05 } as const;
  test.each([
    [1, 1, null],
    [5, 10, null],
    [5, 11, '11 of 16 rows cannot be used, more than 5 % (badRowShare)'],
    [1_000, 50, null],
    [1_000, 53, '53 of 1053 rows cannot be used, more than 5 % (badRowShare)'],
    [0, 1, "1 of 1 row cannot be used: the vendor's rows are not the requested ones, or of another shape"],
    [0, 0, null],
  ])('%i good and %i bad: %s', (good, bad, reason) => {
    expect(refusedForBadRows(good, bad, setAside)).toBe(reason);
  });
  test('is refused for a single one when the settings say so', () => {
    const refuse = { onBadRow: 'refuse', maxShare: 1 } as const;
    expect(refusedForBadRows(100, 1, refuse)).toMatch(/onBadRow is refuse/);
    expect(refusedForBadRows(100, 0, refuse)).toBeNull();
  });
});
