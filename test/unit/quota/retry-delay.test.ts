import { backoffFor, MIN_DELAY_MS, type RetryPolicies, retryDelayMs } from '../../../quota/retry-delay';
import { clipMessage, describeEvidence, type VerdictKind } from '../../../quota/verdict';
import fc from '../../support/run/properties';

const rate = { baseMs: 60_000, maxMs: 300_000, attempts: 4 };
const server = { baseMs: 500, maxMs: 4_000, attempts: 4 };
const policies: RetryPolicies = { rate, server };

describe('retryDelayMs', () => {
  test.each([
    [1, 500],
    [2, 1_000],
    [3, 2_000],
    [4, 4_000],
    [5, 4_000],
    [1_000_000, 4_000],
    [0, 500],
    [-3, 500],
    [Number.NaN, 500],
  ])('doubles from the base to the cap: attempt %p waits %i ms', (attempt, ms) => {
    expect(retryDelayMs(server, attempt, null, 0)).toBe(ms);
  });

  test.each([
    [-1, 54_000],
    [0, 60_000],
    [1, 66_000],
    [9, 66_000],
    [Number.NaN, 60_000],
  ])('jitter %p moves a modelled wait by at most a tenth: %i ms', (jitter, ms) => {
    expect(retryDelayMs(rate, 1, null, jitter)).toBe(ms);
  });

  test.each([
    [798_000, 798_000],
    [1_000.2, 1_001],
    [86_400_000, 86_400_000],
    [1, MIN_DELAY_MS],
    [0, MIN_DELAY_MS],
    [-1, MIN_DELAY_MS],
  ])('a stated wait of %p ms wins over the model: %i ms', (stated, ms) => {
    expect(retryDelayMs(rate, 3, stated, -1)).toBe(ms);
  });

  test('a stated wait that is no number leaves the model in force', () => {
    expect(retryDelayMs(rate, 1, Number.NaN, 0)).toBe(60_000);
    expect(retryDelayMs(rate, 1, Number.POSITIVE_INFINITY, 0)).toBe(60_000);
  });

  test('is a whole number, never below the minimum nor the stated wait, never above the cap and its jitter', () => {
    const policy = fc.record({ baseMs: fc.nat(1e6), maxMs: fc.nat(1e9), attempts: fc.nat(10) });
    const stated = fc.option(fc.double({ min: -1e3, max: 1e12, noNaN: true }));
    fc.assert(
      fc.property(policy, fc.integer(), stated, fc.double(), (p, attempt, wait, jitter) => {
        const ms = retryDelayMs(p, attempt, wait, jitter);
        expect(Number.isInteger(ms)).toBe(true);
        expect(ms).toBeGreaterThanOrEqual(MIN_DELAY_MS);
        if (wait !== null) expect(ms).toBeGreaterThanOrEqual(wait);
        else expect(ms).toBeLessThanOrEqual(Math.max(MIN_DELAY_MS, Math.ceil(p.maxMs * 1.1)));
      }),
    );
  });

  test('grows with the attempt', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        (n) => retryDelayMs(rate, n + 1, null, 0) >= retryDelayMs(rate, n, null, 0),
      ),
    );
  });
});

test('only rate and server verdicts are retried in place', () => {
  expect(backoffFor(policies, 'rate')).toBe(rate);
  expect(backoffFor(policies, 'server')).toBe(server);
  const others: VerdictKind[] = ['ok', 'quota', 'auth', 'billing', 'blocked', 'gone', 'pending', 'invalid'];
  for (const kind of others) expect(backoffFor(policies, kind)).toBeNull();
});

describe('evidence in one line', () => {
  const base = { vendor: 'amazon', account: 'main', operation: 'createReport' };
  test.each([
    [
      { ...base, httpStatus: 429, code: 'QuotaExceeded', message: 'You exceeded…', requestId: '4711' },
      '429 QuotaExceeded "You exceeded…" (createReport, request 4711)',
    ],
    [{ ...base, httpStatus: 200 }, '200 (createReport)'],
    [{ ...base, message: 'ECONNRESET' }, 'no response "ECONNRESET" (createReport)'],
  ])('%j', (evidence, line) => {
    expect(describeEvidence(evidence)).toBe(line);
  });
  test('a message is cut to 500 characters, the last of which says so', () => {
    expect(clipMessage('x'.repeat(500))).toHaveLength(500);
    expect(clipMessage('x'.repeat(501))).toBe(`${'x'.repeat(499)}…`);
  });
  test('what Postgres cannot store as JSON does not get through', () => {
    expect(clipMessage('a\u0000\n\u001bb')).toBe('a b');
    expect(clipMessage('\ud83d!')).toBe('\ufffd!');
    // The cut would fall into the middle of the last emoji.
    expect(clipMessage(`${'x'.repeat(498)}\u{1f600}yy`)).toBe(`${'x'.repeat(498)}\ufffd…`);
  });
});
