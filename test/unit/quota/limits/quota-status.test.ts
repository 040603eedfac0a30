import {
  alertsAt,
  keepsUntilReset,
  type LimitLevel,
  quotaStatus,
  withFileItems,
} from '../../../../quota/limits/quota-status';

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
  level({ name: 'daily', kind: 'calendar', limit: 1000, used, resetsAt: 9, mode, threshold: 0.8 });

test('what is left of the minute and used of the day', () => {
  const tokens = level({ name: 'tokens', unit: 'tokens', limit: 4_000_000, used: 1000.5, resetsAt: 7 });
  expect(quotaStatus([level({ used: 100 }), tokens, daily(500)])).toEqual({
    requests: { remaining: 4900, limit: 5000, resetsAt: null },
    tokens: { remaining: 3_998_999, limit: 4_000_000, resetsAt: 7 },
    usedToday: 500,
    dailyLimit: 1000,
    use: 0.5,
    shouldPause: false,
    reason: '',
    pausesUntil: null,
  });
});

test('calls that only keep a distance have no rest to report', () => {
  const spacing = level({ name: 'spacing', limit: 1, used: 1 });
  expect(quotaStatus([spacing]).requests).toBeNull();
  expect(quotaStatus([spacing, level({ used: 100 })]).requests).toMatchObject({ remaining: 4900 });
});

test('a bucket that is used to the full is no reason to pause; a day at its threshold is', () => {
  const full = level({ used: 5000 });
  expect(quotaStatus([full, daily(799)]).shouldPause).toBe(false);
  expect(quotaStatus([full, daily(800)])).toMatchObject({
    shouldPause: true,
    reason: 'daily is at 80 %, and background work pauses at 80 %',
  });
});

test('a limit that only watches is counted, and stops nothing', () => {
  expect(quotaStatus([daily(999, 'shadow')])).toMatchObject({
    usedToday: 999,
    dailyLimit: null,
    use: null,
    shouldPause: false,
  });
});

test('a rolling window of a second is a pace, one of a day a quota', () => {
  const rolling = (periodMs: number) => level({ name: 'r', kind: 'rolling', limit: 5, used: 5, periodMs });
  expect(quotaStatus([rolling(1000)])).toMatchObject({ use: null, shouldPause: false });
  expect(quotaStatus([rolling(86_400_000)])).toMatchObject({ use: 1, shouldPause: true });
});

test('of several limits of a day the one that is used most is shown', () => {
  const other = level({ name: 'devices', kind: 'calendar', limit: 10, used: 9, threshold: 1 });
  expect(quotaStatus([daily(500), other])).toMatchObject({ usedToday: 9, dailyLimit: 10, use: 0.9 });
});

test('a run’s own pause stands beside the account’s, whichever comes first', () => {
  const cap = { limit: 'daily', dailyLimit: 100, threshold: 0.8, calls: 80 };
  expect(quotaStatus([daily(79, 'shadow')], cap)).toMatchObject({
    usedToday: 79,
    dailyLimit: 100,
    use: 0.79,
    shouldPause: false,
    reason: '',
  });
  expect(quotaStatus([daily(80, 'shadow')], cap)).toMatchObject({
    shouldPause: true,
    reason: expect.stringContaining("80 % of this run's daily limit of 100 calls"),
  });
  expect(quotaStatus([daily(900)], cap).reason).toContain('daily is at 90 %');
  expect(quotaStatus([], cap)).toMatchObject({ usedToday: 0, use: 0, shouldPause: false });
});

test.each([
  [0.59, []],
  [0.6, ['warning']],
  [0.8, ['warning', 'critical']],
  [1.2, ['warning', 'critical', 'emergency']],
])('a use of %p has reached %j', (use, levels) => {
  expect(alertsAt(use)).toEqual(levels);
});

test('items in files are calls of the day, also when no call has been made in it', () => {
  const cap = { limit: 'daily', dailyLimit: 100, threshold: 0.8, calls: 80 };
  const files = { key: 'openai/texts/daily', items: 30, dayEndsAt: 99 };
  const ofCalls = { ...daily(50, 'shadow'), key: 'openai/texts/daily', resetsAt: 98 };
  expect(quotaStatus(withFileItems([ofCalls], cap, files), cap)).toMatchObject({
    usedToday: 80,
    shouldPause: true,
    pausesUntil: 98,
  });
  expect(quotaStatus(withFileItems([], cap, { ...files, items: 80 }), cap)).toMatchObject({
    usedToday: 80,
    dailyLimit: 100,
    pausesUntil: 99,
  });
});

test.each<[string, Partial<LimitLevel>, boolean]>([
  ['a day that is at its threshold', {}, true],
  ['a day that is only watched', { mode: 'shadow' }, false],
  ['a day that the vendor’s “too fast” blocks for a minute', { blockedUntil: 60_000 }, false],
  ['a bucket', { kind: 'bucket' }, false],
])('%s keeps a call until its window ends: %j', (_, change, expected) => {
  expect(keepsUntilReset({ ...daily(800), ...change })).toBe(expected);
});
