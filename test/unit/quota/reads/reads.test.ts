import { readRetryMs } from '../../../../quota/reads/backoff';
import { decideRead, type ReadStanding } from '../../../../quota/reads/decision';
import fc from '../../../support/run/properties';

const NOW = 1_000_000_000;
const DAY = 86_400_000;
const never: ReadStanding = {
  now: NOW,
  answeredAt: null,
  streamedAt: null,
  failures: 0,
  failedAt: null,
  retryAt: null,
  askedAt: null,
  leaseUntil: null,
};
const wish = { askedAt: NOW, maxAgeMs: 60_000, force: false };

test('what keeps failing costs a dozen calls a day, and what is refused a handful', () => {
  for (const [kind, most] of [
    ['passing', 14],
    ['refused', 5],
  ] as const) {
    let calls = 0;
    for (let at = 0; at < DAY; at += readRetryMs(kind, calls)) calls++;
    expect(calls).toBeLessThanOrEqual(most);
  }
});

test('a wait that the vendor states is never cut short, and distances never shrink', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('passing', 'refused'),
      fc.integer({ min: 1, max: 1000 }),
      fc.nat(),
      (kind, n, wait) => {
        expect(readRetryMs(kind, n, wait)).toBeGreaterThanOrEqual(wait);
        expect(readRetryMs(kind, n + 1)).toBeGreaterThanOrEqual(readRetryMs(kind, n));
      },
    ),
  );
});

test('fresh enough is answered, also while somebody asks or after failures', () => {
  const answered = { ...never, answeredAt: NOW - 60_000, leaseUntil: NOW + 5, retryAt: NOW + 5 };
  expect(decideRead(answered, wish)).toEqual({ kind: 'answer' });
  expect(decideRead({ ...answered, answeredAt: NOW - 60_001, leaseUntil: null }, wish)).toEqual({
    kind: 'held-back',
    until: NOW + 5,
  });
  expect(decideRead({ ...answered, answeredAt: NOW - 90_000, streamedAt: NOW }, wish).kind).toBe('answer');
});

test('without an answer the vendor is called; a valid lease is waited for; one that ran out counts as a failure', () => {
  expect(decideRead(never, wish)).toEqual({ kind: 'call' });
  expect(decideRead({ ...never, leaseUntil: NOW + 1 }, wish)).toEqual({ kind: 'wait' });
  const lost = { ...never, leaseUntil: NOW - 1, askedAt: NOW - 11_000 };
  expect(decideRead(lost, wish)).toEqual({ kind: 'call' });
  expect(decideRead({ ...lost, failures: 1 }, wish)).toEqual({ kind: 'held-back', until: NOW + 19_000 });
});

test('force goes past earlier failures, and not past the one that has just been', () => {
  const failed = { ...never, failures: 1, failedAt: NOW - 10, retryAt: NOW + 1000 };
  expect(decideRead(failed, { ...wish, force: true })).toEqual({ kind: 'call' });
  expect(decideRead({ ...failed, failedAt: NOW + 1, now: NOW + 2 }, { ...wish, force: true }).kind).toBe(
    'held-back',
  );
});
