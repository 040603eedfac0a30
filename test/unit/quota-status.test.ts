import { alertsAt, type LimitLevel, quotaStatus } from '../../quota/quota-status';

const level = (change: Partial<LimitLevel>): LimitLevel => ({
  name: 'requests',
  unit: 'calls',
  kind: 'bucket',
  limit: 5000,
  used: 0,
  resetsAt: null,
  mode: 'enforce',
  ...change,
});
const daily = (used: number, mode: LimitLevel['mode'] = 'enforce') =>
  level({ name: 'daily', kind: 'calendar', limit: 1000, used, resetsAt: 9, mode });

test('what is left of the minute and used of the day', () => {
  const tokens = level({ name: 'tokens', unit: 'tokens', limit: 4_000_000, used: 1000.5, resetsAt: 7 });
  expect(quotaStatus([level({ used: 100 }), tokens, daily(500)], 0.8)).toEqual({
    requests: { remaining: 4900, limit: 5000, resetsAt: null },
    tokens: { remaining: 3_998_999, limit: 4_000_000, resetsAt: 7 },
    usedToday: 500,
    dailyLimit: 1000,
    use: 0.5,
    shouldPause: false,
    reason: '',
  });
});

test('a bucket that is used to the full is no reason to pause; a day at its threshold is', () => {
  const full = level({ used: 5000 });
  expect(quotaStatus([full, daily(799)], 0.8).shouldPause).toBe(false);
  expect(quotaStatus([full, daily(800)], 0.8)).toMatchObject({
    shouldPause: true,
    reason: 'daily is at 80 %, and background work pauses at 80 %',
  });
});

test('a limit that only watches is counted, and stops nothing', () => {
  expect(quotaStatus([daily(999, 'shadow')], 0.8)).toMatchObject({
    usedToday: 999,
    dailyLimit: null,
    use: null,
    shouldPause: false,
  });
});

test.each([
  [0.59, []],
  [0.6, ['warning']],
  [0.8, ['warning', 'critical']],
  [1.2, ['warning', 'critical', 'emergency']],
])('a use of %p has reached %j', (use, levels) => {
  expect(alertsAt(use)).toEqual(levels);
});
