import type { Pool } from 'pg';
import { LimitFeedback } from '../../../../../activities/gateway/verdicts/limit-feedback';
import type { LimitTemplate } from '../../../../../quota/limits/limit';
import { createPool } from '../../../../../store/db';
import { listEvents } from '../../../../../store/events/events';
import { lowerRate, raiseRate } from '../../../../../store/permits/limit-feedback';
import { learnLimit, listLimits, registerLimits, takePermits } from '../../../../../store/permits/permits';
import { registerPool } from '../../../../../store/pools/pools';
import { openaiPool } from '../../../../../vendors/openai/limits';
import { STEADY_ZONE } from '../../../../support/stacks/due-hours';
import { type TestDatabase, testDatabase, uniqueName } from '../../../../support/stacks/embedded';

let database: TestDatabase;
let db: Pool;

beforeAll(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 4, applicationName: 'test' });
});

afterAll(async () => {
  await db.end();
  await database.drop();
});

/** A bucket that refills by a unit in ten days, so that levels can be compared. */
async function bucket(
  unit: 'calls' | 'tokens',
  burst: number,
  ratePerSecond = 1 / 864_000,
  pool = uniqueName('openai/test'),
): Promise<string> {
  const template: LimitTemplate = {
    name: unit,
    operations: '*',
    scope: '{account}',
    unit,
    window: { kind: 'token-bucket', ratePerSecond, burst },
    mode: 'enforce',
    source: 'a test',
  };
  await registerPool(db, pool, openaiPool);
  await registerLimits(db, pool, [{ key: `${pool}/${unit}`, template }]);
  return pool;
}

async function take(pool: string, unit: string, units: number): Promise<number> {
  const charges = [{ key: `${pool}/${unit}`, units }];
  const [permit] = await takePermits(db, [{ pool, priority: 'background', charges }], 0);
  if (!permit?.granted) throw new Error('no permit');
  return permit.departAt;
}

const rate = async (pool: string) => (await listLimits(db, pool))[0]?.ratePerSecond;
const used = async (pool: string) => Math.round((await listLimits(db, pool))[0]?.used ?? Number.NaN);

/** How much of a bucket was used at an instant in ms: what it refills until somebody looks depends on the machine. */
async function usedAt(pool: string, at: string): Promise<number> {
  const { rows } = await db.query<{ used: number }>(
    `select (tat - (${at})) / period_ms as used from limits where pool = $1`,
    [pool],
  );
  return rows[0]?.used ?? Number.NaN;
}
async function databaseNow(): Promise<string> {
  const { rows } = await db.query<{ now: number }>('select now_ms() as now');
  return String(rows[0]?.now);
}

test('true costs of many calls are booked together, up and down', async () => {
  const pool = await bucket('tokens', 100_000);
  const key = `${pool}/tokens`;
  const feedback = new LimitFeedback(db);
  const departures: number[] = [];
  for (let i = 0; i < 10; i++) departures.push(await take(pool, 'tokens', 500));
  expect(await used(pool)).toBe(5000);
  await Promise.all(departures.map((at, i) => feedback.settle(key, i < 5 ? -200 : 100, at)));
  expect(await used(pool)).toBe(4500);
});

test('somebody else’s spending is seen: what the vendor has left wins where it is less', async () => {
  const pool = await bucket('calls', 1000);
  const feedback = new LimitFeedback(db);
  await take(pool, 'calls', 1);
  const [mark] = feedback.depart([{ key: `${pool}/calls`, units: 1 }], Date.now());
  if (!mark) throw new Error('no mark');
  await feedback.learn(mark, { limit: 'calls', capacity: 1000, remaining: 300 }, 0);
  expect(await used(pool)).toBe(700);
  await feedback.learn(mark, { limit: 'calls', capacity: 1000, remaining: 900 }, 0);
  expect(await used(pool)).toBe(700);
});

test('what was left at a departure is carried to now: refilled since, less what has departed since', async () => {
  const pool = await bucket('calls', 1000);
  const key = `${pool}/calls`;
  const feedback = new LimitFeedback(db);
  const [first] = feedback.depart([{ key, units: 1 }], Date.now());
  for (let i = 0; i < 50; i++) feedback.depart([{ key, units: 1 }], Date.now());
  if (!first) throw new Error('no mark');
  // 10 units a second, for 2 s: 400 (and the fraction that was cut off) + 20 − 50 are left.
  const before = await databaseNow();
  await feedback.learn(first, { limit: 'calls', ratePerSecond: 10, remaining: 400 }, 2000);
  const after = await databaseNow();
  // It was learned between the two.
  expect(await usedAt(pool, after)).toBeLessThanOrEqual(1000 - 370);
  expect(await usedAt(pool, before)).toBeGreaterThanOrEqual(1000 - 371);
});

test('where an answer says what is left and not of how much, the limit as it is known carries it to now', async () => {
  const pool = await bucket('calls', 1000);
  const key = `${pool}/calls`;
  const feedback = new LimitFeedback(db);
  const [first] = feedback.depart([{ key, units: 1 }], Date.now());
  for (let i = 0; i < 50; i++) feedback.depart([{ key, units: 1 }], Date.now());
  if (!first) throw new Error('no mark');
  const refill = { ratePerSecond: 10, capacity: 1000 };
  await feedback.learn(first, { limit: 'calls', remaining: 400 }, 2000, refill);
  expect(await used(pool)).toBe(1000 - 371);
  // What is only known is not announced.
  expect(await rate(pool)).toBeCloseTo(1 / 864_000);
});

test('an error of the database reaches those who wait, and the next booking works', async () => {
  const pool = await bucket('tokens', 100);
  const key = `${pool}/tokens`;
  const at = await take(pool, 'tokens', 10);
  const feedback = new LimitFeedback(db);
  const ended = createPool(database.url);
  await ended.end();
  await expect(new LimitFeedback(ended).settle(key, 1, at)).rejects.toThrow('pool');
  await feedback.settle(key, 5, at);
  expect(await used(pool)).toBe(15);
});

test('a limit that is lower than it says is lowered once for all that was on the way, whatever headers announce', async () => {
  const pool = await bucket('calls', 10, 10);
  const key = `${pool}/calls`;
  const departures: number[] = [];
  for (let i = 0; i < 6; i++) departures.push(await take(pool, 'calls', 1));
  const feedback = new LimitFeedback(db);
  expect(await feedback.refused([{ key, units: 1 }], { departAt: departures[0] ?? 0 })).toEqual([
    { key, kind: 'limit.lowered', ratePerSecond: expect.closeTo(9) },
  ]);
  expect(await usedAt(pool, 'emptied_at')).toBeCloseTo(10);
  expect(await feedback.refused([{ key, units: 1 }], { departAt: departures[5] ?? 0 })).toEqual([]);
  expect(await learnLimit(db, { key, ratePerSecond: 10, capacity: 10 })).toBe(false);
  expect(await rate(pool)).toBeCloseTo(9);
  expect(await lowerRate(db, key, { departAt: Date.now() + 60_000 })).toBeCloseTo(8.1);
  // Another rate is announced: the same share of it.
  expect(await learnLimit(db, { key, ratePerSecond: 100 })).toBe(true);
  expect(await rate(pool)).toBeCloseTo(81);
  // Other settings are believed anew.
  await bucket('calls', 10, 50, pool);
  expect(await rate(pool)).toBeCloseTo(50);
});

test('a burst that was too large empties the bucket, and its rate stays', async () => {
  const pool = await bucket('calls', 1000, 10);
  const key = `${pool}/calls`;
  const at = await take(pool, 'calls', 1);
  expect(await lowerRate(db, key, { departAt: at })).toBeNull();
  expect(await usedAt(pool, 'emptied_at')).toBeCloseTo(1000);
  expect(await rate(pool)).toBeCloseTo(10);
  expect(await lowerRate(db, key, { departAt: at + 60_000 })).toBeCloseTo(9);
});

test('a lowered rate rises by a hundredth when nothing was refused for ten seconds, up to the whole', async () => {
  const pool = await bucket('calls', 1, 10);
  const key = `${pool}/calls`;
  expect(await lowerRate(db, key, { departAt: await take(pool, 'calls', 1) })).toBeCloseTo(9);
  const raised = async (ms: number) => {
    const { rows } = await db.query('select limit_recover($1, now_ms() + $2) as rate', [key, ms]);
    return rows[0].rate;
  };
  expect(await raiseRate(db, key)).toBeNull();
  expect(await raised(9000)).toBeNull();
  expect(await raised(11_000)).toBeCloseTo(9.1);
  expect(await raised(12_000)).toBeNull();
  for (let i = 2; i <= 10; i++) expect(await raised(i * 11_000)).toBeCloseTo(9 + i / 10);
  expect(await raised(1_000_000)).toBeNull();
});

test('a new size is reported to operators, once', async () => {
  const pool = await bucket('calls', 60);
  const feedback = new LimitFeedback(db);
  const [mark] = feedback.depart([{ key: `${pool}/calls`, units: 1 }], Date.now());
  if (!mark) throw new Error('no mark');
  for (let i = 0; i < 3; i++) await feedback.learn(mark, { limit: 'calls', capacity: 500 }, 0);
  const events = await listEvents(db, { pool, limit: 10 });
  expect(events.map((e) => [e.kind, e.data])).toEqual([
    ['limit.learned', { limit: `${pool}/calls`, capacity: 500, ratePerSecond: expect.any(Number) }],
  ]);
});

test('what was left before a window turned says nothing about the new one', async () => {
  const pool = uniqueName('openai/test');
  const key = `${pool}/daily`;
  const window = { kind: 'calendar', count: 100, per: 'day', zone: STEADY_ZONE } as const;
  const template: LimitTemplate = {
    name: 'daily',
    operations: '*',
    scope: '',
    unit: 'calls',
    window,
    mode: 'enforce',
    source: 'a test',
  };
  await registerPool(db, pool, openaiPool);
  await registerLimits(db, pool, [{ key, template }]);
  // The day began a moment ago, with the first call of it.
  const began = Date.now() - 50;
  await db.query('update limits set used = 1, window_from = $2, resets_at = $3 where key = $1', [
    key,
    began,
    began + 86_400_000,
  ]);
  const feedback = new LimitFeedback(db);
  const [old] = feedback.depart([{ key, units: 1 }], began - 1000);
  const [fresh] = feedback.depart([{ key, units: 1 }], began + 10);
  if (!old || !fresh) throw new Error('no mark');
  await feedback.learn(old, { limit: 'daily', remaining: 3 }, 1050);
  expect(await used(pool)).toBe(1);
  await feedback.learn(fresh, { limit: 'daily', remaining: 60 }, 40);
  expect(await used(pool)).toBe(40);
});
