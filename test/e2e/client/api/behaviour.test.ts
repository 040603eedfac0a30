/** What the API promises over processes, crashes and broken connections. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { createConnection } from 'node:net';
import type { ProblemBody } from '../../../../client/api/problem';
import { connect } from '../../../../store/db';
import { insertEvent } from '../../../../store/events/events';
import { routeOf, samples, send } from '../../../support/api-samples';
import { eventually } from '../../../support/eventually';
import { type ApiStack, startApiStack } from '../../../support/stacks/api-stack';

const HOUR_MS = 3_600_000;
const HOUR = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
const iso = (ms: number) => new Date(ms).toISOString();

let stack: ApiStack;
let url: string;
let second: string;
let right: ReturnType<typeof samples>;

beforeAll(async () => {
  stack = await startApiStack();
  right = samples({ ...stack, from: iso(HOUR - 12 * HOUR_MS), to: iso(HOUR - 6 * HOUR_MS) });
  [url, second] = (await Promise.all([stack.serve(), stack.serve()])).map((server) => server.url) as [
    string,
    string,
  ];
});

afterAll(() => stack.close());

const start = (at: string, id: string, key: string, more: Record<string, unknown> = {}) =>
  send(at, routeOf(id), { ...right[id], ...more }, { headers: { 'idempotency-key': key } });

test('an Idempotency-Key: one answer over processes; another body 422; under way 409', async () => {
  const first = await start(url, 'startBatch', 'batch-1');
  expect([first.status, first.body.goesOn]).toEqual([202, false]);
  expect(first.headers.get('location')).toBe(`/api/v1/batches/${first.body.batch}`);
  const again = await start(second, 'startBatch', 'batch-1');
  expect(again.body).toEqual(first.body);
  expect([again.status, again.headers.get('location')]).toEqual([202, first.headers.get('location')]);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  const other = await start(second, 'startBatch', 'batch-1', { model: 'gpt-4.1' });
  expect([other.status, other.body.code]).toEqual([422, 'KEY_REUSED']);
  const bad = await start(second, 'startBatch', 'bäd'.replace('ä', 'a b'));
  expect([bad.status, bad.body.field]).toEqual([400, 'Idempotency-Key']);
  // A refused request leaves its key free.
  expect((await start(url, 'startBackfill', 'backfill-1', { from: 'never' })).status).toBe(400);
  expect((await start(url, 'startBackfill', 'backfill-1')).status).toBe(202);
  // A day later it is a new request.
  await stack.db.query(
    `update api_requests set created_at = created_at - interval '25 hours' where key = 'backfill-1'`,
  );
  const later = await start(second, 'startBackfill', 'backfill-1', { from: iso(HOUR - 10 * HOUR_MS) });
  expect([later.status, later.headers.get('idempotency-replayed')]).toEqual([202, null]);
  const elsewhere = await start(url, 'startSync', 'backfill-1');
  expect([elsewhere.status, elsewhere.body.code]).toEqual([422, 'KEY_REUSED']);
  for (const odd of ['', 'x'.repeat(256), 'a b', 'ü']) {
    const sent = await start(url, 'startSync', odd);
    expect([odd, sent.status]).toEqual([odd, 400]);
  }
  // Somebody else's key is not ours.
  const key = await stack.key('operate');
  const theirs = await send(
    url,
    routeOf('startBatch'),
    { ...right.startBatch, model: 'gpt-4.1' },
    {
      key,
      headers: { 'idempotency-key': 'batch-1' },
    },
  );
  expect(theirs.status).toBe(202);
});

test('a process killed between start and answer: the next one finds what was started', async () => {
  const doomed = await stack.serve();
  // Events cannot be written: the work is begun, and its answer is not kept.
  const blocker = await connect(stack.databaseUrl);
  await blocker.query('begin; set local idle_in_transaction_session_timeout = 0');
  await blocker.query('lock table events in exclusive mode');
  const lost = start(doomed.url, 'startAudit', 'audit-1').catch(() => 'cut off');
  const runs = async () => {
    const found = [];
    for await (const run of stack.client.workflow.list({
      query: `TaskQueue = '${stack.settings.temporal.taskQueue}'`,
    })) {
      if (run.workflowId.startsWith('audit:')) found.push(run.runId);
    }
    return found;
  };
  await eventually('the audit is started', async () => (await runs()).length === 1);
  const flying = await start(url, 'startAudit', 'audit-1');
  expect([flying.status, flying.body.code]).toEqual([409, 'IN_FLIGHT']);
  expect(Number(flying.headers.get('retry-after'))).toBeGreaterThan(0);
  await doomed.end('SIGKILL');
  expect(await lost).toBe('cut off');
  await blocker.query('rollback');
  await blocker.end();
  // The run ends before anybody comes again: without the key, it would be fetched twice.
  const [only] = await runs();
  const found = await stack.db.query<{ id: string }>(`select id from api_requests where key = 'audit-1'`);
  expect(found.rows).toHaveLength(1);
  const workflowId = (
    await stack.client.workflow
      .list({ query: `RunId = '${only}'` })
      [Symbol.asyncIterator]()
      .next()
  ).value.workflowId;
  await stack.client.workflow.getHandle(workflowId).terminate();
  await stack.db.query(
    `update api_requests set lease_until = now() - interval '1 second' where key = 'audit-1'`,
  );
  const after = await start(second, 'startAudit', 'audit-1');
  expect([after.status, after.body]).toMatchObject([202, { workflowId, alreadyRan: false }]);
  expect(await runs()).toEqual([only]);
});

/** A listener as a program has it. */
class Listener {
  readonly ids: number[] = [];
  readonly kinds: string[] = [];
  ended = false;
  gap: Record<string, unknown> | null = null;
  private response: IncomingMessage | null = null;

  async open(at: string, after: number | null, query = ''): Promise<this> {
    const headers = after === null ? {} : { 'last-event-id': String(after) };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${at}/api/v1/events/stream${query}`, { headers, agent: false }, resolve).on('error', reject);
    });
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
    this.response = response;
    let text = '';
    response.setEncoding('utf8').on('data', (piece) => {
      text += piece;
      const parts = text.split('\n\n');
      text = parts.pop() ?? '';
      for (const part of parts) {
        if (part.startsWith('event: end')) this.ended = true;
        const gap = /^event: gap\ndata: (.*)$/.exec(part)?.[1];
        if (gap !== undefined) this.gap = JSON.parse(gap);
        const id = /^id: (\d+)$/m.exec(part)?.[1];
        if (id === undefined) continue;
        this.ids.push(Number(id));
        this.kinds.push(JSON.parse(/^data: (.*)$/m.exec(part)?.[1] ?? '{}').kind);
      }
    });
    response.on('error', () => undefined);
    return this;
  }

  /** Reads nothing any more, as a program that hangs does; the server's end is seen once it reads again. */
  pause(): void {
    this.response?.pause();
  }

  async cutOff(): Promise<void> {
    const closed = new Promise<void>((done) => this.response?.once('close', done));
    this.response?.resume();
    await closed;
  }

  cut(): void {
    this.response?.destroy();
  }
}

const reported = (db: Parameters<typeof insertEvent>[0], n: number) =>
  insertEvent(db, 'process.hung', null, { process: `p${n}`, reason: 'a test' });

test('events: none lost, none twice, in order, whoever commits first and however often the line breaks', async () => {
  const slow = await connect(stack.databaseUrl);
  const whole = await new Listener().open(url, null);
  const broken = await new Listener().open(url, null);
  const elsewhere = await new Listener().open(second, null, '?kind=process.hung');
  await reported(stack.db, 0);
  await eventually('all have the first', () =>
    [whole, broken, elsewhere].every(({ ids }) => ids.length === 1),
  );
  const seen: number[] = [...broken.ids];
  let n = 1;
  for (let round = 0; round < 4; round++) {
    // A lower id is drawn first, and becomes visible last.
    await slow.query('begin; set local idle_in_transaction_session_timeout = 0');
    await reported(slow as never, n++);
    await reported(stack.db, n++);
    broken.cut();
    await reported(stack.db, n++);
    const next = await new Listener().open(round % 2 ? url : second, seen.at(-1) ?? null);
    // A transaction that fails leaves a gap, which holds nobody up.
    if (round === 2) {
      const failed = await connect(stack.databaseUrl);
      await failed.query('begin; set local idle_in_transaction_session_timeout = 0');
      await reported(failed as never, 999);
      await failed.query('rollback');
      await failed.end();
    }
    await new Promise((done) => setTimeout(done, 150));
    expect(next.ids).toEqual([]);
    await slow.query('commit');
    await eventually('the others come', () => whole.ids.length === n && next.ids.length === 3);
    seen.push(...next.ids);
    next.cut();
  }
  await slow.end();
  const { rows } = await stack.db.query<{ id: number }>('select id from events where id >= $1 order by id', [
    seen[0],
  ]);
  const all = rows.map(({ id }) => id);
  expect(seen).toEqual(all);
  expect(whole.ids).toEqual(all);
  await eventually('the other process has them', () => elsewhere.ids.length === all.length);
  expect(elsewhere.ids).toEqual(all);

  // From the beginning, page by page, and as the list has it.
  const late = await new Listener().open(second, 0);
  const listed: number[] = [];
  for (let cursor: string | null = null; ; ) {
    const { body } = await send(url, routeOf('listEvents'), {
      limit: 7,
      ...(cursor === null ? {} : { cursor }),
    });
    listed.push(...body.events.map((event: { id: number }) => event.id));
    cursor = body.next;
    if (cursor === null) break;
  }
  await eventually('all of them', () => late.ids.length === listed.length);
  expect(late.ids).toEqual(listed.reverse());
  for (const one of [whole, elsewhere, late]) one.cut();
});

test('events that were deleted, or are of another database, are reported as a gap; a slow listener is let go', async () => {
  await reported(stack.db, 0);
  await reported(stack.db, 1);
  const { rows } = await stack.db.query<{ first: number; last: number }>(
    'select min(id) as first, max(id) as last from events',
  );
  const { first = 0, last = 0 } = rows[0] ?? {};
  await stack.db.query('delete from events where id = $1', [first]);
  const [deleted, future, right] = await Promise.all([
    new Listener().open(url, first),
    new Listener().open(url, last + 1_000_000),
    new Listener().open(second, last),
  ]);
  await reported(stack.db, 2);
  await eventually('all have the new one', () =>
    [deleted, future, right].every(({ ids }) => (ids.at(-1) ?? 0) > last),
  );
  const { rows: left } = await stack.db.query<{ next: number }>('select min(id) as next from events');
  const next = left[0]?.next;
  const keptSince = expect.stringMatching(/Z$/);
  const fromTheStart = await new Listener().open(second, 0);
  await eventually('all that there is', () => fromTheStart.ids.length > 0);
  expect(fromTheStart.ids[0]).toBe(next);
  expect([deleted.gap, fromTheStart.gap, future.gap, right.gap]).toEqual([
    { reason: 'deleted', after: first, next, keptSince },
    { reason: 'deleted', after: 0, next, keptSince },
    { reason: 'unknown', after: last + 1_000_000, next: null, keptSince },
    null,
  ]);
  fromTheStart.cut();
  expect(right.ids).toHaveLength(1);
  const slow = await new Listener().open(url, null);
  slow.pause();
  for (let i = 0; i < 16; i++) {
    await stack.db.query(
      `insert into events (at, kind, data) select clock_timestamp(), 'process.hung',
         jsonb_build_object('process', repeat('x', 20000), 'reason', 'a test') from generate_series(1, 40)`,
    );
    await new Promise((done) => setTimeout(done, 60));
  }
  await slow.cutOff();
  await eventually('those who read have all of them', () => right.ids.length === 1 + 16 * 40);
  for (const one of [deleted, future, right]) one.cut();
});

test('a cursor that was made up, or is of another list, is refused', async () => {
  const page = await send(url, routeOf('listEvents'), { limit: 1 });
  const { body: made } = await start(url, 'startBatch', 'cursors', { model: 'gpt-4.1-nano' });
  const items = { batch: made.batch };
  for (const cursor of ['x', '', page.body.next.slice(2), `${page.body.next}AAAA`, 'WyJldmVudHMiLCIxOyJd']) {
    const sent = await send(url, routeOf('listEvents'), { cursor });
    expect([cursor, sent.status, sent.body.field]).toEqual([cursor, 400, 'cursor']);
  }
  const other = await send(url, routeOf('listBatchItems'), { ...items, cursor: page.body.next });
  expect([other.status, other.body.field]).toEqual([400, 'cursor']);
  const far = Buffer.from(JSON.stringify([`items ${made.batch}`, 1e300])).toString('base64url');
  expect((await send(url, routeOf('listBatchItems'), { ...items, cursor: far })).status).toBe(400);
});

/** A connection on which nothing was asked yet. @returns what it answers to these bytes. */
async function opened(at: string): Promise<(bytes: string) => Promise<string>> {
  const { hostname, port } = new URL(at);
  const socket = createConnection(Number(port), hostname);
  let text = '';
  socket.on('data', (part) => {
    text += part;
  });
  await once(socket, 'connect');
  return async (bytes) => {
    socket.write(bytes);
    await once(socket, 'close');
    return text;
  };
}

test('SIGTERM: what is begun is answered, streams are ended, and the process ends with 0', async () => {
  const server = await stack.serve();
  const listener = await new Listener().open(server.url, null);
  const blocker = await connect(stack.databaseUrl);
  await blocker.query('begin; set local idle_in_transaction_session_timeout = 0');
  await blocker.query('lock table pools in access exclusive mode');
  const slow = send(server.url, routeOf('listPools'), {});
  await new Promise((done) => setTimeout(done, 200));
  const unread = await opened(server.url);
  const ended = server.end();
  await eventually('the stream is ended', () => listener.ended);
  // Its client had opened the connection before, and its request is on the way.
  expect(await unread('GET /api/v1/pools HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')).toMatch(
    /^HTTP\/1\.1 503 .*retry-after: 1.*"code":"OVERLOADED"/is,
  );
  await blocker.query('rollback');
  await blocker.end();
  expect((await slow).status).toBe(200);
  expect(await ended).toBe(0);
});

test('keys: expiry and revocation hold at once; their use is an event and noted; a key has its own pace', async () => {
  const admin = await stack.key('admin');
  const made = await send(
    url,
    routeOf('createKey'),
    { name: 'ops', scope: 'operate', requestsPerMinute: 3 },
    { key: admin },
  );
  expect(made.status).toBe(201);
  expect(made.body.key).toMatch(/^slc_[A-Za-z0-9_-]{43}$/);
  const { key } = made.body;
  const stored = await stack.db.query('select * from api_keys');
  expect(JSON.stringify(stored.rows)).not.toContain(key);
  const use = () => send(url, routeOf('pausePool'), { pool: stack.account, reason: 'a test' }, { key });
  expect((await use()).status).toBe(200);
  const { body: page } = await send(url, routeOf('listEvents'), { kind: 'api.called', limit: 1 });
  expect(page.events[0].data).toMatchObject({ by: 'ops', operation: 'pausePool', status: 200 });
  expect((await use()).status).toBe(200);
  expect((await use()).status).toBe(200);
  const fast = await use();
  expect([fast.status, (fast.body as ProblemBody).code]).toEqual([429, 'TOO_MANY_REQUESTS']);
  expect(Number(fast.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(Date.parse(fast.body.until)).toBeGreaterThan(Date.now());
  const listed = await send(url, routeOf('listKeys'), {});
  expect(JSON.stringify(listed.body)).not.toContain(key);
  expect(listed.body.find(({ name }: { name: string }) => name === 'ops').lastUsedAt).not.toBeNull();
  // Its minute is one over all processes.
  expect((await send(second, routeOf('listPools'), {}, { key })).status).toBe(429);
  expect((await send(url, routeOf('revokeKey'), { key: 'ops' }, { key: admin })).status).toBe(200);
  expect((await send(second, routeOf('listPools'), {}, { key })).status).toBe(401);
  const short = await stack.key('read', { expires: '1h' });
  expect((await send(url, routeOf('listPools'), {}, { key: short })).status).toBe(200);
  await stack.db.query(`update api_keys set expires_at = expires_at - interval '1 hour'`);
  expect((await send(url, routeOf('listPools'), {}, { key: short })).status).toBe(401);
});
