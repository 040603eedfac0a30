import { renewAfterMs, resume, retryAfterMs } from '../../../../quota/streams/continuity';

const GAP = 60_000;

test.each([
  ['no connection before', { since: null, aliveAt: null }, 1_000_000, { since: 1_000_000, seed: true }],
  ['a short gap', { since: 5, aliveAt: 1_000_000 - GAP }, 1_000_000, { since: 5, seed: false }],
  ['a long gap', { since: 5, aliveAt: 1_000_000 - GAP - 1 }, 1_000_000, { since: 1_000_000, seed: true }],
  [
    'a clock that was put back',
    { since: 2_000_000, aliveAt: 2_000_000 },
    1_000_000,
    { since: 1_000_000, seed: true },
  ],
])('%s', (_, before, now, expected) => {
  expect(resume(before, now, GAP)).toEqual(expected);
});

test('a connection is renewed before its token ends, later than a token counts as old', () => {
  for (const lifeMs of [1, 4_000, 60_000, 240_000, 3_600_000]) {
    const left = lifeMs - renewAfterMs(lifeMs);
    expect(left).toBeGreaterThan(0);
    // store/secrets/fresh-token.ts: a minute, or a quarter of a shorter life.
    expect(left).toBeLessThan(Math.min(60_000, lifeMs / 4));
  }
  expect(renewAfterMs(-5)).toBe(0);
});

test('tries grow rarer, up to five minutes', () => {
  expect([1, 2, 3, 50].map((failures) => retryAfterMs(failures))).toEqual([1000, 2000, 4000, 300_000]);
});
