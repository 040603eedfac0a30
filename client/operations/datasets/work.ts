/**
 * Starts and controls the workflows that fetch data. Each has an id made of what it does, so the same work runs only
 * once.
 */
import type { Client, WorkflowClient } from '@temporalio/client';
import type { Settings } from '../../../settings';
import {
  type Begun,
  isRunning,
  runsSince,
  startOnce,
  startOrAttach,
} from '../../../temporal/start-or-attach';
import { hasEnded } from '../../../temporal/worker-identity';
import {
  auditWorkflowId,
  backfillWorkflowId,
  pauseSignal,
  resumeSignal,
  syncWorkflowId,
  type WorkStatus,
  workStatusQuery,
} from '../../../workflows/messages';
import type { BackfillInput, backfill } from '../../../workflows/reports/backfill';
import type { datasetSync } from '../../../workflows/reports/dataset-sync';
import type { Backend } from '../backend/backend';
import { messageOf } from '../errors';
import { spanText } from '../time-text';

/** Starts a backfill or an audit, or finds the one that runs; an ended one may run again. @param request see startOnce. */
export async function startReportWork(
  client: Client,
  settings: Settings,
  input: SpanInput,
  request?: string,
): Promise<Begun<typeof backfill>> {
  const { dataset, account, purpose, from, to } = input;
  const [what, idOf] = purpose === 'backfill' ? ['Backfill', backfillWorkflowId] : ['Audit', auditWorkflowId];
  const workflowId = idOf(dataset, account, from, to);
  const options = {
    workflowId,
    taskQueue: settings.temporal.taskQueue,
    staticSummary: `${what} of ${dataset} for ${account}, ${spanText(input)}`,
    args: [input] as Parameters<typeof backfill>,
  };
  return startOnce<typeof backfill>(client, 'backfill', options, request);
}

/** A backfill's or an audit's. */
type SpanInput = BackfillInput & { readonly purpose: 'backfill' | 'daily_audit' };

/** Starts the workflow that keeps a dataset complete, or finds it. */
export async function startSyncWork(
  client: Client,
  settings: Settings,
  dataset: string,
  account: string,
): Promise<{ readonly workflowId: string; readonly alreadyRan: boolean }> {
  const workflowId = syncWorkflowId(dataset, account);
  const alreadyRan = await isRunning(client, workflowId);
  await startOrAttach<typeof datasetSync>(client, 'datasetSync', {
    workflowId,
    taskQueue: settings.temporal.taskQueue,
    staticSummary: `Sync of ${dataset} for ${account}`,
    staticDetails: 'Keeps the dataset complete. Signals: pause, resume.',
    args: [{ dataset, account }],
  });
  return { workflowId, alreadyRan };
}

/** Takes nothing new up until it is resumed; what is under way is finished. @param reason empty for none. */
export async function pauseWork(client: Client, workflowId: string, reason: string): Promise<void> {
  await client.workflow.getHandle(workflowId).signal(pauseSignal, reason === '' ? {} : { reason });
}

export async function resumeWork(client: Client, workflowId: string): Promise<void> {
  await client.workflow.getHandle(workflowId).signal(resumeSignal);
}

/** Ends it at once; what is under way at the vendor is adopted by whoever asks for its window next. */
export async function stopWork(client: Client, workflowId: string, reason: string): Promise<void> {
  await client.workflow.getHandle(workflowId).terminate(reason);
}

export interface WorkReport {
  readonly workflowId: string;
  readonly running: boolean;
  /** Null when the workflow could not be asked, e.g. because no worker runs. */
  readonly status: WorkStatus | null;
  readonly problem: string | null;
  /** Whether a worker has taken work lately: it may only have been too busy to answer. */
  readonly workerRuns?: boolean;
  /** Epoch ms of the present run, where it could not be asked. */
  readonly startedAt?: number;
}

const QUERY_MS = 3_000;

/**
 * What a workflow says of itself; never waits longer than some seconds for it.
 * @param workerRuns whether a worker has taken work lately.
 */
export async function readWork(client: Client, workflowId: string, workerRuns = false): Promise<WorkReport> {
  const startedAt = await runsSince(client, workflowId);
  if (startedAt === null) return { workflowId, running: false, status: null, problem: null };
  const report = await askWork(client.workflow, workflowId, workerRuns);
  return report.status === null ? { ...report, startedAt } : report;
}

/** As `readWork`, of several at once. Where no worker would answer, none is waited for. */
export async function readWorks(
  client: Client,
  taskQueue: string,
  workflowIds: readonly string[],
): Promise<WorkReport[]> {
  const workerRuns = await workerPolls(client, taskQueue);
  return Promise.all(
    workflowIds.map((id) => (workerRuns ? readWork(client, id, true) : readWithoutWorker(client, id))),
  );
}

/** What Temporal alone knows. */
export async function readWithoutWorker(client: Client, workflowId: string): Promise<WorkReport> {
  const startedAt = await runsSince(client, workflowId);
  const report = { workflowId, running: startedAt !== null, status: null };
  return startedAt === null
    ? { ...report, problem: null }
    : { ...report, problem: 'no worker runs', startedAt };
}

/** As `readWork`, of a workflow that is known to run. */
export async function askWork(
  client: WorkflowClient,
  workflowId: string,
  workerRuns = false,
): Promise<WorkReport> {
  try {
    const status = await client.withDeadline(Date.now() + QUERY_MS, () =>
      client.getHandle(workflowId).query(workStatusQuery),
    );
    return { workflowId, running: true, status, problem: null };
  } catch (error) {
    const problem = `no worker answers (${messageOf(error)})`;
    return { workflowId, running: true, status: null, problem, workerRuns };
  }
}

/** A long poll lasts up to a minute; a worker that has not asked for longer is gone. */
const POLL_FRESH_MS = 90_000;

/**
 * Whether a worker takes work of this task queue. Every command that speaks of workers asks here. A worker elsewhere
 * that was killed counts for up to 90 s, until Temporal forgets it; one of this machine does not.
 */
export async function workerPolls(client: Client, taskQueue: string): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: 1,
  });
  const fresh = Date.now() - POLL_FRESH_MS;
  return (pollers ?? []).some(
    ({ lastAccessTime, identity }) =>
      Number(lastAccessTime?.seconds ?? 0) * 1000 > fresh && !hasEnded(identity ?? ''),
  );
}

/** Whether a worker takes work of the settings' task queue; true as well where Temporal cannot be asked. */
export async function hasWorker(backend: Backend): Promise<boolean> {
  const { taskQueue } = backend.settings.temporal;
  return backend.temporal((client) => workerPolls(client, taskQueue)).catch(() => true);
}
