/** Whoever falls silent, inside a transaction too, stops the others for ten seconds at most. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { LimitTemplate } from '../../../../quota/limits/limit';
import { SilentConnection } from '../../../../store/connections/connection-trouble';
import { isLost } from '../../../../store/connections/guarded-pool';
import { connect, createPool, inTransaction } from '../../../../store/db';
import { registerLimits, takePermits } from '../../../../store/permits/permits';
import { applyPoolEvent, readPool, registerPool } from '../../../../store/pools/pools';
import { amazonPool } from '../../../../vendors/amazon/limits';
import { eventually } from '../../../support/eventually';
import { startBreakableProxy } from '../../../support/network/breakable-proxy';
import { Child } from '../../../support/processes/child';
import type { LockHolderOptions } from '../../../support/processes/lock-holder';
import { testDatabase } from '../../../support/stacks/embedded';

const LONGEST_MS = 10_000;
const TEMPLATE: LimitTemplate = {
  name: 'calls',
  operations: '*',
  scope: 'account',
  unit: 'calls',
  window: { kind: 'token-bucket', ratePerSecond: 1000, burst: 1000 },
  mode: 'enforce',
  source: 'table',
};

const POOL = 'acme/pool';

/** Whoever is not silent, with a database of their own. */
async function others(): Promise<{ url: string; permits: Pool; end: () => Promise<void> }> {
  const database = await testDatabase();
  const permits = createPool(database.url, { max: 10, use: 'permits' });
  await registerPool(permits, POOL, amazonPool);
  await registerLimits(permits, POOL, [{ key: `${POOL}/calls`, template: TEMPLATE }]);
  return {
    url: database.url,
    permits,
    end: async () => {
      await permits.end();
      await database.drop();
    },
  };
}

/** A permit, and an operator's pause: how long both take, ms. */
async function operate(permits: Pool): Promise<number> {
  const began = performance.now();
  const charges = [{ key: `${POOL}/calls`, units: 1 }];
  const [[permit], pause] = await Promise.all([
    takePermits(permits, [{ pool: POOL, priority: 'live', charges }], 0),
    applyPoolEvent(permits, POOL, { type: 'pause', reason: 'stock-taking', until: null }),
  ]);
  expect(permit).toBeDefined();
  expect(pause.after.state).toBe('held');
  return performance.now() - began;
}

const HELD: readonly Omit<LockHolderOptions, 'databaseUrl'>[] = [
  {
    use: 'permits',
    statements: [
      `select pg_advisory_xact_lock(hashtextextended('${POOL}', 41))`,
      `select * from pools where key = '${POOL}' for update`,
    ],
  },
  {
    use: 'permits',
    statements: [
      `select * from take_permits('[{"pool":"${POOL}","rank":2,"charges":[{"key":"${POOL}/calls","units":1}]}]', 0)`,
    ],
  },
  { use: 'work', statements: ['select * from limits for update'] },
  { use: 'bulk', statements: ['lock table pools in access exclusive mode'] },
  { use: 'schema', statements: ['lock table limits in access exclusive mode'] },
];

test('a process that is frozen inside a transaction, whatever it holds, stops nobody for long', async () => {
  const took = await Promise.all(
    HELD.map(async (held) => {
      const { url, permits, end } = await others();
      const child = new Child('lock-holder.ts', { ...held, databaseUrl: url } satisfies LockHolderOptions);
      try {
        expect(await child.hear()).toBe('holding');
        child.freeze();
        return await operate(permits);
      } finally {
        await child.end();
        await end();
      }
    }),
  );
  for (const ms of took) {
    // It did hold the lock, and lost it.
    expect(ms).toBeGreaterThan(1000);
    expect(ms).toBeLessThan(LONGEST_MS);
  }
});

test('connections that go silent inside a transaction stop nobody for long, and are replaced', async () => {
  const { url: near, permits, end } = await others();
  const { host, pathname, username, password } = new URL(near);
  const proxy = await startBreakableProxy(host);
  const url = `postgres://${username}${password && `:${password}`}@${proxy.address}${pathname}`;
  const far = createPool(url, { max: 2, use: 'permits' });
  let began = 0;
  const holding = inTransaction(far, async (client) => {
    await client.query('select * from limits for update');
    proxy.silence();
    began = performance.now();
    await client.query('select 1');
  });
  const lost = expect(holding).rejects.toThrow();
  while (began === 0) await new Promise((tick) => setImmediate(tick));
  expect(await operate(permits)).toBeLessThan(LONGEST_MS);
  // The process that they belong to: each query fails in time, and the next connections are new.
  await lost;
  expect(performance.now() - began).toBeLessThan(LONGEST_MS + 1000);
  expect((await readPool(far, POOL))?.state.state).toBe('held');
  await far.end();
  await proxy.close();
  await end();
});

test('sessions are as the SQL relies on, whatever the defaults of the database are', async () => {
  const settings = {
    default_transaction_isolation: 'serializable',
    default_transaction_read_only: 'on',
    synchronous_commit: 'off',
    idle_in_transaction_session_timeout: '0',
    lock_timeout: '1',
    datestyle: 'German',
  };
  const own = await testDatabase();
  const admin = createPool(own.url, { max: 1 });
  const { rows } = await admin.query<{ name: string }>('select current_database() as name');
  for (const [name, value] of Object.entries(settings)) {
    await admin.query(`alter database ${rows[0]?.name} set ${name} = '${value}'`);
  }
  const db = createPool(own.url, { max: 1, use: 'permits' });
  const shown = async (name: string) =>
    (await db.query<{ value: string }>('select current_setting($1) as value', [name])).rows[0]?.value;
  expect(await shown('transaction_isolation')).toBe('read committed');
  expect(await shown('transaction_read_only')).toBe('off');
  expect(await shown('synchronous_commit')).toBe('on');
  expect(await shown('idle_in_transaction_session_timeout')).toBe('5s');
  expect(await shown('lock_timeout')).toBe('7s');
  expect(await shown('datestyle')).toMatch(/^ISO/);
  await Promise.all([admin.end(), db.end()]);
  await own.drop();
});

describe('a connection that something in between has forgotten, while Postgres and new connections are well', () => {
  const GUARD = { lateMs: 300, transitMs: 200, idleMs: 200, trialMs: 300 };
  const sleep = (pool: Pool, seconds: number) => pool.query('select 1 as one, pg_sleep($1)', [seconds]);

  async function behindProxy() {
    const database = await testDatabase();
    const { host, pathname, username, password } = new URL(database.url);
    const proxy = await startBreakableProxy(host);
    const url = `postgres://${username}${password && `:${password}`}@${proxy.address}${pathname}`;
    const pool = createPool(url, { max: 3, guard: GUARD });
    const end = async () => {
      await pool.end();
      await proxy.close();
      await database.drop();
    };
    /** Resolves when Postgres works for so many statements of these connections. */
    const working = (count: number) =>
      eventually('Postgres works for them', async () => {
        const direct = await connect(database.url, 'test');
        const { rowCount } = await direct.query(
          `select from pg_stat_activity where state = 'active' and query like '%pg_sleep%' and pid <> pg_backend_pid()
             and datname = current_database()`,
        );
        await direct.end();
        return rowCount === count;
      });
    return { proxy, pool, end, working };
  }

  test('is tried when it was idle, and replaced', async () => {
    const { proxy, pool, end } = await behindProxy();
    await Promise.all([sleep(pool, 0.1), sleep(pool, 0.1), sleep(pool, 0.1)]);
    proxy.silence();
    await delay(2 * GUARD.idleMs);
    const all = await Promise.all([sleep(pool, 0), sleep(pool, 0), sleep(pool, 0), sleep(pool, 0)]);
    expect(all.map(({ rows }) => rows[0]?.one)).toEqual([1, 1, 1, 1]);
    await end();
  });

  test('is given up when its answer has been lost; a statement that Postgres works for may take its time', async () => {
    const { proxy, pool, end } = await behindProxy();
    const client = await pool.connect();
    const from = performance.now();
    const lost = expect(client.query('select pg_sleep(0.1)')).rejects.toBeInstanceOf(SilentConnection);
    proxy.silence();
    const slow = sleep(pool, 3);
    await lost;
    client.release(true);
    // Far below the bounds of the statement and of the query.
    expect(performance.now() - from).toBeLessThan(LONGEST_MS);
    expect((await slow).rows[0]).toMatchObject({ one: 1 });
    await end();
  });

  test('a Postgres that is silent as a whole ends every wait, and what is closed then ends soon', async () => {
    const { proxy, pool, end, working } = await behindProxy();
    const lost = [1, 2].map(() => expect(sleep(pool, 60)).rejects.toBeInstanceOf(SilentConnection));
    await working(2);
    proxy.silence(true);
    await Promise.all(lost);
    await end();
  });
});

test('whether an answer can still come', () => {
  const sessions = new Map([
    [1, 'active'],
    [2, 'idle'],
    [3, 'idle in transaction'],
    [4, null],
    [5, 'disabled'],
  ]);
  expect([1, 2, 3, 4, 5, 6, null].map((pid) => isLost(sessions, pid))).toEqual([
    ...[false, true, true, false, false, true, false],
  ]);
  expect(isLost(null, 1)).toBe(true);
});
