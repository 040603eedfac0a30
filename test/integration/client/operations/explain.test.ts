import type { Pool } from 'pg';
import type { Backend } from '../../../../client/operations/backend/backend';
import { pauseBatch } from '../../../../client/operations/batches/batches';
import { type Explanation, explainWork } from '../../../../client/operations/explain/explain';
import { pausePool, resumePool } from '../../../../client/operations/pools/pools';
import { findAccount, limitsOfCall } from '../../../../settings/accounts/accounts';
import { createBatch, setBatchState } from '../../../../store/batches/batches';
import { createCommand } from '../../../../store/commands/commands';
import { createPool } from '../../../../store/db';
import { noteWorker } from '../../../../store/explain/worker-presence';
import { registerLimits } from '../../../../store/permits/permits';
import { recordRefusal } from '../../../../store/permits/rate-refusals';
import { applyPoolEvent, registerPool } from '../../../../store/pools/pools';
import { openai } from '../../../../vendors/openai';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';
import { plainBackend } from '../../../support/stacks/plain-backend';

let database: TestDatabase;
let db: Pool;
let backend: Backend;

beforeAll(async () => {
  database = await testDatabase({ migrated: true });
  db = createPool(database.url, { max: 3 });
  backend = plainBackend(db, {
    accounts: { texts: { vendor: 'openai', apiKey: 'env:TEST_CLIENT_SECRET' } },
  });
  await registerPool(db, 'openai/texts', openai.rules.pool);
  await noteWorker(db);
});
afterAll(async () => {
  await db.end();
  await database.drop();
});

async function* items() {
  yield [{ externalId: 'a', variables: { artist_name: 'A' } }];
}

async function newBatch(digest: string): Promise<number> {
  const { batch } = await createBatch(
    db,
    {
      ...{ digest, kind: 'openai/bios', account: 'texts', model: 'm', prompt: '{{artist_name}}' },
      options: { maxOutputTokens: 10, maxConcurrency: null },
      ...{ inputName: 'in.csv', priority: 'background' },
    },
    items(),
  );
  return batch.id;
}

const sumOf = (shares: readonly { readonly ms: number }[]) => shares.reduce((sum, { ms }) => sum + ms, 0);

test('a used-up quota is explained with the vendor’s words and request id, and its share of the time', async () => {
  const id = await newBatch('one');
  await db.query(`update batches set created_at = clock_timestamp() - interval '100 s' where id = $1`, [id]);
  const evidence = {
    vendor: 'openai',
    account: 'texts',
    operation: 'createResponse',
    message: 'Quota!',
    requestId: 'r-9',
  };
  await applyPoolEvent(db, 'openai/texts', {
    ...{ type: 'quota', epoch: 1, statedWaitMs: 600_000, reason: 'Quota!', jitter: 0, evidence },
  });
  await db.query(
    `update events set at = clock_timestamp() - interval '40 s' where kind = 'pool.quota_paused'`,
  );
  const found = await explainWork(backend, { id: `batch:${id}` });
  expect(found).toMatchObject({
    ...{ kind: 'batch', state: 'running', to: null },
    wait: {
      why: expect.stringContaining('Quota!'),
      until: expect.any(Number),
      frees: expect.stringContaining('resume'),
    },
    evidence: { pool: 'openai/texts', words: 'Quota!', requestId: 'r-9' },
  });
  expect(sumOf(found.shares)).toBe(found.elapsedMs);
  const paused = found.shares.find(({ cause }) => cause === 'quotaPause');
  expect(paused?.share).toBeGreaterThan(0.3);
  expect(paused?.share).toBeLessThan(0.5);
  expect(await explainWork(backend, { id: `batch:openai/bios:texts:${id}/a` })).toMatchObject({
    ...{ kind: 'item', state: 'pending', wait: { why: expect.stringContaining('Quota!') } },
  });
  await applyPoolEvent(db, 'openai/texts', { type: 'resume' });
  await db.query(`update pools set state = 'closed' where key = 'openai/texts'`);
});

test("an operator's pause names its reason, and counts as time of a person", async () => {
  const id = await newBatch('two');
  await setBatchState(db, id, 'paused', 'inventory, says Ann', { by: 'operator', pool: 'openai/texts' });
  await db.query(`update batches set created_at = created_at - interval '10 s' where id = $1`, [id]);
  await db.query(`update events set at = at - interval '5 s' where kind = 'batch.paused'`);
  const found = await explainWork(backend, { id: `#${id}` });
  expect(found.wait).toMatchObject({ why: 'inventory, says Ann', until: null });
  expect(found.shares.find(({ cause }) => cause === 'person')?.share).toBeGreaterThan(0.3);
  expect(sumOf(found.shares)).toBe(found.elapsedMs);
});

/** The database's clock, epoch ms: read once, so that what is told by it lies exactly so far apart on any machine. */
async function databaseNow(): Promise<number> {
  const { rows } = await db.query<{ now: number }>('select now_ms() as now');
  return rows[0]?.now ?? Number.NaN;
}
const aged = (id: number, seconds: number) =>
  db.query(`update batches set created_at = clock_timestamp() - make_interval(secs => $2) where id = $1`, [
    id,
    seconds,
  ]);
const secondsOf = ({ shares }: Explanation) =>
  Object.fromEntries(shares.map(({ cause, ms }) => [cause, Math.round(ms / 1000)]));

test('a long life: pauses, a restart, waits and a clock that was set back sum to it exactly', async () => {
  await db.query('delete from events');
  const id = await newBatch('long');
  const now = await databaseNow();
  /** Something that happened so many seconds ago. */
  const happened = (kind: string, ago: number, data: object = {}) =>
    db.query(`insert into events (at, kind, pool, data) values (to_timestamp($1), $2, $3, $4)`, [
      ...[now / 1000 - ago, kind, 'openai/texts', data],
    ]);
  await aged(id, 1000);
  await happened('pool.quota_paused', 900);
  await happened('pool.half_open', 800);
  await happened('pool.closed', 795);
  await happened('batch.paused', 700, { batch: id });
  await happened('batch.resumed', 600, { batch: id });
  // The clock was set back between them: nobody knows how long it was.
  await happened('pool.open', 500);
  await happened('pool.closed', 510);
  // Refused for a minute, and freed by an operator after 20 seconds.
  await happened('limit.refused', 60, { subject: 'l', limits: ['l'], waitMs: 60_000 });
  await happened('limit.unblocked', 40, { limit: 'l' });
  await db.query('delete from worker_presence');
  await db.query('insert into worker_presence values ($1, $2), ($3, $4)', [
    ...[now - 2_000_000, now - 300_000],
    ...[now - 100_000, now],
  ]);
  const found = await explainWork(backend, { id: `batch:${id}` });
  expect(sumOf(found.shares)).toBe(found.elapsedMs);
  expect(secondsOf(found)).toEqual({
    ...{ person: 100, noWorker: 200, quotaPause: 100, rateLimit: 20 },
    calling: expect.any(Number),
  });
  expect(Math.abs(found.elapsedMs - 1_000_000)).toBeLessThan(30_000);
});

test('without a worker it waits for one, unless a person has paused it', async () => {
  const id = await newBatch('workless');
  await aged(id, 1000);
  await db.query('update worker_presence set to_ms = now_ms() - 600000 where to_ms > now_ms() - 600000');
  const found = await explainWork(backend, { id: `batch:${id}` });
  expect(found.wait).toMatchObject({ why: 'no worker runs', until: null, frees: '`start worker`' });
  expect(secondsOf(found).noWorker).toBeGreaterThanOrEqual(599);
  await pauseBatch(backend, { batch: String(id), reason: 'stock-taking' }).catch(() => undefined);
  expect(await explainWork(backend, { id: `batch:${id}` })).toMatchObject({
    ...{ state: 'paused', wait: { why: 'stock-taking', until: null } },
    evidence: { words: 'stock-taking', by: 'test' },
  });
  await noteWorker(db);
});

test('a pool that was paused by hand names who, one that refuses credentials the vendor', async () => {
  const id = await newBatch('held');
  const explained = () => explainWork(backend, { id: `batch:${id}` });
  await pausePool(backend, { pool: 'texts', reason: 'contract' });
  expect(await explained()).toMatchObject({
    wait: { why: expect.stringContaining('contract'), frees: '`pool resume texts`' },
    evidence: { pool: 'openai/texts', by: 'test', words: expect.stringContaining('contract') },
  });
  await resumePool(backend, { pool: 'texts' });
  const { rows } = await db.query<{ epoch: number }>(`select epoch from pools where key = 'openai/texts'`);
  const evidence = {
    ...{ vendor: 'openai', account: 'texts', operation: 'createResponse', httpStatus: 401 },
    ...{ code: 'invalid_api_key', message: 'Incorrect API key provided', requestId: 'r-401' },
  };
  await applyPoolEvent(db, 'openai/texts', {
    ...{ type: 'hold', cause: 'credentials', epoch: rows[0]?.epoch ?? 0, reason: 'refused', evidence },
  });
  expect(await explained()).toMatchObject({
    wait: { frees: expect.stringContaining('pool resume') },
    evidence: { code: 'invalid_api_key', requestId: 'r-401', by: null, words: 'Incorrect API key provided' },
  });
  await db.query(`update pools set state = 'closed' where key = 'openai/texts'`);
});

test('a limit that the vendor has closed, by its words and its request id', async () => {
  const id = await newBatch('fast');
  const limits = limitsOfCall(findAccount(backend.settings, 'texts'), 'createResponse', {
    ...{ model: 'm', modelGroup: 'm' },
  });
  await registerLimits(db, 'openai/texts', limits);
  const key = limits.find(({ template }) => template.name === 'requests')?.key ?? 'none';
  const evidence = {
    ...{ vendor: 'openai', account: 'texts', operation: 'createResponse', httpStatus: 429 },
    ...{ code: 'rate_limit_exceeded', message: 'Rate limit reached', requestId: 'r-429' },
  };
  await recordRefusal(
    db,
    {
      ...{ pool: 'openai/texts', limits: [key], named: key, caller: 'x', evidence, escalation: null },
      ...{ waitMs: 60_000, departedAt: Date.now(), strikes: 1 },
    } as never,
    { refusals: 100, windowMs: 1000 },
  );
  expect(await explainWork(backend, { id: `batch:${id}` })).toMatchObject({
    wait: { until: expect.any(Number), frees: expect.stringContaining('pool unblock') },
    evidence: { limit: key, code: 'rate_limit_exceeded', requestId: 'r-429' },
  });
  await db.query(`delete from pool_limits where limit_key = $1`, [key]);
});

test('what has ended waits for nothing and gets no older', async () => {
  const id = await newBatch('ended');
  await db.query(
    `update batch_items set state = 'failed', evidence = '{"message": "no", "requestId": "r-5"}',
    answered_at = clock_timestamp() where batch_id = $1`,
    [id],
  );
  const batch = await explainWork(backend, { id: `batch:${id}` });
  expect(batch).toMatchObject({ state: 'finished', to: expect.any(Number), wait: null, evidence: null });
  expect(await explainWork(backend, { id: `batch:${id}/a` })).toMatchObject({
    ...{ state: 'failed', to: expect.any(Number), wait: null },
    evidence: { words: 'no', requestId: 'r-5' },
  });
});

/** A worker has always run, and nothing stood in anybody's way. */
async function nothingHappened() {
  await db.query('delete from events');
  await db.query('delete from worker_presence');
  await noteWorker(db);
}

test('a window while the vendor makes its report, when it has failed, and when it is in', async () => {
  await nothingHappened();
  const { rows } = await db.query<{ id: number }>(
    `insert into series (dataset, account) values ('amazon/rt-sales', 'shop') returning id`,
  );
  const series = rows[0]?.id;
  const span = `tstzrange('2026-11-01T06:00Z', '2026-11-01T12:00Z')`;
  await db.query(
    `insert into jobs (series_id, span, purpose, state, requested_at, report_id, request_id, created_at, updated_at)
     values ($1, ${span}, 'backfill', 'requested', clock_timestamp() - interval '60 s', 'R1', 'q-1',
             clock_timestamp() - interval '100 s', clock_timestamp())`,
    [series],
  );
  const explained = () => explainWork(backend, { id: 'window:amazon/rt-sales:shop:2026-11-01T06:00Z' });
  const made = await explained();
  expect(made).toMatchObject({
    ...{ kind: 'window', state: 'requested', to: null },
    wait: { why: expect.stringContaining('requested'), until: null },
    evidence: { requestId: 'q-1', words: expect.stringContaining('requested') },
  });
  // Asked for 60 s before it was written down, and still being made.
  const { vendor = 0, ...others } = secondsOf(made);
  expect(vendor).toBeGreaterThanOrEqual(60);
  expect(others).toEqual({ calling: 40 });
  await db.query(
    `update jobs set state = 'failed', reason = 'FATAL', updated_at = clock_timestamp() - interval '20 s' where series_id = $1`,
    [series],
  );
  await db.query(
    `insert into coverage (series_id, span, state, reason, retry_at, fetched_at)
     values ($1, ${span}, 'failed', 'the vendor gave FATAL', clock_timestamp() + interval '1 hour', clock_timestamp())`,
    [series],
  );
  expect(await explained()).toMatchObject({
    ...{ state: 'failed', to: null },
    wait: { why: 'the vendor gave FATAL', until: expect.any(Number) },
    evidence: { words: 'the vendor gave FATAL', requestId: 'q-1' },
  });
  await db.query('update coverage set retry_at = null where series_id = $1', [series]);
  expect(await explained()).toMatchObject({
    ...{ state: 'failed', to: expect.any(Number), wait: null },
    evidence: { words: 'the vendor gave FATAL' },
  });
  await db.query(`update coverage set state = 'done', reason = null where series_id = $1`, [series]);
  await db.query(`update jobs set state = 'ingested' where series_id = $1`, [series]);
  const done = await explained();
  expect(done).toMatchObject({ state: 'ingested', wait: null, evidence: null });
  expect(sumOf(done.shares)).toBe(done.elapsedMs);
});

test('a window lives from its first report on: retries, pauses, a run held by hand, no worker, and rest sum to it', async () => {
  await nothingHappened();
  const { rows } = await db.query<{ id: number }>(
    `insert into series (dataset, account) values ('amazon/rt-sales', 'lives') returning id`,
  );
  const clock = await databaseNow();
  const ago = (seconds: number | null) => (seconds === null ? null : clock / 1000 - seconds);
  const span = `tstzrange('2026-11-01T06:00Z', '2026-11-01T12:00Z')`;
  const report = (state: string, purpose: string, from: number, asked: number | null, to: number) =>
    db.query(
      `insert into jobs (series_id, span, purpose, state, requested_at, report_id, created_at, updated_at)
       values ($1, ${span}, $2, $3, to_timestamp($5), 'R', to_timestamp($4), to_timestamp($6))`,
      [rows[0]?.id, purpose, state, ago(from), ago(asked), ago(to)],
    );
  // Failed, tried again after 100 s, in; checked again by an audit, which the vendor works at.
  await report('failed', 'backfill', 1000, 990, 900);
  await report('ingested', 'backfill', 800, 700, 600);
  await report('requested', 'weekly_audit', 100, 40, 0);
  const run = (kind: string, id: string, seconds: number) =>
    db.query('insert into events (at, kind, pool, data) values (to_timestamp($1), $2, null, $3)', [
      ...[ago(seconds), kind, { subject: id, by: 'Ann', reason: 'x' }],
    ]);
  const backfill = 'backfill:amazon/rt-sales:lives:2026-11-01T00:00..2026-11-02T00:00';
  await run('operator.paused', backfill, 780);
  await run('operator.resumed', backfill, 750);
  // Of another day's, and while there was nothing to do: neither was in its way.
  await run('operator.paused', 'backfill:amazon/rt-sales:lives:2026-11-03T00:00..2026-11-04T00:00', 790);
  await run('operator.paused', 'sync:amazon/rt-sales:lives', 500);
  await run('operator.resumed', 'sync:amazon/rt-sales:lives', 400);
  await db.query('delete from worker_presence');
  await db.query('insert into worker_presence values ($1, $2), ($3, $4)', [
    ...[clock - 2_000_000, clock - 890_000],
    ...[clock - 790_000, clock],
  ]);
  const found = await explainWork(backend, { id: 'window:amazon/rt-sales:lives:2026-11-01T06:00Z' });
  expect(found).toMatchObject({ state: 'requested', to: null });
  expect(found.from).toBe(Math.floor(clock - 1_000_000));
  expect(sumOf(found.shares)).toBe(found.elapsedMs);
  const { vendor = 0, ...others } = secondsOf(found);
  // 990 to 900 at the vendor, 900 to 890 until it is tried again, and the two others, the last of which goes on.
  expect(vendor).toBeGreaterThanOrEqual(90 + 10 + 100 + 40);
  expect(others).toEqual({
    // Without a worker from 890 to 790, of which 10 s belong to a try.
    ...{ noWorker: 100, person: 30, idle: 500 },
    calling: 10 + 10 + 50 + 60,
  });
});

test('a command that the vendor has, and one that it has carried out', async () => {
  await nothingHappened();
  const { command } = await createCommand(db, {
    ...{ account: 'texts', requestId: null, device: 'd', code: 'C', params: [], repeatable: false },
    ...{ timeoutMs: 60_000, waitForPool: false, askedBy: 'a test' },
  });
  await db.query(
    `update commands set state = 'queued', created_at = clock_timestamp() - interval '30 s',
       sent_at = clock_timestamp() - interval '20 s' where id = $1`,
    [command.id],
  );
  const sent = await explainWork(backend, { id: `command:${command.id}` });
  expect(sent).toMatchObject({ to: null, wait: { why: expect.stringContaining('the vendor has it') } });
  expect(secondsOf(sent).vendor).toBeGreaterThanOrEqual(20);
  await db.query(
    `update commands set state = 'succeeded', ended_at = sent_at + interval '15 s' where id = $1`,
    [command.id],
  );
  const ended = await explainWork(backend, { id: `command:${command.id}` });
  expect(ended).toMatchObject({ to: expect.any(Number), wait: null, evidence: null });
  expect([sumOf(ended.shares), Math.round(ended.elapsedMs / 1000)]).toEqual([ended.elapsedMs, 25]);
});

test('an account that the settings have lost is named', async () => {
  const id = await newBatch('lost');
  const others = plainBackend(db, {
    accounts: { other: { vendor: 'openai', apiKey: 'env:TEST_CLIENT_SECRET' } },
  });
  const found = await explainWork(others, { id: `batch:${id}` }).catch((error: unknown) => error);
  expect(found).toMatchObject({
    code: 'UNKNOWN_NAME',
    field: 'id',
    message: expect.stringContaining('"texts"'),
  });
});

test('a command that nobody has sent yet', async () => {
  const { command } = await createCommand(db, {
    ...{ account: 'texts', requestId: null, device: 'd', code: 'C', params: [], repeatable: false },
    ...{ timeoutMs: 60_000, waitForPool: false, askedBy: 'a test' },
  });
  expect(await explainWork(backend, { id: `command:texts:${command.id}` })).toMatchObject({
    ...{ kind: 'command', state: 'created', to: null },
  });
});

test.each([
  ['nonsense', 'NOT_FOUND'],
  ['permit_AAAA', 'NOT_FOUND'],
  ['pool:openai/texts', 'NOT_FOUND'],
  ['login:3', 'NOT_FOUND'],
  ['batch:999999', 'NOT_FOUND'],
  ['batch:1/none', 'NOT_FOUND'],
  ['command:999999', 'NOT_FOUND'],
  ['window:amazon/rt-sales:texts:2026-11-01T06:00Z', 'NOT_FOUND'],
  ['window:amazon/rt-sales:texts:yesterday', 'INVALID_INPUT'],
  ['', 'INVALID_INPUT'],
])('%j is refused', async (id, code) => {
  await expect(explainWork(backend, { id })).rejects.toMatchObject({ code });
});
