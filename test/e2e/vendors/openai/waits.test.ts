/** Whatever a batch waits for, every list says what it is, since when, until when and what can be done, and an event does. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Runtime } from '@temporalio/worker';
import { listEvents } from '../../../../store/events/events';
import { cliFor } from '../../../support/cli';
import { eventually } from '../../../support/eventually';
import { STEADY_DAY_ENDS } from '../../../support/stacks/due-hours';
import { temporaryFolder } from '../../../support/stacks/embedded';
import {
  type OpenAiStack,
  type OpenAiStackOptions,
  STEADY_DAY,
  startOpenAiStack,
} from '../../../support/stacks/openai-stack';

let stack: OpenAiStack | null = null;

afterEach(async () => {
  await stack?.close();
  stack = null;
});

afterAll(() => Runtime.instance().shutdown());

const start = async (options: OpenAiStackOptions = {}) => {
  stack = await startOpenAiStack(options);
  return stack;
};

interface Waits {
  readonly why: string;
  readonly since: string | null;
  readonly until: string | null;
  readonly frees: string;
}
interface BatchJson {
  readonly id: number;
  readonly state: string;
  readonly waits: Waits | null;
}

/** What `batch show`, `batch list` and `status` say of a batch, once it waits; they agree. */
async function waitsOf(s: OpenAiStack, id: number): Promise<Waits> {
  const settingsFile = join(temporaryFolder('settings'), 'sluice.yaml');
  writeFileSync(settingsFile, s.settingsYaml);
  const cli = cliFor({ ...s, settingsFile });
  const json = async <T>(...args: string[]): Promise<T> => {
    const { code, out, err } = await cli([...args, '--json']);
    if (code !== 0) throw new Error(err);
    return JSON.parse(out) as T;
  };
  const shown = await eventually('it waits', async () => {
    const batch = await json<BatchJson>('batch', 'show', String(id));
    return batch.waits?.since ? batch : null;
  });
  expect(shown.state).toBe('waiting');
  const listed = (await json<BatchJson[]>('batch', 'list')).find((one) => one.id === id);
  const status = (await json<{ batches: BatchJson[] }>('status')).batches.find((one) => one.id === id);
  const what = ({ why, since, frees }: Waits) => ({ why, since, frees });
  for (const other of [listed, status]) {
    expect(other?.state).toBe('waiting');
    expect(what(other?.waits as Waits)).toEqual(what(shown.waits as Waits));
  }
  const { out } = await cli(['batch', 'show', String(id)]);
  expect(out).toMatch(/^Why: .*\nSince: .*\nUntil: .*\nTo do: /m);
  return shown.waits as Waits;
}

interface WaitEvent {
  readonly cause: string;
  readonly reason: string;
  readonly since: number;
  readonly until: number;
}

async function eventOf(s: OpenAiStack, id: number): Promise<WaitEvent & { readonly at: number }> {
  return eventually('it is reported', async () => {
    const events = await listEvents(s.db, { pool: s.pool, limit: 200 });
    const found = events.find(({ kind, data }) => kind === 'batch.waiting' && data.batch === id);
    return found ? { ...(found.data as unknown as WaitEvent), at: found.at } : null;
  });
}

/** On a quiet machine it is within a second. */
const SOON_MS = 15_000;

/** The event was there soon after the wait's beginning, and lists say the same beginning. */
function expectSame(waits: Waits, reported: WaitEvent & { readonly at: number }, toleranceMs = 1): void {
  expect(Math.abs(Date.parse(waits.since ?? '') - reported.since)).toBeLessThanOrEqual(toleranceMs);
  expect(reported.at - reported.since).toBeLessThan(SOON_MS);
}

const texts = { maxOutputTokens: 300, maxConcurrency: null };

test('the rest of a day that is not for background work, and then a day that is used up', async () => {
  const s = await start({ account: { ...STEADY_DAY, dailyLimit: 10 } });
  await s.startWorker();
  const background = await s.load(20);
  await s.run(background.id);
  const waits = await waitsOf(s, background.id);
  expect(waits).toMatchObject({ why: expect.stringContaining('background work pauses at 80 %') });
  expect(Date.parse(waits.until ?? '')).toBe(STEADY_DAY_ENDS);
  const reported = await eventOf(s, background.id);
  expect(reported.cause).toBe('threshold');
  expect(Math.abs(reported.until - STEADY_DAY_ENDS)).toBeLessThan(1000);
  expectSame(waits, reported);

  const urgent = await s.load(20, { priority: 'interactive' });
  await s.run(urgent.id);
  const spent = await waitsOf(s, urgent.id);
  expect(spent.why).toMatch(/^daily has 10 of 10 used, by /);
  const raise = `npx sluice limit set ${s.account} daily --capacity <n> --reason <text>`;
  expect(spent.frees).toBe(`nothing, it goes on by itself; sooner, where the vendor allows more: ${raise}`);
  const spentEvent = await eventOf(s, urgent.id);
  expect(Math.abs(spentEvent.until - STEADY_DAY_ENDS)).toBeLessThan(1000);
  expectSame(spent, spentEvent);
});

test('a wait that the vendor has stated', async () => {
  const s = await start();
  await s.startWorker();
  const waitMs = 3_600_000;
  s.simulator.control({ addErrors: [{ id: 'wait', code: 'rate_limit_exceeded', waitMs, count: 1 }] });
  const { id } = await s.load(20);
  await s.run(id);
  const waits = await waitsOf(s, id);
  expect(waits).toMatchObject({
    why: expect.stringMatching(/^the vendor has asked calls of requests to wait: 429 rate_limit_exceeded/),
    frees: `nothing, it goes on by itself; to try now: npx sluice pool unblock ${s.account}`,
  });
  const reported = await eventOf(s, id);
  expect(reported).toMatchObject({ cause: 'limit', reason: waits.why });
  expect(reported.until - reported.since).toBeGreaterThan(waitMs - 60_000);
  // The limit's own beginning: the refusal, of which the page heard a moment later.
  expectSame(waits, reported, SOON_MS);
});

test('tokens that do not suffice for one more call, though some are left', async () => {
  const tokens = { ratePerSecond: 1, burst: 700 };
  const s = await start({
    scenario: { headers: { rateLimit: 'missing' } },
    account: { limits: { tokens } },
  });
  await s.startWorker();
  const { id } = await s.load(20, { options: texts });
  await s.run(id);
  const waits = await waitsOf(s, id);
  expect(waits).toMatchObject({ why: expect.stringMatching(/^tokens has [\d,]+ of 700 used, by /) });
  const reported = await eventOf(s, id);
  expect(reported).toMatchObject({ cause: 'limit' });
  expectSame(waits, reported);
});

test('items that are to be tried again', async () => {
  const s = await start({ account: { retry: { server: { baseMs: 20_000, maxMs: 40_000 } } } });
  await s.startWorker();
  s.simulator.control({ addFaults: [{ kind: 'status', status: 503, operation: 'createResponse' }] });
  const { id } = await s.load(3);
  await s.run(id);
  const waits = await waitsOf(s, id);
  const why = expect.stringMatching(/^3 items to be tried again; the next one after: 503 /);
  expect(waits).toMatchObject({ why, frees: 'nothing, it goes on by itself' });
  const reported = await eventOf(s, id);
  expect(reported).toMatchObject({ cause: 'retry' });
  expectSame(waits, reported);
});

test('the vendor’s queue of files', async () => {
  const s = await start({
    scenario: { batches: { requestsPerSecond: 0.5 } },
    account: { batchApi: { enqueuedTokens: { 'gpt-4.1-mini': 300 } } },
  });
  await s.startWorker();
  const byFiles = { via: 'batch-api' } as const;
  const first = await s.load(200, byFiles);
  await s.run(first.id);
  await eventually('the queue is full', async () => {
    const { rows } = await s.db.query("select 1 from batch_parts where state = 'created'");
    return rows.length > 0;
  });
  const second = await s.load(50, byFiles);
  await s.run(second.id);
  const waits = await waitsOf(s, second.id);
  expect(waits).toMatchObject({ why: expect.stringMatching(/^the vendor's queue of files takes none: /) });
  const reported = await eventOf(s, second.id);
  expect(reported).toMatchObject({ cause: 'queue' });
  expectSame(waits, reported);
});

test('a worker that does not run', async () => {
  const s = await start();
  const { id, createdAt } = await s.load(5);
  await s.run(id);
  const waits = await waitsOf(s, id);
  expect(waits).toMatchObject({ why: 'no worker runs', until: null, frees: 'npx sluice up --detach' });
  expect(Math.abs(Date.parse(waits.since ?? '') - createdAt)).toBeLessThan(SOON_MS);
});
