import {
  capReason,
  dailyLimitOf,
  dayZone,
  fileCap,
  runCap,
  runTerms,
  voidTerms,
} from '../../../../quota/batches/run-terms';
import type { LimitTemplate } from '../../../../quota/limits/limit';

const daily = (count: number | null, reserve = 0.2): LimitTemplate => ({
  name: 'daily',
  operations: '*',
  scope: '{account}',
  unit: 'calls',
  window: { kind: 'calendar', count: count ?? 1_000_000_000, per: 'day', zone: 'UTC' },
  reserve: { background: reserve },
  mode: count === null ? 'shadow' : 'enforce',
  source: 'test',
});
const minute: LimitTemplate = {
  ...daily(9),
  name: 'minute',
  window: { kind: 'calendar', count: 9, per: 'minute', zone: 'UTC' },
};
const ACCOUNT = { quotaThreshold: 0.8, pauseMs: 86_400_000, quotaMonitoring: true, logInterval: 100 };

test('a run keeps the account’s terms but for those that it was given', () => {
  expect(runTerms(ACCOUNT, {})).toEqual(ACCOUNT);
  expect(runTerms(ACCOUNT, { pauseHours: 1.5, quotaMonitoring: false })).toEqual({
    ...ACCOUNT,
    pauseMs: 5_400_000,
    quotaMonitoring: false,
  });
  expect(runTerms(ACCOUNT, { quotaThreshold: 0.5, logInterval: 7 })).toMatchObject({
    quotaThreshold: 0.5,
    logInterval: 7,
  });
});

test('the daily limit is the one of calls a day', () => {
  expect(dailyLimitOf([minute, daily(100)])?.name).toBe('daily');
  expect(dailyLimitOf([minute, { ...daily(100), unit: 'tokens' }])).toBeNull();
});

test.each([
  ['nothing of its own', 1000, {}, 'background', null],
  ['a daily limit where the account has none', null, { dailyLimit: 100 }, 'background', 80],
  ['a lower daily limit', 1000, { dailyLimit: 100 }, 'background', 80],
  ['a higher one raises nothing', 1000, { dailyLimit: 5000 }, 'background', 800],
  ['both', 1000, { dailyLimit: 100, quotaThreshold: 0.95 }, 'background', 95],
  ['a threshold of the account’s limit', 1000, { quotaThreshold: 0.5 }, 'background', 500],
  ['a threshold of nothing', null, { quotaThreshold: 0.5 }, 'background', null],
  ['more important work has no threshold', 1000, { dailyLimit: 100 }, 'interactive', 100],
  ['a share that comes to less than one call', null, { dailyLimit: 1 }, 'background', 1],
  ['a product that falls short by rounding', null, { dailyLimit: 10, quotaThreshold: 0.7 }, 'background', 7],
] as const)('%s: account %p, run %j, %s, pauses at %p', (_, count, run, priority, calls) => {
  expect(runCap([minute, daily(count)], ACCOUNT, run, priority)?.calls ?? null).toBe(calls);
});

test('a run by files minds the account’s daily limit, too: its items ask no limit for leave', () => {
  expect(fileCap([daily(1000)], ACCOUNT, {}, 'background')?.calls).toBe(800);
  expect(fileCap([daily(1000)], ACCOUNT, { dailyLimit: 100 }, 'background')?.calls).toBe(80);
  expect(fileCap([daily(1000)], ACCOUNT, { quotaThreshold: 0.5 }, 'background')?.calls).toBe(500);
  expect(fileCap([daily(1000)], ACCOUNT, {}, 'live')?.calls).toBe(1000);
  expect(fileCap([daily(null)], ACCOUNT, {}, 'background')).toBeNull();
});

test('days are counted in the zone of the daily limit', () => {
  const window = { kind: 'calendar', count: 9, per: 'day', zone: 'Asia/Shanghai' } as const;
  expect(dayZone([minute, { ...daily(9), window }])).toBe('Asia/Shanghai');
  expect(dayZone([minute])).toBe('UTC');
});

test('an account without a limit of days has nothing that a run could lower', () => {
  expect(runCap([minute], ACCOUNT, { dailyLimit: 5 }, 'background')).toBeNull();
});

test('the reason says the limit, the share and what is used', () => {
  const cap = { limit: 'daily', dailyLimit: 100, threshold: 0.8, calls: 80 };
  expect(capReason(cap, 80)).toBe(
    "it pauses at 80 % of this run's daily limit of 100 calls, and the account has used 80 today",
  );
  expect(capReason({ ...cap, threshold: 1 }, 100)).toContain("at this run's daily limit of 100 calls");
  const accounts = fileCap([daily(1000)], ACCOUNT, { quotaThreshold: 0.5 }, 'background');
  expect(accounts && capReason(accounts, 600)).toContain("50 % of the account's daily limit of 1000 calls");
});

test.each([
  [1000, { dailyLimit: 5000 }, 'background', ["dailyLimit 5000: the account's own 1000 calls a day hold"]],
  [1000, { quotaThreshold: 0.9 }, 'background', ['quotaThreshold 0.9: background work']],
  [1000, { quotaThreshold: 0.9 }, 'interactive', []],
  [1000, { quotaThreshold: 0.9, dailyLimit: 500 }, 'background', []],
  [null, { quotaThreshold: 0.9 }, 'background', ['quotaThreshold 0.9: there is no daily limit']],
  [null, { quotaThreshold: 0.9, dailyLimit: 500 }, 'background', []],
  [1000, {}, 'background', []],
] as const)('account %p, run %j, %s: what cannot hold is said: %j', (count, run, priority, said) => {
  const found = voidTerms([daily(count)], run, priority).map(
    ({ term, value, why }) => `${term} ${value}: ${why}`,
  );
  expect(found).toHaveLength(said.length);
  for (const [i, text] of said.entries()) expect(found[i]).toContain(text);
});
