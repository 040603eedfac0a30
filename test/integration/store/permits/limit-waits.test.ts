/** Waits for a limit as events: each of a limit that is one row, and some of a limit that has a row for each of many things. */
import type { Pool } from 'pg';
import { HOUR_MS, MINUTE_MS } from '../../../../quota/durations';
import type { LimitTemplate, Priority } from '../../../../quota/limits/limit';
import { createPool } from '../../../../store/db';
import { MOST_OF_A_NAME, recordLimitWait } from '../../../../store/permits/limit-waits';
import { registerLimits, takePermits } from '../../../../store/permits/permits';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';

let database: TestDatabase;
let db: Pool;

beforeAll(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 4 });
});

afterAll(async () => {
  await db.end();
  await database.drop();
});

const POOL = 'acme/main';
const template: LimitTemplate = {
  ...{ name: 'of-type', operations: '*', scope: '{account}/{type}', unit: 'calls', mode: 'enforce' },
  ...{ window: { kind: 'rolling', ms: HOUR_MS, count: 2 }, source: 'settings' },
};

test('of one name ten an hour are reported, each with what it is of, and again what has been', async () => {
  const keys = Array.from({ length: MOST_OF_A_NAME + 3 }, (_, i) => `acme/main/type%20${i}/of-type`);
  await registerLimits(
    db,
    POOL,
    keys.map((key) => ({ key, template })),
    null,
  );
  const wait = (limit: string, caller: string, name: string | null = 'of-type') => {
    const until = Date.now() + 2 * HOUR_MS;
    return recordLimitWait(db, { pool: POOL, limit, caller, priority: 'background', until, name });
  };
  const all = await Promise.all(keys.map((key) => wait(key, 'sync')));
  const reported = all.filter((one) => one !== null);
  expect(reported).toHaveLength(MOST_OF_A_NAME);
  for (const { limit, reason } of reported) {
    const number = /%20(\d+)/.exec(String(limit))?.[1];
    expect(reason).toBe(`of-type of main/type ${number} has 0 of 2 used, by settings`);
  }
  // Another caller's waits are counted for themselves, and a limit that is one row is reported in any case.
  expect(await wait(keys[0] ?? '', 'backfill')).not.toBeNull();
  const silent = keys.filter((_, i) => all[i] === null);
  expect(await wait(silent[0] ?? '', 'sync')).toBeNull();
  expect(await wait(silent[0] ?? '', 'sync', null)).not.toBeNull();
});

test('a wait is reported with when it began, also when it is reported again after an hour', async () => {
  const key = 'acme/main/daily';
  await registerLimits(
    db,
    POOL,
    [{ key, template: { ...template, name: 'daily', scope: '{account}' } }],
    null,
  );
  const wait = () =>
    recordLimitWait(db, {
      ...{ pool: POOL, limit: key, caller: 'sync', priority: 'background' },
      ...{ until: Date.now() + 5 * HOUR_MS, name: null },
    });
  const first = await wait();
  expect(Math.abs(Number(first?.since) - Date.now())).toBeLessThan(MINUTE_MS);
  const age = (ms: number) =>
    db.query(
      `update limit_waits set since_ms = since_ms - $2, notified_at = notified_at - $2 where limit_key = $1`,
      [key, ms],
    );
  for (const hours of [2, 4]) {
    await age(2 * HOUR_MS);
    expect(Number((await wait())?.since)).toBeCloseTo(Number(first?.since) - hours * HOUR_MS, -1);
  }
  // It has ended meanwhile: the next one begins when it is met.
  await db.query('update limit_waits set notified_at = $2, notified_until = $2 where limit_key = $1', [
    key,
    Date.now() - HOUR_MS,
  ]);
  expect(Number((await wait())?.since)).toBeGreaterThanOrEqual(Number(first?.since));
});

test('work that stands back for more important work is told so, by a call that waits and by a reserve', async () => {
  const key = 'acme/main/for-others';
  const reserve = { background: 0.1 };
  const window = { kind: 'rolling', ms: HOUR_MS, count: 10 } as const;
  const name = 'for-others';
  await registerLimits(
    db,
    POOL,
    [{ key, template: { ...template, name, scope: '{account}', reserve, window } }],
    null,
  );
  const take = (priority: Priority) =>
    takePermits(db, [{ pool: null, priority, charges: [{ key, units: 1 }] }], 0);
  const reasonOf = async (caller: string) => {
    const until = Date.now() + HOUR_MS;
    const wait = { pool: POOL, limit: key, caller, priority: 'background', until, name: null };
    return (await recordLimitWait(db, wait))?.reason;
  };
  for (let taken = 0; taken < 9; taken++) await take('background');
  expect((await take('background'))[0]).toMatchObject({ granted: false, deniedBy: key });
  expect(await reasonOf('first')).toBe(
    'for-others has 9 of 10 used, by settings; the rest (1) is kept for more important work',
  );
  await take('interactive');
  await take('interactive');
  expect(await reasonOf('second')).toBe(
    'for-others has 10 of 10 used, by settings; interactive calls wait for it and go first',
  );
});
