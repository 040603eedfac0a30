import { type BatchLimit, planBatch } from '../../quota/batch-plan';

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
