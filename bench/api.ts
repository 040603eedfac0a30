/**
 * The HTTP API while a backfill runs: how fast permits are given, how long reads of the database take at a steady rate,
 * and how soon an event reaches everybody who listens.
 *
 *     npm run bench:api [-- seconds of reads] [--json]      (default 60)
 *
 * Starts a Postgres, a Temporal, an Amazon simulator, a worker and an API process of its own and removes them afterwards.
 * Fails when a permit takes more than 5 ms (p50, at a third of what is reached), fewer than 1,500 a second are given, 95 %
 * of the reads take more than 50 ms or one fails, or an event reaches a listener after more than 250 ms.
 */
import { setMaxListeners } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { Pool as Connections, request } from 'undici';
import { stringify } from 'yaml';
import { createPool } from '../store/db';
import { insertEvent } from '../store/events/events';
import { migrate } from '../store/migrate';
import { generateKey } from '../store/secrets/keyring';
import { givenNumbers, JSON_WANTED, progress, run } from './command-line';
import { type BenchServers, withServers } from './servers';

const [readSeconds = 60] = givenNumbers();

const BARS = { permitP50Ms: 5, permitsPerSecond: 1500, readP95Ms: 50, eventMs: 250 };
const READS_PER_SECOND = 200;
const LISTENERS = 200;
const EVENTS = 20;
const PERMIT_MS = 5_000;
/** Callers that never rest, for what can be reached. */
const CALLERS = 64;
const ACCOUNT = 'bench';
const DAY_MS = 86_400_000;

async function measure({ folder, processes, start, simulate }: BenchServers): Promise<void> {
  const quick = { ratePerSecond: 20, burst: 50 };
  const limits = { createReport: quick, getReport: quick, getReportDocument: quick, getReports: quick };
  const [{ postgres, temporal }, { url, tokenUrl }] = await Promise.all([
    start(),
    simulate('amazon', { limits }),
  ]);
  await migrate(postgres.url);
  const env = { SLUICE_VAULT_KEY: generateKey(), BENCH_SECRET: 'amzn1.bench' };
  const settingsFile = path.join(folder, 'sluice.yaml');
  const wide = { ratePerSecond: 100_000, burst: 100_000 };
  const account = (own: object) => ({
    vendor: 'amazon',
    ...{ baseUrl: url, tokenUrl, marketplaces: ['ATVPDKIKX0DER'], currency: 'USD' },
    credentials: {
      clientId: 'env:BENCH_SECRET',
      clientSecret: 'env:BENCH_SECRET',
      refreshToken: 'env:BENCH_SECRET',
    },
    ...own,
  });
  writeFileSync(
    settingsFile,
    stringify({
      log: { level: 'warn' },
      database: { url: postgres.url },
      temporal: { address: temporal.address, encryptPayloads: false },
      accounts: { [ACCOUNT]: account({ limits }), wide: account({ limits: { getReports: wide } }) },
      datasets: [
        { dataset: 'amazon/rt-sales', account: ACCOUNT, poll: { initialSeconds: 1, maxSeconds: 2 } },
      ],
    }),
  );
  const worker = processes.launch(
    'worker',
    'workers/main',
    ['--settings', settingsFile],
    { ...env, LOG_LEVEL: 'info' },
    (line) => line.includes('worker.started'),
  );
  await worker.ready;
  const api = processes.launch(
    'api',
    'client/api/main',
    ['--settings', settingsFile, '--port', '0'],
    env,
    (line) => line.startsWith('API at '),
  );
  const base = new URL(/API at (\S+)\/api/.exec(await api.ready)?.[1] ?? '').origin;
  const db = createPool(postgres.url, { max: 2 });
  await startBackfill(base);
  const permits = await measurePermits(base);
  progress(`permits: ${JSON.stringify(permits)}`);
  const reads = await measureReads(base);
  progress(`reads: ${JSON.stringify(reads)}`);
  const events = await measureEvents(base, db);
  progress(`events: ${JSON.stringify(events)}`);
  await db.end();
  const ok =
    permits.p50 < BARS.permitP50Ms &&
    permits.perSecond >= BARS.permitsPerSecond &&
    reads.p95 < BARS.readP95Ms &&
    reads.failed === 0 &&
    events.slowest <= BARS.eventMs &&
    events.missing === 0;
  if (!ok) process.exitCode = 1;
  if (JSON_WANTED) console.log(JSON.stringify({ permits, reads, events, bars: BARS, ok }));
  else console.log(ok ? 'within the bars' : `outside of a bar: ${JSON.stringify(BARS)}`);
}

async function post(url: string, body: object): Promise<{ status: number; body: unknown }> {
  const answer = await request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.statusCode, body: await answer.body.json() };
}

/** Some hundred reports: it outlasts the measurement. */
async function startBackfill(base: string): Promise<void> {
  const day = (ms: number) => new Date(Math.floor(ms / DAY_MS) * DAY_MS).toISOString();
  const work = {
    account: ACCOUNT,
    from: day(Date.now() - 28 * DAY_MS),
    to: day(Date.now() - DAY_MS),
    chunk: '1h',
  };
  const answer = await post(`${base}/api/v1/datasets/amazon/rt-sales/backfills`, work);
  if (answer.status !== 202) throw new Error(`no backfill: ${JSON.stringify(answer)}`);
}

async function measurePermits(base: string) {
  const connections = new Connections(base, { connections: CALLERS, pipelining: 1 });
  const body = JSON.stringify({ account: 'wide', operation: 'getReports' });
  const take = async () => {
    const began = performance.now();
    const answer = await connections.request({
      ...{ path: '/api/v1/permits', method: 'POST', body },
      headers: { 'content-type': 'application/json' },
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`no permit: ${answer.statusCode} ${text}`);
    return performance.now() - began;
  };
  for (let i = 0; i < 200; i++) await take();
  let given = 0;
  const over = performance.now() + PERMIT_MS;
  const caller = async () => {
    for (; performance.now() < over; given++) await take();
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const perSecond = Math.round((given * 1000) / PERMIT_MS);
  const calm = await atRate(perSecond / 3, PERMIT_MS, take);
  await connections.close();
  return { perSecond, ...calm };
}

async function measureReads(base: string) {
  const connections = new Connections(base, { connections: 50, pipelining: 1 });
  const paths = [
    '/api/v1/pools',
    `/api/v1/pools/${ACCOUNT}`,
    '/api/v1/events?limit=50',
    `/api/v1/datasets/amazon/rt-sales/coverage?account=${ACCOUNT}`,
    '/api/v1/batches',
  ];
  let next = 0;
  let failed = 0;
  const read = async () => {
    const began = performance.now();
    const asked = paths[next++ % paths.length] ?? '';
    const answer = await connections.request({ path: asked, method: 'GET' }).catch(() => null);
    await answer?.body.text();
    if (answer?.statusCode !== 200) {
      if (failed++ === 0) progress(`failed: ${asked} ${answer?.statusCode}`);
    }
    return performance.now() - began;
  };
  const took = await atRate(READS_PER_SECOND, readSeconds * 1000, read);
  await connections.close();
  return { ...took, failed };
}

async function measureEvents(base: string, db: Pool) {
  const received = new Map<number, number[]>();
  const ending = new AbortController();
  setMaxListeners(LISTENERS, ending.signal);
  const connections = new Connections(base, { connections: LISTENERS, pipelining: 1, bodyTimeout: 0 });
  const listen = async () => {
    const answer = await connections.request({
      ...{ path: '/api/v1/events/stream', method: 'GET', signal: ending.signal },
      headers: { accept: 'text/event-stream' },
    });
    if (answer.statusCode !== 200) throw new Error(`no stream: ${answer.statusCode}`);
    void (async () => {
      let rest = '';
      for await (const part of answer.body) {
        rest += String(part);
        const end = rest.lastIndexOf('\n\n') + 1;
        for (const [, number] of rest.slice(0, end).matchAll(/"bench-(\d+)"/g)) {
          received.get(Number(number))?.push(Date.now());
        }
        rest = rest.slice(end);
      }
    })().catch(() => undefined);
  };
  await Promise.all(Array.from({ length: LISTENERS }, listen));
  await delay(500);
  const slowest: number[] = [];
  let missing = 0;
  for (let n = 0; n < EVENTS; n++) {
    received.set(n, []);
    const began = Date.now();
    const data = { limit: `bench-${n}`, capacity: 1 };
    await insertEvent(db, 'limit.learned', null, data);
    for (let i = 0; i < 100 && (received.get(n)?.length ?? 0) < LISTENERS; i++) await delay(20);
    const times = received.get(n) ?? [];
    missing += LISTENERS - times.length;
    slowest.push(Math.max(...times) - began);
    await delay(100);
  }
  ending.abort();
  return { listeners: LISTENERS, events: EVENTS, slowest: Math.max(...slowest), missing };
}

/** Begins so many a second, however long each takes. */
async function atRate(perSecond: number, ms: number, work: () => Promise<number>) {
  const running: Promise<number>[] = [];
  const began = performance.now();
  while (performance.now() - began < ms) {
    const due = Math.floor(((performance.now() - began) * perSecond) / 1000);
    while (running.length < due) running.push(work());
    await delay(1);
  }
  const took = (await Promise.all(running)).sort((a, b) => a - b);
  const at = (q: number) =>
    Number((took[Math.min(took.length - 1, Math.floor(q * took.length))] ?? Number.NaN).toFixed(1));
  return { count: took.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}

run(() => withServers('api', measure));
