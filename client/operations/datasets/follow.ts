/** Follows a backfill or audit until its workflow has ended, with progress from Postgres. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import type { Pool } from 'pg';
import { forecast } from '../../../quota/forecast';
import type { Standstill } from '../../../quota/pools/standstill';
import type { Settings } from '../../../settings';
import type { BackfillSummary, backfill } from '../../../workflows/reports/backfill';
import type { Backend } from '../backend/backend';
import { type Patience, throughAbsence } from '../backend/patience';
import { failed, messageOf } from '../errors';
import { planFleet } from '../fleet/plan';
import { readFleetProgress } from '../fleet/work';
import type { StartedWork } from './backfills';
import { limitsNow, reportSteps } from './plan';
import { type Progress, readProgress, type Watched } from './progress';
import type { SpanWork } from './span-work';
import { askWork } from './work';
import { type AccountStanding, subjectOf, workWait } from './work-wait';

export interface FollowWork {
  /** Called with each reading; `etaMs` is null when unknown. */
  readonly onProgress: (progress: Progress, etaMs: number | null) => void | Promise<void>;
  /** Ends the following, not the work. */
  readonly signal?: AbortSignal;
  /** See Patience. */
  readonly onAway?: Patience['onAway'];
}

/** Of thousands of devices, progress takes half a second to read, and a plan as long again. */
const FLEET_EVERY_MS = 2000;
const REPORTS_EVERY_MS = 1000;
const PLAN_EVERY_MS = 15_000;

/**
 * Goes on through an absence of Postgres or Temporal.
 * @returns the workflow's summary; null when the signal ended the following. @throws OperationError when it failed.
 */
export function followWork(
  backend: Backend,
  { workflowId, work, since }: Pick<StartedWork, 'workflowId' | 'work' | 'since'>,
  options: FollowWork,
): Promise<BackfillSummary | null> {
  const once = (client: Client) =>
    backend.database((db) => {
      const handle = client.workflow.getHandle<typeof backfill>(workflowId);
      if (work.kind === 'fleet') {
        const read = fleetReader(db, backend.settings, work, since);
        return followWith(handle, { ...options, everyMs: FLEET_EVERY_MS, read });
      }
      const { context, from, to, chunkHours } = work;
      const watched = { context, span: { from, to }, chunkHours, since };
      return follow(handle, { ...options, db, watched, everyMs: REPORTS_EVERY_MS });
    });
  return throughAbsence(() => backend.temporal(once), options);
}

function fleetReader(
  db: Pool,
  settings: Settings,
  work: Extract<SpanWork, { kind: 'fleet' }>,
  since: number,
) {
  const { context, from, to, devices, chunkHours } = work;
  const watched = { context, span: { from, to }, devices, chunkHours, since };
  let plannedAt = 0;
  let finish: number | null = null;
  return async (now: number) => {
    const progress = await readFleetProgress(db, watched, now);
    if (now - plannedAt >= PLAN_EVERY_MS) {
      plannedAt = now;
      // Before the vendor's first list there is nothing to plan with.
      const ahead = await planFleet(db, settings, context, { ...work, deviceCount: null }, now).catch(
        () => null,
      );
      finish = ahead === null || !Number.isFinite(ahead.finish) ? null : ahead.finish;
    }
    const etaMs = finish === null ? null : Math.max(1000, finish - now);
    return { progress, etaMs: progress.windowsTotal === progress.windowsDone ? null : etaMs };
  };
}

export interface FollowOptions extends FollowWork {
  readonly db: Pool;
  readonly watched: Watched;
  readonly everyMs: number;
}

/** @returns the workflow's summary, or null when the signal ended the following. */
export function follow(
  handle: WorkflowHandle<typeof backfill>,
  options: FollowOptions,
): Promise<BackfillSummary | null> {
  const read = async (now: number) => {
    const progress = await readProgress(options.db, options.watched, now);
    return { progress, etaMs: await etaOf(options, progress, now) };
  };
  return followWith(handle, { ...options, read });
}

/** As `follow`, for work whose progress is read in another way. */
export async function followWith(
  handle: Pick<WorkflowHandle<() => Promise<BackfillSummary>>, 'client' | 'result' | 'workflowId'>,
  options: Pick<FollowOptions, 'everyMs' | 'onProgress' | 'signal'> & {
    readonly read: (now: number) => Promise<{ readonly progress: Progress; readonly etaMs: number | null }>;
  },
): Promise<BackfillSummary | null> {
  let ended: { summary: BackfillSummary } | { error: unknown } | null = null;
  // Aborted with the following: a question that is still open when the connection closes is asked again, and throws.
  const { client } = handle;
  const asked = options.signal
    ? client.withAbortSignal(options.signal, () => handle.result())
    : handle.result();
  asked.then(
    (summary) => {
      ended = { summary };
    },
    (error) => {
      ended = { error };
    },
  );
  const outcome = (): typeof ended => ended;
  let seen = '';
  for (;;) {
    if (options.signal?.aborted) return null;
    const now = Date.now();
    const over = outcome();
    const { progress, etaMs } = await options.read(now);
    const stands = [progress.windowsDone, progress.windowsFailed, progress.rows].join(' ');
    const asks = over === null && progress.wait === null && stands === seen;
    seen = stands;
    // What it waits for in a limit only the workflow knows.
    const own = asks ? await ownWait(handle, progress.standing, now) : null;
    const wait = own?.wait ?? progress.wait;
    const eta = etaThrough(wait, etaMs, now);
    // What no limit explains, a report that is not made say, is in no estimate: then only the end of the wait is known.
    const isKnown = own === null || own.ofLimit || (own.wait.until ?? 0) - now >= (etaMs ?? 0);
    await options.onProgress({ ...progress, wait }, isKnown ? eta : null);
    if (over !== null) {
      if ('summary' in over) return over.summary;
      throw explain(over.error);
    }
    for (
      let waited = 0;
      waited < options.everyMs && outcome() === null && !options.signal?.aborted;
      waited += 50
    ) {
      await delay(50);
    }
  }
}

/** An estimate is made of limits; what is waited for besides comes first, and what only a person ends has none. */
function etaThrough(wait: Standstill | null, etaMs: number | null, now: number): number | null {
  if (wait === null || etaMs === null) return etaMs;
  return wait.until === null ? null : Math.max(etaMs, wait.until - now);
}

async function ownWait(
  { client, workflowId }: Pick<WorkflowHandle, 'client' | 'workflowId'>,
  standing: AccountStanding,
  now: number,
): Promise<{ readonly wait: Standstill; readonly ofLimit: boolean } | null> {
  const report = await askWork(client, workflowId);
  const wait = workWait(report, standing, subjectOf(workflowId), now);
  return wait && { wait, ofLimit: report.status?.phase !== 'running' };
}

function explain(error: unknown): unknown {
  if (!(error instanceof WorkflowFailedError)) return error;
  const cause = error.cause?.cause ?? error.cause;
  return failed(`the workflow failed: ${messageOf(cause ?? error)}`);
}

/** From the limits as they stand: the reports still to be asked for, and the documents still to be fetched. */
async function etaOf(
  { db, watched }: FollowOptions,
  progress: Progress,
  now: number,
): Promise<number | null> {
  const left = progress.windowsTotal - progress.windowsDone - progress.windowsFailed;
  if (left <= 0) return null;
  // What only a person ends has no estimate.
  if (progress.wait !== null && progress.wait.until === null) return null;
  const { context } = watched;
  const { account, settings } = context;
  const created = progress.operations.find((o) => o.operation === account.reports.operations.create);
  const asked = (created?.calls ?? 0) - (created?.refused ?? 0) - progress.windowsDone;
  const madeIn = settings.poll.initialSeconds * 1000;
  const steps = reportSteps(context, { min: madeIn, max: madeIn });
  const limits = await limitsNow(db, context, settings.backfillPriority);
  const notBefore = progress.wait?.until ?? progress.pool?.until ?? null;
  const toAsk = forecast({ items: Math.max(0, Math.min(left, left - asked)), steps, limits, now, notBefore });
  const toFetch = forecast({ items: left, steps: steps.slice(-2), limits, now, notBefore });
  const finish = Math.max(toAsk.latestFinish, toFetch.latestFinish);
  return Number.isFinite(finish) ? Math.max(1000, finish - now) : null;
}
