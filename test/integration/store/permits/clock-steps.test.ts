/** The database's clock is set, forward and back: no limit is exceeded, nothing is called in a pause, nothing stops. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { PermitGate } from '../../../../activities/gateway/permits/gate';
import type { LimitTemplate, LimitWindow } from '../../../../quota/limits/limit';
import { claimRequest } from '../../../../store/api/requests';
import { readClock } from '../../../../store/clock';
import { createPool } from '../../../../store/db';
import { listEvents } from '../../../../store/events/events';
import { resetLimits } from '../../../../store/permits/limit-resets';
import { claimOutcome } from '../../../../store/permits/outside-permits';
import { listLimits, registerLimits, takePermits } from '../../../../store/permits/permits';
import { applyPoolEvent, registerPool } from '../../../../store/pools/pools';
import { clockTrouble, mendRows } from '../../../../store/rows-mended';
import { amazonPool } from '../../../../vendors/amazon/limits';
import { eventually } from '../../../support/eventually';
import { settableClock } from '../../../support/set-clock';
import { STEADY_ZONE } from '../../../support/stacks/due-hours';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';

const HOUR_MS = 3_600_000;
const WINDOW_MS = 1_000;
const COUNT = 5;
const POOL = 'clock/pool';
const KEY = `${POOL}/calls`;

let database: TestDatabase;
let db: Pool;
let setClock: (byMs: number) => Promise<void>;

beforeEach(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 10, use: 'permits' });
  setClock = await settableClock(db);
  await registerPool(db, POOL, amazonPool);
});
afterEach(async () => {
  await db.end();
  await database.drop();
});

const limit = (window: LimitWindow): { key: string; template: LimitTemplate } => ({
  key: KEY,
  template: {
    name: 'calls',
    operations: '*',
    scope: '',
    unit: 'calls',
    window,
    mode: 'enforce',
    source: 'test',
  },
});
const ROLLING: LimitWindow = { kind: 'rolling', count: COUNT, ms: WINDOW_MS };
const REQUEST = { pool: POOL, priority: 'live', charges: [{ key: KEY, units: 1 }] } as const;

/** Calls of two processes, by this machine's own clock, until `stop`. */
function callers(stop: AbortSignal): { readonly at: number[]; readonly ended: Promise<unknown> } {
  const at: number[] = [];
  const gates = [1, 2].map(() => new PermitGate(db, { leadMs: 40 }));
  const caller = async (gate: PermitGate) => {
    while (!stop.aborted) {
      const permit = await gate
        .acquire(REQUEST, { inlineWaitMs: 60_000, slackMs: 25, signal: stop })
        .catch(() => null);
      if (permit?.granted) at.push(performance.now());
      else await delay(20);
    }
  };
  return { at, ended: Promise.all(gates.flatMap((gate) => [caller(gate), caller(gate)])) };
}

test.each([
  ['an hour forward', HOUR_MS],
  ['an hour back', -HOUR_MS],
  ['a week back', -7 * 24 * HOUR_MS],
  ['two seconds forward', 2_000],
])('a limit that is used to the full is neither exceeded nor stopped by a step: %s', async (_, step) => {
  await registerLimits(db, POOL, [limit(ROLLING)]);
  const over = new AbortController();
  const { at, ended } = callers(over.signal);
  await delay(1.5 * WINDOW_MS);
  await setClock(step);
  await delay(2.5 * WINDOW_MS);
  // Four windows were there; the step costs less than one. A busy machine is given what it takes.
  await eventually('three windows are used', () => at.length >= 3 * COUNT);
  over.abort();
  await ended;
  for (let i = COUNT; i < at.length; i++) {
    // Departures are to the millisecond; a busy machine writes them down a little later.
    expect((at[i] ?? 0) - (at[i - COUNT] ?? 0)).toBeGreaterThan(WINDOW_MS - 60);
  }
  const reported = (await listEvents(db, { limit: 50 })).filter(({ kind }) => kind === 'clock.stepped');
  expect(reported).toHaveLength(1);
  expect(Math.abs(Number(reported[0]?.data.stepMs) - step)).toBeLessThan(200);
});

test('a step while a request waits for its locks is noticed: nothing is granted or put back by that clock', async () => {
  await registerLimits(db, POOL, [limit(ROLLING)]);
  const holder = await db.connect();
  try {
    await holder.query('begin; set local idle_in_transaction_session_timeout = 0');
    await holder.query('select from limits where key = $1 for update', [KEY]);
    const asked = takePermits(db, [REQUEST], 40, await readClock(db)).catch(
      (error: { code?: string }) => error.code,
    );
    await eventually('the request waits', async () => {
      const { rows } = await db.query(
        `select from pg_stat_activity where wait_event_type = 'Lock' and query like '%take_permits%'`,
      );
      return rows.length > 0;
    });
    await setClock(-HOUR_MS);
    await holder.query('commit');
    expect(await asked).toBe('SL003');
  } finally {
    holder.release();
  }
});

test.each([HOUR_MS, -HOUR_MS])(
  'a pause ends when it would have, with the clock set by %d ms',
  async (step) => {
    await registerLimits(db, POOL, [limit({ kind: 'token-bucket', ratePerSecond: 100, burst: 100 })]);
    const over = new AbortController();
    const { at, ended } = callers(over.signal);
    await delay(300);
    const asked = performance.now();
    await applyPoolEvent(db, POOL, {
      type: 'quota',
      epoch: 0,
      statedWaitMs: 1_500,
      reason: 'spent',
      evidence: { vendor: 'test', account: 'clock', operation: 'calls', message: 'spent' },
    } as Parameters<typeof applyPoolEvent>[2]);
    const paused = performance.now();
    await delay(300);
    await setClock(step);
    const after = () => at.filter((call) => call > paused + 100);
    // A step forward would end it at once, and one back after an hour.
    await eventually('calls go again', () => after().length > 0);
    over.abort();
    await ended;
    expect(Math.min(...after()) - asked).toBeGreaterThan(1_400);
  },
);

test('a day that is used up stays so, whatever day the clock shows', async () => {
  await registerLimits(db, POOL, [limit({ kind: 'calendar', count: 3, per: 'day', zone: STEADY_ZONE })]);
  const gate = new PermitGate(db, { leadMs: 40 });
  const ask = async () => (await gate.acquire(REQUEST, { inlineWaitMs: 0, slackMs: 25 })).granted;
  const taken = [await ask(), await ask(), await ask(), await ask()];
  expect(taken).toEqual([true, true, true, false]);
  for (const step of [24 * HOUR_MS, -48 * HOUR_MS]) {
    await setClock(step);
    expect(await ask()).toBe(false);
  }
});

describe('rows that lie in the future, for which nobody has seen a step', () => {
  const DAY_MS = 24 * HOUR_MS;
  const ask = async () => (await takePermits(db, [REQUEST], 0))[0];

  test.each<[string, LimitWindow, string]>([
    ['its latest departure', ROLLING, 'last_at = now_ms() + $1'],
    ['a bucket', { kind: 'token-bucket', ratePerSecond: 10, burst: 1 }, 'tat = now_ms() + $1'],
    ['a claim', ROLLING, 'claim_rank = 3, claim_until = now_ms() + $1'],
    [
      'a window',
      { kind: 'calendar', count: 1, per: 'minute', zone: 'UTC' },
      'used = 1, resets_at = now_ms() + $1',
    ],
  ])('%s is put back, and reported', async (_, window, change) => {
    await registerLimits(db, POOL, [limit(window)]);
    await db.query(`update limits set ${change}`, [DAY_MS]);
    const decision = await ask();
    // At once, or when a window of its own kind is over: never in a day.
    if (!decision?.granted) expect((decision?.retryAt ?? 0) - (decision?.now ?? 0)).toBeLessThan(62_000);
    const [reported] = await listEvents(db, { limit: 1 });
    expect(reported).toMatchObject({ kind: 'limit.clock_ahead', pool: POOL, data: { limit: KEY } });
    expect((await listLimits(db, POOL))[0]?.resetsAt ?? 0).toBeLessThan(Date.now() + 62_000);
  });

  test('the clock goes back while nobody calls', async () => {
    await registerLimits(db, POOL, [limit(ROLLING)]);
    for (let n = 0; n < COUNT; n++) expect(await ask()).toMatchObject({ granted: true });
    await setClock(-HOUR_MS);
    const denied = await ask();
    // As if no time had passed: what was used is not given again, and is not waited out for an hour.
    expect(denied).toMatchObject({ granted: false });
    if (denied?.granted === false) expect((denied.retryAt ?? 0) - denied.now).toBeLessThan(2 * WINDOW_MS);
  });

  test("an operator puts back times that takers would not, and leaves the vendor's stated ones", async () => {
    await registerLimits(db, POOL, [limit(ROLLING)]);
    await ask();
    await db.query('update limit_events set at = at + $1', [DAY_MS]);
    await db.query('update limits set blocked_until = now_ms() + $1', [DAY_MS]);
    const order = { pool: POOL, names: null, by: 'ann@host', reason: 'a clock' };
    expect(await resetLimits(db, order)).toMatchObject({ limits: [{ key: KEY }], pools: [] });
    const { rows } = await db.query('select count(*) as ahead from limit_events where at > now_ms()');
    expect(rows).toEqual([{ ahead: 0 }]);
    expect((await listLimits(db, POOL))[0]?.blockedUntil).toBeGreaterThan(Date.now() + DAY_MS / 2);
    expect(await resetLimits(db, order)).toEqual({ limits: [], pools: [] });
  });

  test('a pool that was paused in the future ends its pause when it would have', async () => {
    await registerLimits(db, POOL, [limit(ROLLING)]);
    await db.query(
      `update pools set state = 'quota_paused', since_ms = now_ms() + $1, until_ms = now_ms() + $1 + 5000`,
      [DAY_MS],
    );
    await ask();
    const denied = await ask();
    expect(denied).toMatchObject({ granted: false, deniedBy: 'pool' });
    if (denied?.granted === false) expect((denied.retryAt ?? 0) - denied.now).toBeLessThan(5_001);
  });

  test('answers and holds are put back by the check of all rows, and reported by table', async () => {
    await db.query(
      `insert into reads (account, vehicle_id, read, params, answered_at, retry_at, lease_until)
       values ('a', 'v', 'r', '{}', clock_timestamp() + interval '1 day', clock_timestamp() + interval '25 hours', null),
              ('a', 'w', 'r', '{}', clock_timestamp(), null, clock_timestamp() + interval '1 day')`,
    );
    await db.query(
      `insert into call_kinds (pool, operation, subject, since_ms, until_ms) values ($1, 'o', '', now_ms() + $2, now_ms() + $2 + 60000)`,
      [POOL, DAY_MS],
    );
    await db.query(`insert into reader_buckets values ('someone', 3, clock_timestamp() + interval '1 day')`);
    expect(await mendRows(db)).toBe(4);
    const { rows } = await db.query(
      `select (select count(*) from reads where answered_at > clock_timestamp() or lease_until > clock_timestamp()) as reads,
         (select round((extract(epoch from retry_at - answered_at))) from reads where vehicle_id = 'v') as retry,
         (select round((until_ms - since_ms) / 1000) from call_kinds) as stop, (select round((until_ms - now_ms()) / 10000) from call_kinds) as left,
         (select count(*) from reader_buckets where at > clock_timestamp()) as readers`,
    );
    expect(rows).toEqual([{ reads: 0, retry: '3600', stop: 60, left: 6, readers: 0 }]);
    const reported = (await listEvents(db, { limit: 10 })).filter(({ kind }) => kind === 'rows.clock_ahead');
    expect(reported.map(({ data }) => data.table).sort()).toEqual([
      'call_kinds',
      'reader_buckets',
      'reads',
      'reads',
    ]);
    expect(await mendRows(db)).toBe(0);
    // As doctor says it.
    expect(await clockTrouble(db)).toMatchObject({ times: 4 });
  });

  test('a hold that ends in a day is taken over, and an outcome that was claimed in a day', async () => {
    const request = { caller: 'local', key: 'k', fingerprint: Buffer.alloc(32) };
    expect(await claimRequest(db, request)).toMatchObject({ kind: 'ours' });
    await db.query(`update api_requests set lease_until = lease_until + interval '1 day'`);
    expect(await claimRequest(db, request)).toMatchObject({ kind: 'ours', again: true });
    expect(await claimRequest(db, request)).toMatchObject({ kind: 'in flight' });
    await db.query(
      `insert into outside_permits values ('p', $1, '{}', now_ms(), now_ms() + 1000, 0, 0, false, 0, now_ms() + $2)`,
      [POOL, DAY_MS],
    );
    expect(await claimOutcome(db, 'p', 'digest')).toMatchObject({ kind: 'yours', again: true });
    expect(await claimOutcome(db, 'p', 'digest')).toMatchObject({ kind: 'busy' });
  });
});

/** Instants that mean themselves, whatever the clock shows; and those that limits and pools move by themselves. */
const STAY: Readonly<Record<string, string>> = {
  '*': 'at created_at updated_at ended_at made_at stored_at applied_at published_at',
  limits:
    'last_at tat window_from resets_at blocked_until blocked_since unblocked_at rate_share_at claim_until full_at sized_at refused_at emptied_at refused_from starved_from measured_from',
  limit_events: 'at',
  pools: 'until_ms since_ms probe_until',
  api_keys: 'expires_at revoked_at last_used_at',
  // One that lies in the future is over.
  api_key_use: 'began_at',
  batch_items: 'answered_at',
  batch_parts: 'expires_at',
  clock_steps: 'noticed_at step_ms',
  coverage: 'daily_audited_at weekly_audited_at',
  doubted_hours: 'accepted_at',
  fleet_devices:
    'last_active_at expires_at listed_at removed_at snapshot_at moved_at trips_asked_at trips_until',
  fleet_positions: 'arrived_at',
  fleet_trips: 'start_time end_time',
  grants: 'logged_in_at',
  jobs: 'requested_at url_expires_at slow_reported_ms',
  logins: 'expires_at',
  outside_permits: 'missed_at',
  read_values: 'received_at changed_at',
  rejected_documents: 'rejected_at',
  series: 'daily_audit_at weekly_audit_at',
  set_aside_rows: 'start_time set_aside_at',
  settings_generations: 'file_ms',
  tokens: 'refused_at',
  vehicles: 'listed_at removed_at',
  worker_presence: 'from_ms to_ms',
};

test('every time that stands for a distance moves with the clock; any other is known to stay', async () => {
  await db.query(
    `insert into reads (account, vehicle_id, read, params, answered_at, lease_until)
     values ('a', 'v', 'r', '{}', clock_timestamp(), clock_timestamp() + interval '10 s')`,
  );
  await db.query(
    `insert into rate_episodes (subject, refused_at) values ('never', '-infinity'), ('once', now_ms())`,
  );
  await db.query('select clock_stepped($1, now_ms())', [-HOUR_MS]);
  const { rows } = await db.query(
    `select round(extract(epoch from answered_at - clock_timestamp())) as answered,
       round(extract(epoch from lease_until - answered_at)) as lease,
       (select refused_at = '-infinity' from rate_episodes where subject = 'never') as never,
       (select round((refused_at - now_ms()) / 10000) from rate_episodes where subject = 'once') as once from reads`,
  );
  expect(rows).toEqual([{ answered: '-3600', lease: '10', never: true, once: -360 }]);
  const { rows: times } = await db.query<{ tab: string; col: string; moves: boolean }>(
    `select c.table_name as tab, c.column_name as col,
       exists (select from clock_times() t where t.tab = c.table_name and c.column_name = any (t.stamps || t.ends || t.lease)) as moves
     from information_schema.columns c join information_schema.tables b using (table_schema, table_name)
     where c.table_schema = 'sluice' and b.table_type = 'BASE TABLE' and c.table_name <> 'test_clock'
       and (c.data_type like 'timestamp%' or (c.data_type = 'double precision' and c.column_name ~ '(_at|_ms|_until|_from|^at|^tat)$'))`,
  );
  const stays = ({ tab, col }: { tab: string; col: string }) =>
    `${STAY['*']} ${STAY[tab] ?? ''} timeout_ms duration_ms interval_ms slack_ms period_ms minute hour`
      .split(' ')
      .includes(col);
  expect(times.filter((row) => !row.moves && !stays(row)).map(({ tab, col }) => `${tab}.${col}`)).toEqual([]);
});
