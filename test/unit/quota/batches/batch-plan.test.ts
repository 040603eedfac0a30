import { type BatchLimit, planBatch } from '../../../../quota/batches/plan';

const NOW = Date.UTC(2026, 10, 24, 18);
const HOUR = 3_600_000;

const rpm = (used = 0): BatchLimit => ({
  name: 'requests',
  unit: 'calls',
  window: { kind: 'token-bucket', ratePerSecond: 5000 / 60, burst: 1 },
  used,
  share: 1,
  resetsAt: null,
});
const tpm: BatchLimit = {
  name: 'tokens',
  unit: 'tokens',
  window: { kind: 'token-bucket', ratePerSecond: 4_000_000 / 60, burst: 1 },
  used: 0,
  share: 1,
  resetsAt: null,
};
const daily = (count: number, used = 0, share = 0.8): BatchLimit => ({
  name: 'daily',
  unit: 'calls',
  window: { kind: 'calendar', count, per: 'day', zone: 'UTC' },
  used,
  share,
  resetsAt: null,
});

const base = { items: 42_888, tokensPerItem: 400, latencyMs: { min: 300, max: 3000 }, now: NOW };

test('42,888 items at 5,000 a minute take 8.6 minutes, with 250 in flight', () => {
  const plan = planBatch({ ...base, limits: [rpm(), tpm], concurrency: 300 });
  expect(plan.binding).toBe('requests');
  expect(plan.ms / 60_000).toBeCloseTo(8.63, 1);
  expect(plan.concurrencyNeeded).toBe(250);
});

test('sixteen in flight bind long before the rate does', () => {
  const plan = planBatch({ ...base, limits: [rpm(), tpm], concurrency: 16 });
  expect(plan.binding).toBe('calls in flight');
  expect(plan.ms / 60_000).toBeGreaterThan(70);
  expect(plan.concurrencyNeeded).toBe(250);
});

test('large texts are bound by tokens, and need fewer calls in flight', () => {
  const plan = planBatch({ ...base, tokensPerItem: 4000, limits: [rpm(), tpm], concurrency: 300 });
  expect(plan.binding).toBe('tokens');
  expect(plan.concurrencyNeeded).toBe(50);
});

test.each([
  [50_000_000, 0, 'requests', 0],
  [100_000, 50_000, 'daily', 6],
  [20_000, 0, 'daily', 6 + 24],
])('a daily limit of %i with %i used: %s binds', (count, used, binding, hours) => {
  const plan = planBatch({ ...base, limits: [rpm(), daily(count, used)], concurrency: 300 });
  expect(plan.binding).toBe(binding);
  if (binding === 'daily') expect(plan.constraints[0]?.ms).toBe(hours * HOUR);
});

test('what a full bucket holds goes at once', () => {
  const bucket: BatchLimit = { ...rpm(), window: { kind: 'token-bucket', ratePerSecond: 1, burst: 100 } };
  const plan = planBatch({ ...base, items: 100, limits: [bucket], concurrency: 100_000 });
  expect(plan.constraints.find((c) => c.name === 'requests')?.ms).toBe(0);
  expect(planBatch({ ...base, items: 0, limits: [bucket], concurrency: 1 }).ms).toBe(0);
});

test('a limit that only the vendor resets says that it cannot be known', () => {
  const limit: BatchLimit = { ...daily(10), window: { kind: 'vendor-reset', count: 10 } };
  expect(planBatch({ ...base, limits: [limit], concurrency: 10 }).ms).toBe(Number.POSITIVE_INFINITY);
});

/** Ten calls at once, in flight without end: what remains is the limit's own time. */
const alone = (window: BatchLimit['window'], levels: Partial<BatchLimit> = {}) =>
  planBatch({
    items: 10,
    tokensPerItem: 0,
    latencyMs: { min: 0, max: 0 },
    now: NOW,
    concurrency: 1_000_000,
    limits: [{ name: 'limit', unit: 'calls', window, used: 0, share: 1, resetsAt: null, ...levels }],
  });

test.each<[string, BatchLimit['window'], Partial<BatchLimit>, number]>([
  ['spacing costs a gap between each two calls', { kind: 'spacing', ms: 200 }, {}, 1800],
  ['a rolling window that holds all costs nothing', { kind: 'rolling', count: 10, ms: 1000 }, {}, 0],
  ['a rolling window of four takes two more windows', { kind: 'rolling', count: 4, ms: 1000 }, {}, 2000],
  [
    'a used rolling window starts when it is free',
    { kind: 'rolling', count: 10, ms: 1000 },
    { used: 10, resetsAt: NOW + 300 },
    300,
  ],
  [
    'a calendar hour ends where the vendor says',
    { kind: 'calendar', count: 5, per: 'hour', zone: 'UTC' },
    { resetsAt: NOW + 60_000 },
    60_000,
  ],
  [
    'a reserve does not make impossible what the limit holds, as in the database',
    { kind: 'rolling', count: 1, ms: 1000 },
    { share: 0.5 },
    9000,
  ],
  ['a vendor’s reset that holds all costs nothing', { kind: 'vendor-reset', count: 10 }, {}, 0],
  [
    'a vendor’s reset that is too small may never come',
    { kind: 'vendor-reset', count: 9 },
    {},
    Number.POSITIVE_INFINITY,
  ],
])('%s', (_, window, levels, ms) => {
  expect(alone(window, levels).ms).toBe(ms);
});

test('nothing to do takes no time, whatever the limits', () => {
  const plan = planBatch({ ...base, items: 0, limits: [], concurrency: 4 });
  expect(plan).toMatchObject({ ms: 0, concurrencyNeeded: null });
});

test('a day’s limit costs a night for each day but the first, and the last day its own time', () => {
  // 18:00: 8,000 may go today, 16,000 on each day that follows, and 2,888 are left for the third night.
  const limits = [rpm(), daily(20_000, 8000)];
  const plan = planBatch({ ...base, limits, concurrency: 300 });
  expect(plan.pauses).toBe(3);
  const lastDay = (2888 / 5000) * 60_000;
  expect(plan.ms - (6 + 48) * HOUR).toBeGreaterThan(lastDay - 1000);
  expect(plan.ms - (6 + 48) * HOUR).toBeLessThan(lastDay + 4000);
  expect(planBatch({ ...base, limits: [rpm()], concurrency: 300 }).pauses).toBe(0);
});
