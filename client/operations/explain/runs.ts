/** Explains runs that fetch or poll: a workflow, or the schedule that starts its runs. */
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import type { Standstill } from '../../../quota/pools/standstill';
import type { CausedSpan } from '../../../quota/time-shares';
import { operatorSpans, reportSpans } from '../../../store/explain/life-spans';
import type { Backend } from '../backend/backend';
import { readSchedule, scheduleWait } from '../datasets/schedules';
import { readWork, type WorkReport } from '../datasets/work';
import { subjectOf, withWaits } from '../datasets/work-wait';
import { problem } from '../errors';
import type { Subject } from './subject';

export type RunKind = 'sync' | 'backfill' | 'audit' | 'polling';

export async function runSubject(backend: Backend, id: string, kind: RunKind): Promise<Subject> {
  const [, second = '', third = ''] = id.split(':');
  const [dataset, account] = kind === 'polling' ? ['', second] : [second, third];
  const { report, life } = await backend.temporal(async (client) => ({
    report: await readWork(client, id),
    life: await lifeOf(client, id),
  }));
  if (life === null) throw problem('NOT_FOUND', 'id', `there is no run ${id}`);
  const { status } = report;
  const kept: WorkReport = life.scheduled ? { ...report, running: true } : report;
  const [{ wait } = { wait: null }] = await withWaits(backend, [kept], Date.now());
  const spans = await backend.database(async (db) => [
    ...(await operatorSpans(db, id)),
    ...(kind === 'polling' ? [] : await reportSpans(db, dataset, account, null)),
  ]);
  // What the run says of itself holds: a pause may have been ended by a signal of which nobody has noted anything.
  const runs = status !== null && status.phase !== 'paused';
  const known = runs ? spans.filter(({ cause, to }) => cause !== 'person' || Number.isFinite(to)) : spans;
  const paused: readonly CausedSpan[] =
    status?.phase === 'paused' && status.since !== undefined
      ? [{ cause: 'person', from: status.since, to: Number.POSITIVE_INFINITY }]
      : (life.pause ?? []);
  return {
    ...{ id, kind, account, wait: life.wait ?? wait, from: life.from, to: life.to },
    ...{ caller: kind === 'polling' ? null : dataset, calls: subjectOf(id) },
    state: life.state ?? status?.phase ?? 'running',
    pausedAs: life.state === 'paused' || status?.phase === 'paused' ? id : null,
    spans: [...paused, ...known],
    rest: kind === 'sync' || kind === 'polling' ? 'idle' : 'calling',
  };
}

interface RunLife {
  readonly from: number;
  readonly to: number | null;
  readonly scheduled: boolean;
  /** How it has ended, or what its schedule does; null: it says so itself. */
  readonly state: string | null;
  readonly wait: Standstill | null;
  /** Of a schedule that is paused now. */
  readonly pause: readonly CausedSpan[] | null;
}

const NOTHING = { state: null, wait: null, pause: null };

/** Of a workflow, over all its runs that have continued as new, or of a schedule; null for neither. */
async function lifeOf(client: Client, id: string): Promise<RunLife | null> {
  const schedule = await readSchedule(client, id);
  if (schedule !== null) {
    const { info } = await client.schedule.getHandle(id).describe();
    const { paused, changedAt } = schedule;
    return {
      ...{ from: info.createdAt.getTime(), to: null, scheduled: true },
      state: paused ? 'paused' : schedule.running ? 'running' : 'waiting for its time',
      wait: scheduleWait(schedule),
      pause:
        paused && changedAt !== null
          ? [{ cause: 'person', from: changedAt, to: Number.POSITIVE_INFINITY }]
          : null,
    };
  }
  const found = await describe(client, id);
  if (found === null) return null;
  const { firstRunId } = found.raw.workflowExecutionInfo ?? {};
  const first = firstRunId ? await describe(client, id, firstRunId) : null;
  return {
    ...{ from: (first ?? found).startTime.getTime(), to: found.closeTime?.getTime() ?? null },
    ...{ ...NOTHING, scheduled: false },
    state: ENDS[found.status.name] ?? null,
  };
}

const ENDS: Readonly<Record<string, string>> = {
  COMPLETED: 'finished',
  FAILED: 'failed',
  TIMED_OUT: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'cancelled',
};

async function describe(
  client: Client,
  id: string,
  runId?: string,
): Promise<WorkflowExecutionDescription | null> {
  try {
    return await client.workflow.getHandle(id, runId).describe();
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

/** gRPC's NOT_FOUND, as itself or as what the SDK makes of it. */
function isNotFound(error: unknown): boolean {
  const { name, code, cause } = error as { name?: string; code?: unknown; cause?: unknown };
  return name === 'WorkflowNotFoundError' || code === 5 || (cause !== undefined && isNotFound(cause));
}
