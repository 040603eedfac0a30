/**
 * What is under way and what stands still, for the message of a test that has waited in vain: pools, limits, events,
 * workflows with their pending activities, schedules, and the last lines of the logs.
 */
import { existsSync } from 'node:fs';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { tailOf } from '../../../embedded/child';

export interface Observed {
  readonly client: Client;
  readonly db: Pool;
  readonly logFiles: readonly string[];
}

const WORKFLOWS_SHOWN = 25;
const EVENTS_SHOWN = 15;
const LOG_LINES = 15;
/** One part of the account may be what has failed: it is given this long, ms. */
const PART_MS = 5_000;

/** Never rejects: what cannot be had is said so. */
export async function describeStanding({ client, db, logFiles }: Observed): Promise<string> {
  const parts: [string, () => Promise<readonly string[]>][] = [
    ['pools', () => rows(db, POOLS)],
    ['limits with something in the way', () => rows(db, LIMITS)],
    ['open transactions', () => rows(db, SESSIONS)],
    ['last events', () => rows(db, EVENTS)],
    ['open workflows', () => openWorkflows(client)],
    ['schedules', () => schedules(client)],
    ...logFiles.map((file): [string, () => Promise<readonly string[]>] => [
      file,
      async () => (existsSync(file) ? [tailOf(file, LOG_LINES)] : ['no such file']),
    ]),
  ];
  const reports = parts.map(async ([name, read]) => {
    const lines = await within(PART_MS, read()).catch((error: unknown) => [
      `cannot be had: ${String(error)}`,
    ]);
    return [`--- ${name}`, ...(lines.length === 0 ? ['none'] : lines)].join('\n');
  });
  return [`at ${new Date().toISOString()}`, ...(await Promise.all(reports))].join('\n');
}

const POOLS = `select key, state, until_ms - now_ms() as "endsInMs", now_ms() - since_ms as "sinceMs", reason, failures,
  epoch, probe_until - now_ms() as "probeEndsInMs" from pools`;
const LIMITS = `select key, blocked_until - now_ms() as "blockedForMs", rate_share as "rateShare",
  now_ms() - refused_at as "refusedMsAgo" from limits where blocked_until > now_ms() or rate_share < 1`;
const SESSIONS = `select application_name as who, state, wait_event_type as wait, clock_timestamp() - xact_start as since,
  left(query, 80) as query from pg_stat_activity
  where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()`;
const EVENTS = `select at, kind, pool, left(data::text, 300) as data from events order by id desc limit ${EVENTS_SHOWN}`;

async function rows(db: Pool, sql: string): Promise<string[]> {
  return (await db.query(sql)).rows.map((row) => JSON.stringify(row));
}

async function openWorkflows(client: Client): Promise<string[]> {
  const lines: string[] = [];
  for await (const { workflowId } of client.workflow.list({ query: "ExecutionStatus = 'Running'" })) {
    if (lines.length === WORKFLOWS_SHOWN) return [...lines, 'and more'];
    const { raw, historyLength, startTime } = await client.workflow.getHandle(workflowId).describe();
    const activities = (raw.pendingActivities ?? []).map((a) => ({
      type: a.activityType?.name,
      state: a.state,
      attempt: a.attempt,
      worker: a.lastWorkerIdentity,
      startedAt: iso(a.lastStartedTime),
      heartbeatAt: iso(a.lastHeartbeatTime),
      nextAt: iso(a.scheduledTime),
      failure: a.lastFailure?.message,
    }));
    const task = raw.pendingWorkflowTask;
    const pending = task
      ? { state: task.state, attempt: task.attempt, since: iso(task.scheduledTime) }
      : null;
    lines.push(
      `${workflowId} since ${startTime.toISOString()}, ${historyLength} events: ${JSON.stringify({ activities, task: pending })}`,
    );
  }
  return lines;
}

async function schedules(client: Client): Promise<string[]> {
  const lines: string[] = [];
  for await (const { scheduleId } of client.schedule.list()) {
    const { info, state } = await client.schedule.getHandle(scheduleId).describe();
    const { recentActions, runningActions, numActionsSkippedOverlap, nextActionTimes } = info;
    const last = recentActions.slice(-3).map(({ takenAt, action }) => ({ takenAt, ...action }));
    const about = {
      paused: state.paused,
      runningActions,
      last,
      numActionsSkippedOverlap,
      next: nextActionTimes[0],
    };
    lines.push(`${scheduleId}: ${JSON.stringify(about)}`);
    for (const { action } of recentActions.slice(-3))
      lines.push(`  ${await ending(client, action.workflow.workflowId)}`);
  }
  return lines;
}

/** How a run has ended, or since when it runs. */
async function ending(client: Client, workflowId: string): Promise<string> {
  const handle = client.workflow.getHandle(workflowId);
  const { status, startTime, closeTime } = await handle.describe();
  const result =
    status.name === 'RUNNING'
      ? null
      : await handle.result().catch((error: Error) => String(error.cause ?? error));
  return `${workflowId}: ${JSON.stringify({ status: status.name, startTime, closeTime, result })}`;
}

function iso(at: { seconds?: unknown; nanos?: number | null } | null | undefined): string | null {
  const seconds = Number(at?.seconds ?? 0);
  return seconds === 0 ? null : new Date(seconds * 1000 + (at?.nanos ?? 0) / 1e6).toISOString();
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
