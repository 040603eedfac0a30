/** Backfills and syncs that run for very long go on in fresh histories, with all that they know. */
import { Runtime } from '@temporalio/worker';
import { coverage } from '../../../../store/datasets/ledger';
import type { RunningWorker } from '../../../../workers/worker';
import {
  limitUnblockedSignal,
  pauseSignal,
  syncWorkflowId,
  workStatusQuery,
} from '../../../../workflows/messages';
import type { BackfillInput, backfill } from '../../../../workflows/reports/backfill';
import type { DatasetSyncInput, datasetSync } from '../../../../workflows/reports/dataset-sync';
import { callsSeen } from '../../../support/callers/vendor-view';
import { eventually } from '../../../support/eventually';
import { runsOf } from '../../../support/runs';
import { lastHours } from '../../../support/stacks/due-hours';
import { uniqueName } from '../../../support/stacks/embedded';
import { DATASET, type Stack, startStack } from '../../../support/stacks/stack';

const WINDOWS = 20;
/** A window leaves about 40 events, so that a history ends while most windows are still to come. */
const EVENTS = 150;

let stack: Stack;
let worker: RunningWorker;

beforeEach(async () => {
  stack = await startStack({
    scenario: { reports: { queueMs: { min: 200, max: 400 }, processingMs: { min: 400, max: 800 } } },
    account: { pool: { cooldownMinutes: 0.02 } },
    limits: {
      createReport: { ratePerSecond: 20, burst: 30 },
      getReportDocument: { ratePerSecond: 20, burst: 30 },
    },
    dataset: { lookbackDays: 1, chunkHours: 1, dailyAudit: false },
  });
  worker = await stack.startWorker();
});

afterEach(() => stack?.close());
afterAll(() => Runtime.instance().shutdown());

async function startBackfill(span: { from: number; to: number }) {
  const input: BackfillInput = {
    dataset: DATASET,
    account: stack.account,
    purpose: 'backfill',
    ...span,
    chunkHours: 1,
    priority: null,
    eventsBeforeContinue: EVENTS,
  };
  return stack.client.workflow.start<typeof backfill>('backfill', {
    workflowId: uniqueName('backfill'),
    taskQueue: stack.settings.temporal.taskQueue,
    args: [input],
  });
}

/** Reports that the vendor has been asked for, those that it refused left out. */
async function created(): Promise<number> {
  const calls = await callsSeen(stack.simulator.url);
  return calls.filter(({ operation, status }) => operation === 'createReport' && status === 202).length;
}

test('a backfill carries what it has done, and asks for no window twice', async () => {
  const span = lastHours(WINDOWS);
  const handle = await startBackfill(span);
  expect(await handle.result()).toEqual({
    chunks: WINDOWS,
    done: WINDOWS,
    failed: 0,
    rows: expect.any(Number),
    problems: [],
  });
  expect(await created()).toBe(WINDOWS);
  expect(await coverage(stack.db, 1, span, Date.now())).toMatchObject({ gaps: [], requested: 0, failed: 0 });

  const runs = await runsOf<BackfillInput>(stack.client, handle.workflowId, handle.firstExecutionRunId);
  expect(runs.length).toBeGreaterThanOrEqual(2);
  const done = runs.map(({ input }) => input.carried?.done ?? 0);
  expect(done).toEqual([...done].sort((a, b) => a - b));
  expect(done.at(-1)).toBeGreaterThan(0);
  expect(new Set(runs.map(({ input }) => input.eventsBeforeContinue))).toEqual(new Set([EVENTS]));
});

test('a gate that has waited for its pool goes on in a fresh history when the old one is long', async () => {
  stack.simulator.control({ addFaults: [{ kind: 'quota', operation: 'getReport', skip: 3, count: 2 }] });
  const handle = await startBackfill(lastHours(WINDOWS));
  expect(await handle.result()).toMatchObject({ chunks: WINDOWS, done: WINDOWS, failed: 0 });
  expect(await created()).toBe(WINDOWS);
  const runs = await runsOf<BackfillInput>(stack.client, handle.workflowId, handle.firstExecutionRunId);
  expect(runs.length).toBeGreaterThanOrEqual(2);
});

test('a sync leaves its lines at the vendor, adopts them in a fresh history, and stays paused there', async () => {
  const workflowId = syncWorkflowId(DATASET, stack.account);
  const first = await stack.client.workflow.start<typeof datasetSync>('datasetSync', {
    workflowId,
    taskQueue: stack.settings.temporal.taskQueue,
    args: [{ dataset: DATASET, account: stack.account, eventsBeforeContinue: EVENTS }],
  });
  const sync = stack.client.workflow.getHandle<typeof datasetSync>(workflowId);
  const runs = () => runsOf<DatasetSyncInput>(stack.client, workflowId, first.firstExecutionRunId);
  const status = () => sync.query(workStatusQuery);
  const jobs = async () =>
    (await stack.db.query<{ state: string }>('select state from jobs')).rows.map(({ state }) => state);
  await eventually('all hours are there, and it sleeps in a fresh history', async () => {
    const states = await jobs();
    const ingested = states.filter((state) => state === 'ingested').length;
    if (ingested < states.length || ingested < WINDOWS) return false;
    return (await runs()).length >= 2 && (await status()).phase === 'sleeping';
  });
  const hours = await created();
  expect(hours).toBe((await jobs()).length);

  // All at once: the pause meets a history that is long in the very task that it comes with.
  await worker.stop();
  const before = (await runs()).length;
  const { historyLength } = await sync.describe();
  for (let n = historyLength; n <= EVENTS; n++) await sync.signal(limitUnblockedSignal);
  await sync.signal(pauseSignal, 'stocktaking');
  await stack.startWorker();
  await eventually('it is paused in a fresh history', async () => {
    return (await runs()).length > before && (await status()).phase === 'paused';
  });
  expect((await runs()).at(-1)?.input).toMatchObject({ pausedBecause: 'stocktaking' });
  expect(await status()).toMatchObject({ phase: 'paused', detail: 'stocktaking' });
  expect(await created()).toBe(hours);
});
