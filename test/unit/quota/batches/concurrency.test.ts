import {
  decideConcurrency,
  DEFAULT_CONCURRENCY as P,
  startingConcurrency,
} from '../../../../quota/batches/concurrency';
import fc from '../../../support/run/properties';

const sample = (current: number, succeeded: number, failed: number, quotaUse: number | null = 0.1) => ({
  current,
  succeeded,
  failed,
  quotaUse,
});

describe('decideConcurrency, with the defaults', () => {
  test.each([
    ['all goes well', sample(4, 20, 0), 8, 'up'],
    ['95 % is not above 95 %', sample(8, 19, 1), 8, 'keep'],
    ['half of the quota is used', sample(8, 40, 0, 0.5), 8, 'keep'],
    ['nothing is known of the quota', sample(8, 40, 0, null), 16, 'up'],
    ['a fifth failed: not yet too many', sample(8, 16, 4), 8, 'keep'],
    ['more than a fifth failed', sample(16, 30, 10), 8, 'down'],
    ['quota use above 90 %', sample(16, 40, 0, 0.91), 12, 'down'],
    ['quota use above 90 % needs no sample', sample(16, 0, 0, 0.95), 12, 'down'],
    ['too few calls to judge', sample(8, 3, 2), 8, 'keep'],
    ['a whole round without a failure is enough', sample(8, 8, 0), 16, 'up'],
    ['less than a round does not', sample(8, 7, 0), 8, 'keep'],
    ['one failure, and a round is too few to judge', sample(8, 8, 1), 8, 'keep'],
    ['never above the maximum', sample(16, 40, 0), 16, 'keep'],
    ['never below the minimum', sample(4, 0, 40), 4, 'keep'],
  ])('%s', (_, given, next, change) => {
    expect(decideConcurrency(P, given)).toMatchObject({ next, change });
  });

  test('each decision says why, with its numbers', () => {
    expect(decideConcurrency(P, sample(16, 30, 10)).reason).toBe('too many errors: errors 25 %, quota 10 %');
  });
});

test('for any sample: within bounds, whole, by no more than a factor of two, in the right direction', () => {
  const policy = fc
    .tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 500 }))
    .map(([min, more]) => ({ ...P, min, max: min + more }));
  const count = fc.integer({ min: 0, max: 1000 });
  const use = fc.option(fc.double({ min: 0, max: 1.5, noNaN: true }));
  fc.assert(
    fc.property(
      policy,
      fc.double({ min: 0, max: 1, noNaN: true }),
      count,
      count,
      use,
      (p, at, ok, bad, quota) => {
        const current = Math.round(p.min + at * (p.max - p.min));
        const { next, change } = decideConcurrency(p, sample(current, ok, bad, quota));
        expect(Number.isInteger(next)).toBe(true);
        expect(next).toBeGreaterThanOrEqual(p.min);
        expect(next).toBeLessThanOrEqual(p.max);
        expect(next).toBeLessThanOrEqual(2 * current);
        expect(next * 2 + 1).toBeGreaterThanOrEqual(current);
        expect(Math.sign(next - current)).toBe({ up: 1, down: -1, keep: 0 }[change]);
        if (bad > ok && ok + bad >= p.sample) expect(next).toBeLessThanOrEqual(current);
      },
    ),
  );
});

test('all well and a little use: the maximum is reached; errors bring the minimum back', () => {
  let current = 4;
  for (let i = 0; i < 20; i++) current = decideConcurrency({ ...P, max: 300 }, sample(current, 100, 0)).next;
  expect(current).toBe(300);
  for (let i = 0; i < 20; i++) current = decideConcurrency({ ...P, max: 300 }, sample(current, 0, 100)).next;
  expect(current).toBe(4);
});

describe('a page begins with', () => {
  const policy = { min: 4, max: 64 };
  const cut = (concurrency: number, ageMs = 10_000) => ({ concurrency, endedWell: false, ageMs });
  const ended = (concurrency: number, ageMs = 10_000) => ({ concurrency, endedWell: true, ageMs });
  test.each([
    ['the least, the first time', null, null, 4, 'the first page begins with the least'],
    ['what was handed on', 32, null, 32, 'as the page before'],
    ['what was handed on, after a page that ended by itself', 32, ended(32), 32, 'as the page before'],
    [
      'what a page that ended by itself left, where nothing was handed on',
      null,
      ended(16),
      16,
      'as the page',
    ],
    [
      'half of what was good, after one that was cut short',
      8,
      cut(50),
      25,
      'cut short 10 s ago: half of the 50',
    ],
    ['half of what was good, though more was handed on', 64, cut(10), 5, 'half of the 10'],
    ['no less than the least', null, cut(5), 4, 'half of the 5'],
    ['no more than is allowed now', null, cut(1000), 64, 'half of the 1000'],
    ['no more than is allowed now, of what was handed on', 500, null, 64, 'as the page before'],
    ['half, at the end of five minutes', null, cut(40, 300_000), 20, 'cut short 300 s ago'],
    ['the least, after a longer pause', 32, cut(40, 301_000), 4, 'the last page was 5 min ago: as at first'],
    ['the least, after a day', 32, ended(40, 86_400_000), 4, 'the last page was 1440 min ago: as at first'],
  ])('%s', (_, carried, known, start, reason) => {
    expect(startingConcurrency(policy, carried, known)).toEqual({
      start,
      reason: expect.stringContaining(reason),
    });
  });
});
