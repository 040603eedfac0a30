/** Follows a backfill or audit until its workflow has ended, reading how far it is from Postgres. */
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowFailedError, WorkflowHandle } from '@temporalio/client';
import type { Pool } from 'pg';
import { forecast } from '../../quota/forecast';
import type { Standstill } from '../../quota/pools/standstill';
import type { BackfillSummary, backfill } from '../../workflows/reports/backfill';
import { limitsNow, reportSteps } from './datasets/plan';
import { askWork } from './datasets/work';
import { workWait } from './datasets/work-wait';
import { ClientError, messageOf } from './errors';
import { type Progress, readProgress, type Watched } from './progress';

export interface FollowOptions {
  readonly db: Pool;
  readonly watched: Watched;
  readonly everyMs: number;
  readonly onProgress: (progress: Progress, etaMs: number | null) => void | Promise<void>;
  /** Ends the following, not the work. */
  readonly signal?: AbortSignal;
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
    const wait = asks ? await ownWait(handle, now) : progress.wait;
    await options.onProgress({ ...progress, wait }, etaThrough(wait, etaMs, now));
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
  now: number,
): Promise<Standstill | null> {
  return workWait(await askWork(client, workflowId), null, null, now);
}

/** By name, for the client is slow to load and most commands do without it. */
function isWorkflowFailure(error: unknown): error is WorkflowFailedError {
  return error instanceof Error && error.name === 'WorkflowFailedError';
}

function explain(error: unknown): unknown {
  if (!isWorkflowFailure(error)) return error;
  const cause = error.cause?.cause ?? error.cause;
  return new ClientError(`the workflow failed: ${messageOf(cause ?? error)}`);
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
