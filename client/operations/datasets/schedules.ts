/**
 * Temporal schedules for the datasets of fleets: short runs at an interval, one at a time. Created, paused and shown
 * here; Temporal's Web UI can do the same.
 */
import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  type ScheduleHandle,
  ScheduleNotFoundError,
  type ScheduleOptions,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { byItself, type Standstill } from '../../../quota/pools/standstill';
import { type FleetTerms, fleetKindOf, fleetTerms, type Settings } from '../../../settings';
import type { positionsTick, TickInput, TickResult, tripsTick } from '../../../workflows/fleet/fleet-ticks';
import { syncWorkflowId } from '../../../workflows/messages';
import { invalid, messageOf, type OperationError, problem } from '../errors';
import { hint } from '../hints';

/** True when the dataset is kept by a schedule instead of a workflow that runs for ever. */
export function isScheduled(dataset: string): boolean {
  const kind = fleetKindOf(dataset);
  return kind === 'positions' || kind === 'trips';
}

/** The schedule's id is what other datasets' sync workflow is called. */
export const scheduleId = syncWorkflowId;

/** @throws OperationError for a dataset that has no live part. */
function workflowOf(dataset: string, terms: FleetTerms): 'positionsTick' | 'tripsTick' {
  if (terms.kind === 'positions') return 'positionsTick';
  if (terms.kind === 'trips') return 'tripsTick';
  throw noSync(dataset);
}

/** Of a fleet's dataset that is fetched by backfill alone. */
export function noSync(dataset: string): OperationError {
  const [vendor] = dataset.split('/');
  return invalid(
    'dataset',
    `${dataset} is of the past alone and has no sync; fetch it with: ${hint('backfill start', dataset, '…')}, or keep ${vendor}/positions and ${vendor}/trips`,
    'NOT_APPLICABLE',
  );
}

function optionsFor(settings: Settings, dataset: string, account: string) {
  const terms = fleetTerms(settings.datasets, dataset, account);
  const input: TickInput = { dataset, account, intervalMs: terms.intervalMs };
  const id = scheduleId(dataset, account);
  const action = {
    type: 'startWorkflow',
    workflowType: workflowOf(dataset, terms),
    workflowId: id,
    taskQueue: settings.temporal.taskQueue,
    // No summary: where payloads are encrypted, `temporal schedule describe` fails on it.
    args: [input] satisfies Parameters<typeof positionsTick | typeof tripsTick>,
  } as const;
  return {
    scheduleId: id,
    spec: { intervals: [{ every: terms.intervalMs }] },
    action,
    // A run that takes longer is not overtaken; what a long silence has left out is not caught up with, for the
    // next run sees to all of it.
    policies: { overlap: 'SKIP', catchupWindow: terms.intervalMs },
  } satisfies ScheduleOptions;
}

/** Makes the schedule, or brings the one that there is up to the settings; a pause stays. */
export async function startSchedule(
  client: Client,
  settings: Settings,
  dataset: string,
  account: string,
): Promise<{ readonly workflowId: string; readonly alreadyRan: boolean }> {
  const options = optionsFor(settings, dataset, account);
  const workflowId = options.scheduleId;
  try {
    await client.schedule.create(options);
    return { workflowId, alreadyRan: false };
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
  const { spec, action, policies } = options;
  await client.schedule.getHandle(workflowId).update(({ state }) => ({ spec, action, policies, state }));
  return { workflowId, alreadyRan: true };
}

/** Ends it; a run that is under way comes to its own end. */
export function stopSchedule(client: Client, id: string): Promise<void> {
  return steer(client, id, (handle) => handle.delete());
}

export function pauseSchedule(client: Client, id: string, reason: string): Promise<void> {
  return steer(client, id, (handle) => handle.pause(reason));
}

export function resumeSchedule(client: Client, id: string): Promise<void> {
  return steer(client, id, (handle) => handle.unpause('resumed by operator'));
}

/** @throws OperationError when there is none. */
async function steer(
  client: Client,
  id: string,
  act: (handle: ScheduleHandle) => Promise<void>,
): Promise<void> {
  try {
    await act(client.schedule.getHandle(id));
  } catch (error) {
    if (!isMissing(error)) throw error;
    const [, dataset = ''] = id.split(':');
    throw problem(
      'NOT_RUNNING',
      null,
      `there is no schedule ${id}; make it with: ${hint('sync start', dataset)}`,
    );
  }
}

export interface ScheduleReport {
  readonly id: string;
  readonly paused: boolean;
  /** Why it is paused, or was last resumed; empty when no reason was given. */
  readonly note: string;
  /** When it was last changed, paused for instance; epoch ms, null when it never was. */
  readonly changedAt: number | null;
  readonly intervalMs: number | null;
  /** Epoch ms; null: not before somebody resumes it. */
  readonly nextRunAt: number | null;
  readonly running: boolean;
  readonly lastRun: {
    readonly workflowId: string;
    readonly at: number;
    readonly status: 'running' | 'done' | 'failed' | 'unknown';
    /** Its own summary; null while it runs, and when it failed. */
    readonly result: TickResult | null;
    readonly problem: string | null;
  } | null;
}

/** Why it stands still: an operator's pause, or a last run that could do nothing. Pure. */
export function scheduleWait(schedule: ScheduleReport): Standstill | null {
  const { id: what, paused, note, changedAt, nextRunAt, lastRun } = schedule;
  const [, dataset = '', account = ''] = what.split(':');
  if (paused) {
    const frees = hint('sync resume', dataset, account);
    return { what, why: note, since: changedAt, until: null, frees };
  }
  if (lastRun?.result?.outcome !== 'skipped') return null;
  return { what, why: lastRun.result.detail, since: lastRun.at, until: nextRunAt, frees: byItself() };
}

/** Null when there is none. */
export async function readSchedule(client: Client, id: string): Promise<ScheduleReport | null> {
  let found: ScheduleDescription;
  try {
    found = await client.schedule.getHandle(id).describe();
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  const { state, info, spec } = found;
  const last = info.recentActions.at(-1);
  return {
    id,
    paused: state.paused,
    note: state.note ?? '',
    changedAt: info.lastUpdatedAt?.getTime() ?? null,
    intervalMs: spec.intervals?.[0]?.every ?? null,
    nextRunAt: state.paused ? null : (info.nextActionTimes[0]?.getTime() ?? null),
    running: info.runningActions.length > 0,
    lastRun:
      last === undefined
        ? null
        : { at: last.takenAt.getTime(), ...(await readRun(client, last.action.workflow)) },
  };
}

const RESULT_MS = 3_000;

async function readRun(
  client: Client,
  { workflowId, firstExecutionRunId }: { readonly workflowId: string; readonly firstExecutionRunId: string },
) {
  const handle = client.workflow.getHandle<typeof positionsTick>(workflowId, firstExecutionRunId);
  const base = { workflowId, result: null, problem: null };
  try {
    const { status } = await handle.describe();
    if (status.name === 'RUNNING') return { ...base, status: 'running' as const };
    const result = await client.withDeadline(Date.now() + RESULT_MS, () => handle.result());
    return { ...base, status: 'done' as const, result };
  } catch (error) {
    if (isMissing(error)) return { ...base, status: 'unknown' as const };
    if (!(error instanceof WorkflowFailedError)) {
      return { ...base, status: 'unknown' as const, problem: messageOf(error) };
    }
    const { cause } = error as { cause?: { cause?: unknown; message?: string } };
    return { ...base, status: 'failed' as const, problem: messageOf(cause?.cause ?? cause ?? error) };
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof ScheduleNotFoundError || error instanceof WorkflowNotFoundError;
}
