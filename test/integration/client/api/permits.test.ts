import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Pool } from 'pg';
import { stringify } from 'yaml';
import { PermitGate } from '../../../../activities/gateway/permits/gate';
import { createPool } from '../../../../store/db';
import { eventually } from '../../../support/eventually';
import { type ApiProcess, startApi } from '../../../support/processes/api-process';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';

const run = promisify(execFile);
const EXAMPLES = join(__dirname, '../../../../examples');
const LIMIT = 60;
const [RATE, BURST] = [20, 4];

/** A vendor that notes who called, and answers as its path says. */
const seen: { url: string; authorization: string | undefined }[] = [];
const vendor = createServer((request, response) => {
  const { url = '', headers } = request;
  seen.push({ url, authorization: headers.authorization });
  if (url.startsWith('/v1/moved')) response.writeHead(302, { location: 'https://evil.example/' }).end();
  else if (url.startsWith('/v1/echo')) {
    response.setHeader('set-cookie', 'session=1').end(JSON.stringify({ said: headers.authorization }));
  } else if (url.startsWith('/v1/quick')) {
    const error = {
      message: 'Rate limit reached. Please try again in 20s.',
      code: 'rate_limit_exceeded',
      type: 'requests',
    };
    response.writeHead(429, { 'retry-after': '20', 'x-request-id': 'req-7' }).end(JSON.stringify({ error }));
  } else if (url.startsWith('/v1/long')) {
    const [status = 200, bytes = 0] = url.split('/').slice(3).map(Number);
    response.writeHead(status, { 'retry-after': '20' }).end(`"${'é'.repeat(bytes / 2 - 1)}"`);
  } else response.end('{}');
});

let database: TestDatabase;
let db: Pool;
let api: ApiProcess;
let second: ApiProcess;
let origin: string;

beforeAll(async () => {
  database = await testDatabase({ migrated: true });
  db = createPool(database.url, { max: 3, use: 'permits' });
  await new Promise<void>((listening) => vendor.listen(0, '127.0.0.1', listening));
  origin = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`;
  const texts = (limits: object) => ({
    ...{ vendor: 'openai', baseUrl: `${origin}/v1`, apiKey: 'env:TEST_CLIENT_SECRET', limits },
  });
  const settings = stringify({
    database: { url: database.url },
    accounts: {
      ...{ own: texts({}), refused: texts({}), long: texts({}), huge: texts({}) },
      shared: texts({
        day: { operations: ['getBatch'], count: LIMIT, ms: 3_600_000 },
        pace: { operations: ['getBatch'], ratePerSecond: RATE, burst: BURST },
      }),
      paced: texts({ pace: { operations: ['getBatch'], ratePerSecond: 40, burst: 1, slackMs: 0 } }),
    },
  });
  [api, second] = await Promise.all([startApi(settings), startApi(settings)]);
});
afterAll(async () => {
  await second.end();
  await api.end();
  vendor.close();
  vendor.closeAllConnections();
  await db.end();
  await database.drop();
});

async function post(path: string, body: unknown, { url } = api) {
  const answer = await fetch(`${url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return {
    status: answer.status,
    retryAfter: answer.headers.get('retry-after'),
    body: (await answer.json()) as Record<string, unknown>,
  };
}

test('a Python and a shell program share limits with a worker: all of them is used, and no more', async () => {
  const taken = await post('/permits', { account: 'shared', operation: 'getBatch' });
  expect(taken).toMatchObject({ status: 200, body: { probe: false } });
  const day = 'openai/shared/day';
  const gate = new PermitGate(db, { leadMs: 20 });
  const departures: number[] = [];
  const work = async () => {
    for (;;) {
      const charges = [day, 'openai/shared/pace'].map((key) => ({ key, units: 1 }));
      const request = { pool: 'openai/shared', priority: 'background', charges } as const;
      const permit = await gate.acquire(request, { inlineWaitMs: 60_000, slackMs: 100 });
      if (!permit.granted) return;
      departures.push(permit.departAt);
      await (await fetch(`${origin}/shared?worker`)).text();
    }
  };
  const program = (command: string, file: string, who: string) =>
    run(command, [
      join(EXAMPLES, file),
      api.url,
      'shared',
      'getBatch',
      `${origin}/shared?${who}`,
      String(LIMIT),
    ]);
  const programs = [program('python3', 'permits.py', 'python'), program('sh', 'permits.sh', 'shell')];
  const by = (who: string) => seen.filter(({ url }) => url === `/shared?${who}`).length;
  await eventually('both programs call', () => by('python') > 0 && by('shell') > 0);
  const workers = [work(), work(), work()];
  const said = await Promise.all(programs);
  await Promise.all(workers);
  expect(seen.filter(({ url }) => url.startsWith('/shared'))).toHaveLength(LIMIT - 1);
  expect(said.reduce((sum, { stdout }) => sum + Number(stdout), by('worker'))).toBe(LIMIT - 1);
  for (const { stderr } of said) expect(stderr).toContain(`limit ${day} has no room`);
  const { rows } = await db.query<{ at: number }>(
    `select depart_at as at from outside_permits where terms ->> 'account' = 'shared'`,
  );
  const all = [...rows.map(({ at }) => at), ...departures].sort((a, b) => a - b);
  expect(all).toHaveLength(LIMIT);
  for (const [i, from] of all.entries()) {
    for (const [n, to] of all.slice(i).entries()) {
      expect(n + 1).toBeLessThanOrEqual(BURST + ((to - from) * RATE) / 1000 + 0.01);
    }
  }
});

test('a denied permit is a problem with the limit, until when, and Retry-After', async () => {
  const denied = await post('/permits', { account: 'shared', operation: 'getBatch' });
  expect(denied).toMatchObject({
    status: 429,
    body: { code: 'LIMIT_REACHED', limit: 'openai/shared/day', until: expect.stringMatching(/Z$/) },
  });
  expect(Number(denied.retryAfter)).toBeGreaterThan(3000);
});

test("a call carries the account's credentials, and its answer none of them", async () => {
  const answer = await post('/calls', { account: 'own', operation: 'getBatch', path: '/echo?x=1' });
  expect(answer).toMatchObject({ status: 200, body: { status: 200, verdict: 'ok', next: 'use' } });
  expect(seen.at(-1)).toEqual({ url: '/v1/echo?x=1', authorization: 'Bearer test-client-secret' });
  expect(JSON.stringify(answer.body)).not.toContain('test-client-secret');
  expect(answer.body.headers).not.toHaveProperty('set-cookie');
});

test('redirects are not followed, and no other host is called', async () => {
  const moved = await post('/calls', { account: 'own', operation: 'getBatch', path: '/moved' });
  expect(moved.body).toMatchObject({ status: 302, headers: { location: 'https://evil.example/' } });
  const before = seen.length;
  expect(await post('/calls', { account: 'own', operation: 'getBatch', path: '/../v2' })).toMatchObject({
    status: 400,
    body: { code: 'INVALID_INPUT', field: '/path' },
  });
  expect(
    await post('/calls', { account: 'own', operation: 'getBatch', path: '/x', headers: { Host: 'evil' } }),
  ).toMatchObject({
    status: 400,
  });
  expect(seen).toHaveLength(before);
});

test('what the vendor refuses is answered with what to do, and stops permits', async () => {
  const refused = await post('/calls', { account: 'refused', operation: 'getBatch', path: '/quick' });
  expect(refused).toMatchObject({
    status: 200,
    body: { status: 429, verdict: 'rate', next: 'retry', requestId: 'req-7' },
  });
  expect(Number(refused.body.waitMs)).toBeGreaterThanOrEqual(20_000);
  expect((await post('/permits', { account: 'refused', operation: 'getBatch' })).status).toBe(429);
});

test('while an operator holds a pool, an answer says who and why, and how long to wait', async () => {
  const key = 'openai/own';
  const ask = () => post('/permits', { account: 'own', operation: 'getBatch' });
  const paused = await post('/pools/own/pause', { reason: 'stock-taking' });
  expect(paused.status).toBe(200);
  expect(await ask()).toMatchObject({
    status: 503,
    retryAfter: '30',
    body: {
      ...{ code: 'POOL_STOPPED', limit: key, until: null },
      stop: { pool: key, state: 'held', reason: 'stock-taking', by: expect.stringMatching(/./) },
    },
  });
  // A tenth of the time that it has lasted, and never more than five minutes.
  const lasted = (minutes: number) =>
    db.query('update pools set since_ms = now_ms() - $2 * 60000.0 where key = $1', [key, minutes]);
  await lasted(20);
  expect(Number((await ask()).retryAfter)).toBeGreaterThanOrEqual(120);
  await lasted(6000);
  expect((await ask()).retryAfter).toBe('300');
  const call = await post('/calls', { account: 'own', operation: 'getBatch', path: '/echo' });
  expect(call).toMatchObject({ status: 503, retryAfter: '300', body: { stop: { reason: 'stock-taking' } } });
  await post('/pools/own/resume', {});
  expect((await ask()).status).toBe(200);
});

const MOST = 8 * 1024 * 1024;

test('an answer that is too long to be handed on is a 502 of its own: the call was made once, and counts', async () => {
  const ask = (path: string) => post('/calls', { account: 'long', operation: 'getBatch', path });
  expect(await ask(`/long/200/${MOST}`)).toMatchObject({ status: 200, body: { status: 200, next: 'use' } });
  const before = seen.length;
  expect(await ask(`/long/200/${MOST + 2}`)).toMatchObject({
    status: 502,
    body: {
      ...{ code: 'ANSWER_TOO_LARGE', field: null, limit: null, until: null },
      detail: expect.stringMatching(new RegExp(`status 200 is ${MOST + 2} bytes long; at most ${MOST} `)),
      answer: { status: 200, size: MOST + 2, maxSize: MOST, verdict: 'ok', next: 'give-up', waitMs: 0 },
    },
  });
  // What follows from the answer follows all the same.
  expect(await ask(`/long/429/${MOST + 2}`)).toMatchObject({
    status: 502,
    body: { answer: { status: 429, verdict: 'rate', next: 'retry' } },
  });
  expect(await ask('/echo')).toMatchObject({ status: 429, body: { code: 'LIMIT_REACHED' } });
  expect(seen).toHaveLength(before + 2);
  const counted = async () =>
    (
      await db.query(
        `select verdict, sum(calls)::int4 as n from call_counts where pool = 'openai/long' group by 1`,
      )
    ).rows;
  await eventually('both are counted as what they were', async () => {
    const rows = await counted();
    return (
      rows.some(({ verdict, n }) => verdict === 'ok' && n === 2) &&
      rows.some(({ verdict }) => verdict === 'rate')
    );
  });
});

test('an answer that is too long to be read is no failure of the vendor', async () => {
  const tooLong = 64 * 1024 * 1024 + 2;
  const ask = (status: number) =>
    post('/calls', { account: 'huge', operation: 'getBatch', path: `/long/${status}/${tooLong}` });
  expect(await ask(200)).toMatchObject({
    status: 502,
    body: { code: 'ANSWER_TOO_LARGE', answer: { status: null, verdict: 'invalid', next: 'give-up' } },
  });
  const { rows } = await db.query(`select state, failures from pools where key = 'openai/huge'`);
  expect(rows).toEqual([{ state: 'closed', failures: 0 }]);
  // A refusal's status says enough, and what it says first.
  const refused = await ask(429);
  expect(refused).toMatchObject({ status: 200, body: { status: 429, verdict: 'rate', next: 'retry' } });
  expect(String(refused.body.body).length).toBeLessThanOrEqual(64 * 1024);
});

test('of those who wait at two processes nobody misses a permit when one is killed', async () => {
  const wanted = { account: 'paced', operation: 'getBatch', waitMs: 20_000 };
  const waiting = Array.from({ length: 60 }, (_, i) =>
    post('/permits', wanted, i % 2 ? api : second).then(
      ({ status, body }) => ({ status, at: Date.parse(String(body.departAt)) }),
      () => ({ status: 0, at: 0 }),
    ),
  );
  await new Promise((done) => setTimeout(done, 400));
  await second.end('SIGKILL');
  const got = await Promise.all(waiting);
  const given = got.filter(({ status }) => status === 200).map(({ at }) => at);
  expect(got.filter(({ status }) => status !== 200 && status !== 0)).toEqual([]);
  expect(given.length).toBeGreaterThanOrEqual(30);
  given.sort((a, b) => a - b);
  // Never faster than the limit, and none lost to those who are gone but the few that were on their way to them.
  for (const [i, at] of given.entries()) {
    if (i > 0) expect(at - (given[i - 1] ?? 0)).toBeGreaterThanOrEqual(24);
  }
  const { rows } = await db.query<{ n: number }>(
    `select count(*)::int4 as n from outside_permits where terms ->> 'account' = 'paced'`,
  );
  expect((rows[0]?.n ?? 0) - given.length).toBeLessThanOrEqual(8);
});
