/** What is cleared away and, above all, what is not, on a real Postgres. */
import { writeFileSync } from 'node:fs';
import type { Pool } from 'pg';
import pino from 'pino';
import { createBatch, findBatch, readBatch } from '../../../store/batches/batches';
import { recordFinished, recordStarted } from '../../../store/batches/events';
import { createCommand } from '../../../store/commands/commands';
import { intend } from '../../../store/datasets/jobs/jobs';
import { createPool } from '../../../store/db';
import { recordAlert } from '../../../store/events/alerts';
import { type PruneCounts, prune, type Retention } from '../../../store/prune';
import { startPruner } from '../../../workers/pruner';
import { cliFor } from '../../support/cli';
import { eventually } from '../../support/eventually';
import { type TestDatabase, temporaryFolder, testDatabase } from '../../support/stacks/embedded';

const DAY = 86_400_000;
const RETENTION: Retention = {
  jobsDays: 90,
  eventsDays: 60,
  callCountsDays: 40,
  commandsDays: 365,
  readsDays: 30,
};
const NONE: PruneCounts = {
  jobs: 0,
  events: 0,
  refusals: 0,
  callCounts: 0,
  commands: 0,
  reads: 0,
  batches: 0,
};

let database: TestDatabase;
let db: Pool;

beforeEach(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 6 });
});

afterEach(async () => {
  await database.drop();
  await db.end();
});

const texts = async (sql: string) => (await db.query<{ t: string }>(sql)).rows.map(({ t }) => t);

/** Rows of every table, by name. */
async function rowsByTable(): Promise<Record<string, number>> {
  const tables = await texts(`select tablename as t from pg_tables where schemaname = 'sluice'`);
  const counted = await Promise.all(
    tables.map(async (name) => {
      const { rows } = await db.query<{ n: number }>(`select count(*) as n from ${name}`);
      return [name, rows[0]?.n ?? 0] as const;
    }),
  );
  return Object.fromEntries(counted);
}

/** A job of the series' window number `window`; `age` in days. */
async function job(
  seriesId: number,
  window: number,
  state: string,
  age: number,
  note: string,
): Promise<void> {
  await db.query(
    `insert into jobs (series_id, span, purpose, state, report_id, request_id, created_at, updated_at, requested_at)
     select $1, tstzrange('2020-01-01Z'::timestamptz + $2 * interval '6 hours',
              '2020-01-01Z'::timestamptz + ($2 + 1) * interval '6 hours'), 'sync', $3, 'r', $4, at, at, at
     from (select now() - $5 * interval '1 day' as at) t`,
    [seriesId, window, state, note, age],
  );
}

async function series(): Promise<number> {
  const { rows } = await db.query<{ id: number }>(
    `insert into series (dataset, account, partition_key) values ('a/b', 'main', '{}') returning id`,
  );
  return rows[0]?.id ?? 0;
}

test('of reports, those go that were followed by another for the same window; live ones and the last stay', async () => {
  const id = await series();
  await job(id, 1, 'ingested', 400, 'first of window 1');
  await job(id, 1, 'failed', 300, 'second of window 1');
  await job(id, 1, 'ingested', 200, 'last of window 1');
  await job(id, 2, 'failed', 500, 'only one of window 2');
  await job(id, 3, 'requested', 500, 'live, though old');
  await job(id, 4, 'ingested', 100, 'first of window 4');
  await job(id, 4, 'intended', 95, 'live, and the last of window 4');
  await job(id, 5, 'ingested', 89, 'young, of window 5');
  await job(id, 5, 'ingested', 1, 'last of window 5');

  expect(await prune(db, RETENTION)).toEqual({ ...NONE, jobs: 3 });
  expect(await texts('select request_id as t from jobs order by id')).toEqual([
    'last of window 1',
    'only one of window 2',
    'live, though old',
    'live, and the last of window 4',
    'young, of window 5',
    'last of window 5',
  ]);
});

test('a window is not requested again too soon, whatever was pruned', async () => {
  const id = await series();
  const now = Date.parse('2026-01-01T00:00:00Z');
  const span = { from: now - 8 * 3_600_000, to: now - 2 * 3_600_000 };
  const intended = { seriesId: id, span, purpose: 'sync', now } as const;
  await intend(db, intended);
  await db.query(`update jobs set state = 'cancelled', requested_at = created_at`);
  const later = now + 300 * DAY;
  expect(await prune(db, RETENTION, { now: later })).toEqual(NONE);
  const again = await intend(db, { ...intended, now: later, minReRequestMs: 400 * DAY });
  expect(again).toMatchObject({ allowed: false });
});

test('events that record what has been reported stay for as long as they are consulted', async () => {
  const reported = { pool: 'v/a', limit: 'v/a/daily', level: 'warning', used: 60, capacity: 100 } as const;
  const now = Date.now();
  await recordAlert(db, { ...reported, window: now - 70 * DAY });
  await recordAlert(db, { ...reported, window: now + 20 * DAY });
  const { batch } = await createBatch(db, spec('reported'), items(1));
  await recordStarted(db, 'v/a', { batch: batch.id, items: 1, reason: '' });
  const finished = { batch: batch.id, items: 1, done: 1, failed: 0, reason: '' };
  await recordFinished(db, 'v/a', finished);
  await db.query(`insert into events (kind, pool, data) values
    ('quota.threshold_reached', 'v/a', '{"batch": ${batch.id}, "limit": "l", "window": 1}'),
    ('quota.threshold_left', 'v/a', '{"batch": ${batch.id}}'),
    ('batch.started', 'v/a', '{"batch": 999999}'), ('pool.closed', 'v/a', '{}'), ('limit.refused', 'v/a', '{}')`);
  await db.query(`update events set at = now() - interval '61 days'`);
  await db.query(`insert into events (kind, pool) values ('pool.closed', 'v/a'), ('limit.refused', 'v/a')`);

  expect(await prune(db, RETENTION)).toEqual({ ...NONE, events: 4, refusals: 1 });
  expect(await texts('select kind as t from events order by id')).toEqual([
    'quota.alert',
    'batch.started',
    'batch.finished',
    'quota.threshold_left',
    'pool.closed',
    'limit.refused',
  ]);
  expect(await recordAlert(db, { ...reported, window: now + 20 * DAY })).toBe(false);
  expect(await recordStarted(db, 'v/a', { batch: batch.id, items: 1, reason: '' })).toBe(false);
  expect(await recordFinished(db, 'v/a', finished)).toBe(false);
});

test('the last event of each of several batches stays, in each pool, however small the chunks', async () => {
  const [one, two] = await Promise.all(
    ['one', 'two'].map(async (name) => (await createBatch(db, spec(name), items(1))).batch.id),
  );
  await db.query(
    `insert into events (kind, pool, data, at)
     select kind, pool, jsonb_build_object('batch', batch), now() - interval '61 days'
     from (values (1, $1::bigint, 'v/a', 'batch.started'), (2, $2, 'v/a', 'batch.started'), (3, $1, 'v/b', 'batch.finished'),
       (4, $1, 'v/a', 'batch.finished'), (5, $1, 'v/a', 'batch.retried'), (6, $1, 'v/a', 'quota.threshold_reached'),
       (7, $2, 'v/a', 'quota.threshold_left'), (8, $1, 'v/a', 'quota.threshold_left'), (9, 999999, 'v/a', 'batch.finished')
     ) e (n, batch, pool, kind) order by n`,
    [one, two],
  );
  expect(await prune(db, RETENTION, { chunk: 1 })).toEqual({ ...NONE, events: 3 });
  expect(
    await texts(`select concat_ws(' ', pool, data -> 'batch', kind) as t from events order by id`),
  ).toEqual([
    `v/a ${one} batch.started`,
    `v/a ${two} batch.started`,
    `v/b ${one} batch.finished`,
    `v/a ${one} batch.retried`,
    `v/a ${two} quota.threshold_left`,
    `v/a ${one} quota.threshold_left`,
  ]);
});

test('counts of calls go by the minute, and no limit, pool or window in use does', async () => {
  await db.query(
    `insert into call_counts (pool, minute, operation, caller, verdict, calls)
     select p, date_trunc('minute', now()) - d * interval '1 day', 'o', 'c', 'ok', 1
     from unnest(array['v/a', 'v/b']) p, unnest(array[0, 1, 39, 41, 400]) d`,
  );
  await db.query(
    `insert into limits (key, pool, name, unit, kind, capacity, calendar_unit, zone, mode, source, definition, used)
     values ('v/a/day', 'v/a', 'day', 'calls', 'calendar', 5, 'day', 'UTC', 'enforce', 'test', '{}', 4)`,
  );
  await db.query(`insert into limit_events select id, 0, 1 from limits`);
  await db.query(`insert into pools (key, state, until_ms) values ('v/a', 'held', 1)`);
  const id = await series();
  await db.query(
    `insert into coverage (series_id, span, state, fetched_at)
     values ($1, '[2001-01-01Z,2001-01-02Z)', 'failed', '2001-01-02Z')`,
    [id],
  );
  await db.query(`insert into fleet_cursors values ('a', 'positions', '1', '2001-01-01Z')`);
  const before = await rowsByTable();
  expect(await prune(db, RETENTION)).toEqual({ ...NONE, callCounts: 4 });
  expect(await rowsByTable()).toEqual({ ...before, call_counts: 6 });
  expect(await prune(db, RETENTION)).toEqual(NONE);
});

test('commands that are open stay, and so do ids that must not be sent twice', async () => {
  const asked = {
    account: 'main',
    code: 'STOP',
    params: [],
    repeatable: false,
    timeoutMs: 1,
    waitForPool: true,
  };
  const command = (requestId: string | null, device: string) =>
    createCommand(db, { ...asked, requestId, device, askedBy: '' });
  await command(null, 'ended');
  await command('wanted-once', 'ended, with an id');
  await command(null, 'open');
  await command(null, 'sending');
  await db.query(`update commands set state = case device when 'open' then 'created' when 'sending' then 'sending'
      else 'succeeded' end, created_at = now() - interval '400 days',
    ended_at = case when device like 'ended%' then now() - interval '400 days' end`);
  await command(null, 'young');
  expect(await prune(db, RETENTION)).toEqual({ ...NONE, commands: 1 });
  expect(await texts('select device as t from commands order by id')).toEqual([
    'ended, with an id',
    'open',
    'sending',
    'young',
  ]);
  expect(await command('wanted-once', 'ended, with an id')).toMatchObject({ created: false });
});

const spec = (digest: string) => ({
  ...{ digest, kind: 'v/bios', account: 'a', model: 'm', prompt: 'p', inputName: 'i' },
  options: { maxOutputTokens: null, maxConcurrency: null },
  priority: 'background' as const,
});

async function* items(count: number) {
  yield Array.from({ length: count }, (_, i) => ({ externalId: String(i), variables: {} }));
}

test('batches stay with their results until somebody asks; then ended ones go, and nothing that is not finished', async () => {
  const make = async (digest: string, state: string, item: string) => {
    const { batch } = await createBatch(db, spec(digest), items(3));
    await db.query('update batches set state = $2 where id = $1', [batch.id, state]);
    await db.query(
      `update batch_items set state = case when seq = 0 then $2 else 'done' end,
        answered_at = now() - interval '50 days' where batch_id = $1`,
      [batch.id, item],
    );
    return batch.id;
  };
  const done = await make('done', 'running', 'failed');
  await make('unfinished', 'running', 'pending');
  await make('waits', 'running', 'retry');
  await make('paused', 'paused', 'done');
  await make('cancelled', 'cancelled', 'pending');
  await make('cancelled, at the vendor', 'cancelled', 'running');
  const young = await make('young', 'running', 'done');
  const file = await make('its file is at the vendor', 'running', 'done');
  await db.query(
    `update batches set updated_at = now() - interval '50 days', created_at = now() - interval '50 days'`,
  );
  await db.query(`update batch_items set answered_at = now() - interval '1 day' where batch_id = $1`, [
    young,
  ]);
  await db.query(
    `insert into batch_parts (batch_id, key, pool, model, state) values ($1, 'k', 'v/a', 'm', 'created')`,
    [file],
  );

  expect(await prune(db, { ...RETENTION, batchesDays: 60 })).toEqual(NONE);
  expect(await prune(db, RETENTION)).toEqual(NONE);
  const asked = { ...RETENTION, batchesDays: 40 };
  expect(await prune(db, asked, { dryRun: true })).toEqual({ ...NONE, batches: 2 });
  expect(await prune(db, asked, { chunk: 2 })).toEqual({ ...NONE, batches: 2 });
  expect(await texts('select digest as t from batches order by id')).toEqual([
    'unfinished',
    'waits',
    'paused',
    'cancelled, at the vendor',
    'young',
    'its file is at the vendor',
  ]);
  expect(await readBatch(db, done)).toBeNull();
  expect(await texts('select count(*)::text as t from batch_items')).toEqual(['18']);
});

test('a batch whose removal was cut short is not found by its input any more, and goes with the next run', async () => {
  const { batch } = await createBatch(db, spec('halfway'), items(5));
  await db.query(`update batch_items set state = 'done', answered_at = now() - interval '50 days'`);
  await db.query(`update batches set updated_at = now() - interval '50 days'`);
  const cut = new AbortController();
  // The batch's own row is locked by its last statement only: whoever holds an item stops the run in between.
  const holder = await db.connect();
  await holder.query('begin; set local idle_in_transaction_session_timeout = 0');
  await holder.query('select 1 from batch_items where seq = 3 for update');
  const asked = { ...RETENTION, batchesDays: 40 };
  const run = prune(db, asked, { chunk: 2, signal: cut.signal });
  await eventually(
    'two of its items are gone',
    async () => (await texts('select seq::text as t from batch_items')).length === 3,
  );
  cut.abort();
  await holder.query('commit');
  holder.release();
  expect(await run).toEqual(NONE);

  expect(await findBatch(db, 'halfway')).toBeNull();
  const anew = await createBatch(db, spec('halfway'), items(5));
  expect(anew).toMatchObject({ created: true, batch: { items: 5 } });
  expect(await prune(db, asked)).toEqual({ ...NONE, batches: 1 });
  expect(await readBatch(db, batch.id)).toBeNull();
  expect(await readBatch(db, anew.batch.id)).toMatchObject({ items: 5, state: 'running' });
});

test('rows that are locked are left for the next time, and one prunes at a time', async () => {
  await db.query(
    `insert into events (kind, at) select 'x', now() - interval '70 days' from generate_series(1, 10)`,
  );
  const holder = await db.connect();
  await holder.query('begin; set local idle_in_transaction_session_timeout = 0');
  await holder.query('select 1 from events order by id limit 1 for update');
  expect(await prune(db, RETENTION, { chunk: 4 })).toEqual({ ...NONE, events: 9 });
  await holder.query('rollback');
  await holder.query('select pg_advisory_lock(730946, 0)');
  expect(await prune(db, RETENTION)).toBeNull();
  await holder.query('select pg_advisory_unlock(730946, 0)');
  holder.release();

  const log = pino({ level: 'silent' });
  const pruner = startPruner({ db, retention: { ...RETENTION, everyHours: 1 }, log, firstMs: 0 });
  await eventually(
    'the last row is gone',
    async () => (await texts('select kind as t from events')).length === 0,
  );
  await pruner.stop();
  expect(await prune(db, RETENTION)).toEqual(NONE);
});

test('a worker with one connection is not held up by it', async () => {
  await db.query(
    `insert into events (kind, at) select 'x', now() - interval '70 days' from generate_series(1, 10)`,
  );
  const single = createPool(database.url, { max: 1 });
  expect(await prune(single, RETENTION, { chunk: 3 })).toEqual({ ...NONE, events: 10 });
  await single.end();
});

test('sluice prune shows what would go, deletes it, and refuses an age that is none', async () => {
  await db.query(`insert into events (kind, at) values ('x', now() - interval '70 days'), ('y', now())`);
  const env = { SLUICE_VAULT_KEY: '' };
  const settingsFile = `${temporaryFolder('prune')}/sluice.yaml`;
  writeFileSync(settingsFile, 'retention:\n  eventsDays: 60\n');
  const sluice = cliFor({ databaseUrl: database.url, temporalAddress: '127.0.0.1:1', settingsFile, env });
  const [dry, bad] = await Promise.all([
    sluice(['prune', '--dry-run', '--json']),
    sluice(['prune', '--batches', 'old']),
  ]);
  expect(JSON.parse(dry.out)).toMatchObject({
    dryRun: true,
    deleted: { ...NONE, events: 1 },
    retention: { events: 60, batches: null },
  });
  expect(bad).toMatchObject({
    code: 2,
    err: expect.stringContaining('--batches: "old" must be a whole number'),
  });
  const ran = await sluice(['prune']);
  expect(ran).toMatchObject({ code: 0, out: expect.stringMatching(/^events\s+60 days\s+1$/m) });
  expect(await texts('select kind as t from events')).toEqual(['y']);
});
