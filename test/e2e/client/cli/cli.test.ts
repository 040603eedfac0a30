/** The compiled command line, as its users run it, against real servers and a simulated vendor. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Runtime } from '@temporalio/worker';
import { eventually } from '../../../support/eventually';
import { ROOT, SLUICE } from '../../../support/processes/program';
import { temporaryFolder } from '../../../support/stacks/embedded';
import { DATASET, type Stack, startStack } from '../../../support/stacks/stack';

const HOUR = 3_600_000;
/** The rate that binds in these tests. */
const CREATE = { ratePerSecond: 3, burst: 15 };

/** Fixed, so that the same words mean the same windows when the hour turns. */
const LAST_HOUR = Math.floor(Date.now() / HOUR) * HOUR;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

let stack: Stack;
let folder: string;

function runNode(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [...args],
      { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 },
      (_error, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

/** Runs `sluice …` with the stack's servers; `env` replaces variables. */
function sluice(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return runNode([SLUICE, ...args], {
    PATH: process.env.PATH,
    DATABASE_URL: stack.databaseUrl,
    TEMPORAL_ADDRESS: stack.temporalAddress,
    SLUICE_STATE_DIR: join(folder, 'state'),
    ...stack.env,
    ...env,
  });
}

async function json<T>(args: readonly string[]): Promise<T> {
  const ran = await sluice([...args, '--json']);
  if (ran.code !== 0) throw new Error(`${args.join(' ')} ended with ${ran.code}: ${ran.err}`);
  return JSON.parse(ran.out) as T;
}

/** `--from` and `--to` of `windows` windows of 6 hours that ended `hoursAgo` before the last whole hour. */
function span(windows: number, hoursAgo: number): string[] {
  const to = LAST_HOUR - (hoursAgo + 2) * HOUR;
  return ['--from', new Date(to - windows * 6 * HOUR).toISOString(), '--to', new Date(to).toISOString()];
}

beforeAll(async () => {
  folder = temporaryFolder('cli');
  // Builds what has changed, once.
  const built = await runNode([join(ROOT, 'bin', 'sluice.cjs'), '--help']);
  if (built.code !== 0) throw new Error(built.err);
  stack = await startStack({
    limits: {
      createReport: CREATE,
      getReportDocument: { ratePerSecond: 20, burst: 30 },
      getReport: { ratePerSecond: 40, burst: 60 },
      getReports: { ratePerSecond: 1, burst: 10 },
    },
    scenario: {
      limits: { createReport: CREATE, getReportDocument: { ratePerSecond: 20, burst: 30 } },
      reports: { queueMs: { min: 100, max: 200 }, processingMs: { min: 200, max: 400 } },
    },
    dataset: { poll: { initialSeconds: 0.5, factor: 1.5, maxSeconds: 1 } },
  });
  writeFileSync(join(folder, 'sluice.yaml'), stack.settingsYaml);
});

afterAll(async () => {
  await stack?.close();
  await Runtime.instance().shutdown();
});

test('work that is started while no worker runs says so, and waits for one', async () => {
  const ran = await sluice(['backfill', DATASET, ...span(1, 48)]);
  expect(ran).toMatchObject({
    code: 0,
    out: expect.stringContaining(`backfill:${DATASET}:${stack.account}`),
  });
  expect(ran.err).toContain('No worker asks for work');
  const id = /backfill:\S+/.exec(ran.out)?.[0] ?? '';
  expect(await explained(id)).toMatchObject({
    ...{ kind: 'backfill', state: 'running', to: null },
    wait: { why: expect.stringContaining('no worker') },
  });
  const paused = await sluice(['backfill', 'pause', DATASET, '--reason', 'stock-taking']);
  expect(paused).toMatchObject({
    code: 0,
    out: expect.stringContaining('paused by an operator: stock-taking'),
  });
  expect(paused.err).toContain('No worker runs now');
  await stack.startWorker();
  const [held] = await json<{ status: { phase: string; detail: string } | null }[]>(['backfill', 'list']);
  expect(held).toMatchObject({ status: { phase: 'paused', detail: 'stock-taking' } });
  expect(await explained(id)).toMatchObject({
    ...{ state: 'paused', wait: { why: 'stock-taking', until: null } },
    evidence: { words: 'stock-taking', by: expect.stringContaining('@') },
  });
  const reported = await sluice(['explain', id]);
  expect(reported).toMatchObject({ code: 0, err: '' });
  expect(reported.out).toMatch(/^backfill:\S+: paused, for /);
  expect(reported.out).toMatch(/frees +npx sluice backfill resume backfill:/);
  expect(reported.out).toMatch(/says +stock-taking · by \S+@/);
  expect(reported.out).toContain('paused or held by a person');
  expect(await sluice(['backfill', 'resume', DATASET])).toMatchObject({
    code: 0,
    out: expect.stringContaining(': resumed'),
  });
  await eventually('it has ended', async () => (await explained(id)).state === 'finished');
  // The time of the pause stays in the account of a run that has ended.
  const ended = await explained(id);
  expect(ended).toMatchObject({ state: 'finished', to: expect.any(String), wait: null });
  expect(ended.shares.find(({ cause }) => cause === 'person')?.ms).toBeGreaterThan(0);
  expect((await sluice(['explain', id])).out).toMatch(/: finished, took .*\nended /);
  const [, from] = span(1, 48);
  expect(await explained(`window:${DATASET}:${stack.account}:${from}`)).toMatchObject({
    ...{ kind: 'window', wait: null, evidence: null },
    to: expect.any(String),
  });
  const again = await sluice(['backfill', DATASET, ...span(1, 48), '--wait']);
  expect(again).toMatchObject({ code: 0, out: expect.stringContaining('1/1 windows') });
  const unknown = await sluice(['explain', 'job:12']);
  expect(unknown.err).toContain('names no work; give batch:7');
  expect([unknown.code, unknown.out]).toEqual([1, '']);
  expect((await sluice(['explain', `sync:${DATASET}:${stack.account}`])).err).toContain(
    'there is no run sync:',
  );
});

interface Explained {
  readonly state: string;
  readonly wait: { readonly why: string } | null;
  readonly elapsedMs: number;
  readonly shares: readonly { readonly cause: string; readonly ms: number }[];
}

async function explained(id: string): Promise<Explained> {
  const found = await json<Explained>(['explain', id]);
  expect(found.shares.reduce((sum, { ms }) => sum + ms, 0)).toBe(found.elapsedMs);
  return found;
}

test('a run takes no less than its plan predicted, and not many times as long', async () => {
  const { tookMs, earliestMs, latestMs } = await planAndRun(60);
  expect(tookMs).toBeGreaterThan(earliestMs * 0.9);
  // makespan.alone.test.ts asks for a twentieth, where no other test takes the processors.
  expect(tookMs).toBeLessThan(latestMs * 10);
});

/** From the vendor's first call to its last, for the command's own start is not the vendor's time; and what was said. */
async function planAndRun(
  hoursAgo: number,
): Promise<{ tookMs: number; earliestMs: number; latestMs: number }> {
  const work = [DATASET, ...span(20, hoursAgo), '--chunk', '2h'];
  const plan = await json<{
    chunks: number;
    calls: Record<string, { min: number; max: number }>;
    binding: { limit: string };
    earliestMs: number;
    latestMs: number;
  }>(['plan', 'backfill', ...work, '--report-time', '0.3s..0.7s']);
  expect(plan).toMatchObject({ chunks: 60, binding: { limit: 'createReport' } });
  expect(plan.calls.createReport).toEqual({ min: 60, max: 60 });

  const callsBefore = stack.simulator.log.list({ operation: 'createReport' }).length;
  const started = Date.now();
  const ran = await sluice(['backfill', ...work, '--wait', '--json']);
  const calls = stack.simulator.log.list({ since: started });
  const last = Math.max(...calls.map((call) => call.t));
  expect(ran.code).toBe(0);
  const result = ran.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .at(-1);
  expect(result).toMatchObject({ type: 'result', chunks: 60, done: 60, failed: 0 });
  expect(stack.simulator.log.list({ operation: 'createReport' }).length - callsBefore).toBe(60);

  const tookMs = last - Math.min(...calls.map((call) => call.t));
  return { tookMs, earliestMs: plan.earliestMs, latestMs: plan.latestMs };
}

test('coverage says what is in and what is not', async () => {
  const whole = await json<{ windows: number; done: number; rows: number; gaps: unknown[]; states: object }>([
    'coverage',
    DATASET,
    ...span(20, 60),
  ]);
  expect(whole).toMatchObject({ windows: 60, done: 60, gaps: [] });
  expect(whole.rows).toBeGreaterThan(1000);
  const all = await json<{ gaps: { from: string; to: string }[] }>(['coverage', DATASET]);
  expect(all.gaps.length).toBeGreaterThan(0);
  const human = await sluice(['coverage', DATASET, ...span(20, 60)]);
  expect(human.out).toContain('No gaps.');
});

test('export writes what is in the database, to standard output or to a file that appears whole', async () => {
  const [, from, , to] = span(20, 60);
  const { rows } = await stack.db.query<{ n: number }>(
    'select count(*) as n from amazon_rt_sales where start_time >= $1 and start_time < $2',
    [from, to],
  );
  const csv = await sluice(['export', DATASET, ...span(20, 60), '--format', 'csv']);
  expect(csv.out.trim().split('\n')).toHaveLength((rows[0]?.n ?? 0) + 1);
  expect(csv.out.split('\n')[0]).toBe(
    'account,marketplace_id,currency,start_time,end_time,asin,ordered_units,ordered_revenue',
  );
  const file = join(folder, 'rows.jsonl');
  const jsonl = await sluice(['export', DATASET, ...span(20, 60), '--format', 'jsonl', '--output', file]);
  expect(jsonl).toMatchObject({ code: 0, out: '' });
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  expect(lines).toHaveLength(rows[0]?.n ?? 0);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ account: stack.account, currency: 'USD' });
});

interface PoolJson {
  state: string;
  until: string | null;
  reason: string;
  strikes: number;
  limits: {
    name: string;
    used: number;
    limit: number;
    left: number;
    resetsAt: string | null;
    source: string;
  }[];
}

test('pools show their limits; pause stops every call, resume ends it', async () => {
  const [pool] = await json<PoolJson[]>(['pools']);
  expect(pool).toMatchObject({ state: 'closed', until: null, reason: '', strikes: 0 });
  const create = pool?.limits.find((limit) => limit.name === 'createReport');
  expect(create).toMatchObject({ limit: 15, source: 'settings' });
  expect((create?.used ?? 0) + (create?.left ?? 0)).toBeCloseTo(15);

  const paused = await json<PoolJson>(['pool', 'pause', '--reason', 'stock count', '--until', '1h']);
  expect(paused).toMatchObject({ state: 'held', reason: 'paused by operator: stock count' });
  expect(Date.parse(paused.until ?? '') - Date.now()).toBeGreaterThan(3_500_000);
  const before = stack.simulator.log.list({}).length;
  await sluice(['backfill', DATASET, ...span(2, 600)]);
  const shown = await json<PoolJson>(['pool', 'show', stack.pool]);
  expect(shown).toMatchObject({ state: 'held' });

  const resumed = await json<PoolJson>(['pool', 'resume', stack.pool]);
  expect(resumed).toMatchObject({ state: 'closed' });
  const filled = await sluice(['backfill', DATASET, ...span(2, 600), '--wait']);
  expect(filled.code).toBe(0);
  // Nothing left between pause and resume: what arrived since is all after it.
  const resumeEvent = (await json<{ at: string; kind: string }[]>(['events'])).find(
    (e) => e.kind === 'pool.closed',
  );
  const since = stack.simulator.log.list({}).slice(before);
  expect(Math.min(...since.map((call) => call.t))).toBeGreaterThanOrEqual(
    Date.parse(resumeEvent?.at ?? '') - 50,
  );
  expect((await json<PoolJson>(['pool', 'show'])).state).toBe('closed');
});

test('a pool is paused though Temporal is down, with a note that its workflow was not signalled', async () => {
  const ran = await sluice(['pool', 'pause'], { TEMPORAL_ADDRESS: '127.0.0.1:1' });
  expect(ran).toMatchObject({ code: 0, out: expect.stringContaining('held until an operator resumes it') });
  expect(ran.err).toContain("Could not be notified: the pool's workflow");
  expect((await json<PoolJson>(['pool', 'show'])).state).toBe('held');
  const reported = await sluice(['pool', 'resume'], { DATABASE_URL: 'postgres://sluice@127.0.0.1:1/none' });
  expect(reported).toMatchObject({ code: 0, out: expect.stringContaining('its workflow was signalled') });
  await eventually('it is closed', async () => (await json<PoolJson>(['pool', 'show'])).state === 'closed');
});

// The other cases are in test/unit/client/cli/cli-arguments.test.ts.
test.each([
  ['an unknown dataset', ['coverage', 'amazon/rt-slaes'], 'dataset "amazon/rt-slaes" is unknown'],
  [
    'a date',
    ['backfill', DATASET, '--from', '2026-11-31', '--to', '2026-12-02'],
    '--from: "2026-11-31" is not a time',
  ],
  [
    'a missing option',
    ['backfill', DATASET, '--from', '2026-11-01'],
    "required option '--to <time>' not specified",
  ],
  ['an unknown command', ['nonsense'], "unknown command 'nonsense'"],
])('%s is refused with what would be right', async (_, args, message) => {
  const ran = await sluice(args);
  expect(ran).toMatchObject({ code: 2, out: '', err: expect.stringContaining(message) });
});

test('servers that are not there are named with what to start, and no password', async () => {
  const gone = await sluice(['pools'], { DATABASE_URL: 'postgres://sluice:hunter2@127.0.0.1:1/none' });
  expect(gone.code).toBe(1);
  expect(gone.err).toContain(
    'Postgres cannot be reached at postgres://sluice:***@127.0.0.1:1/none (ECONNREFUSED)',
  );
  expect(gone.err).toContain('npx sluice up');
  expect(gone.err).not.toContain('hunter2');
  const none = await sluice(['sync', 'list'], { TEMPORAL_ADDRESS: '' });
  expect(none).toMatchObject({ code: 1, err: expect.stringContaining('npx sluice up') });
});

test('doctor fails on credentials that cannot be read, and prints none that can', async () => {
  const good = await sluice(['doctor']);
  expect(good).toMatchObject({ code: 0, out: expect.stringContaining('all can be read') });
  const { TEST_CLIENT_SECRET: secret = '' } = stack.env;
  expect(good.out + good.err).not.toContain(secret);
  const bad = await sluice(['doctor'], { TEST_CLIENT_SECRET: '' });
  expect(bad).toMatchObject({ code: 1, out: expect.stringContaining('TEST_CLIENT_SECRET') });
});
