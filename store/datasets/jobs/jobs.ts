/**
 * Jobs: reports requested from a vendor, from the intention to the ingested document.
 *
 *     intended → requested → ready → ingested
 *         └──────────┴─────────┴───→ failed | cancelled
 *
 * A job is written before the call that creates the report, and its report id as soon as it is known, so that after a
 * crash the job is adopted and not created again. States only go forward: a late duplicate of an earlier answer
 * changes nothing.
 */
import type { Pool, PoolClient } from 'pg';
import { DAY_MS, MINUTE_MS } from '../../../quota/durations';
import { failingCallsLeft } from '../../../quota/windows/window-retry';
import { inTransaction, toTimestamptz } from '../../db';
import { jsonText } from '../../storable';
import { type Span, toRange } from '../span';
import {
  JOB_COLUMNS,
  type Job,
  type JobPurpose,
  type JobRow,
  type JobState,
  LIVE_STATES,
  toJob,
} from './job';
import { failingCalls } from './report-statistics';

/** The same request within about 30 minutes tends to be cancelled by the vendor. */
export const MIN_RE_REQUEST_MS = 30 * MINUTE_MS;

export interface Intention {
  readonly seriesId: number;
  readonly span: Span;
  readonly purpose: JobPurpose;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Least time between two requests for exactly this window, milliseconds. Default 30 minutes. */
  readonly minReRequestMs?: number;
  /** The window, or one that it is a part of, has failed before. */
  readonly failing?: boolean;
  /** What failing windows of the account may use; left out: this one is not held back. */
  readonly budget?: FailingBudget;
}

export interface FailingBudget {
  readonly account: string;
  /** Calls that the vendor allows in a day. */
  readonly dayQuota: number;
  /** Of these, the share for failing windows, 0 to 1. */
  readonly share: number;
}

export type IntentionResult =
  /** `adopted`: a live job for this window was there already. */
  | { readonly allowed: true; readonly job: Job; readonly adopted: boolean }
  /**
   * `notBefore` in epoch milliseconds. Exactly this window was requested a short time ago; or, with `failingCalls` of the
   * last day, the failing windows of the account have used up their budget.
   */
  | { readonly allowed: false; readonly notBefore: number; readonly failingCalls?: number };

/** Finds the live job of exactly this window or makes one, unless the window was requested too recently. */
export async function intend(pool: Pool, intention: Intention): Promise<IntentionResult> {
  const { seriesId, now, purpose } = intention;
  const range = toRange(intention.span);
  return inTransaction(pool, async (client): Promise<IntentionResult> => {
    const live = await findLive(client, seriesId, range);
    if (live !== null) return { allowed: true, job: live, adopted: true };

    const notBefore = await earliestReRequest(
      client,
      seriesId,
      range,
      intention.minReRequestMs ?? MIN_RE_REQUEST_MS,
    );
    if (notBefore !== null && notBefore > now) return { allowed: false, notBefore };

    if (intention.budget !== undefined) {
      const { account, dayQuota, share } = intention.budget;
      // One by one: each counts what the one before has taken.
      await client.query('select pg_advisory_xact_lock(hashtextextended($1, 43))', [account]);
      const { calls, firstAt } = await failingCalls(client, account, now - DAY_MS);
      if (firstAt !== null && failingCallsLeft(dayQuota, share, calls) <= 0) {
        return { allowed: false, notBefore: firstAt + DAY_MS, failingCalls: calls };
      }
    }
    const at = toTimestamptz(now);
    const { rows } = await client.query<JobRow>(
      `insert into jobs (series_id, span, purpose, state, created_at, updated_at, failing)
       values ($1, $2, $3, 'intended', $4, $4, $5)
       on conflict (series_id, span) where state in ('intended', 'requested', 'ready') do nothing
       returning ${JOB_COLUMNS}`,
      [seriesId, range, purpose, at, intention.failing ?? false],
    );
    if (rows[0] !== undefined) return { allowed: true, job: toJob(rows[0]), adopted: false };
    // Somebody else was faster by a moment; the conflict waited for their commit.
    const theirs = await findLive(client, seriesId, range);
    if (theirs === null)
      throw new Error(`job of series ${seriesId} for ${range} ended while it was adopted; try again`);
    return { allowed: true, job: theirs, adopted: true };
  });
}

/**
 * To be called right before a create call: from here on the report may exist. Not applied when somebody else has
 * attempted it since the job was read with `attemptsSeen` attempts: two that hold the same job never both call.
 */
export async function markAttempt(
  pool: Pool,
  jobId: number,
  now: number,
  attemptsSeen?: number,
): Promise<JobChange> {
  return change(
    pool,
    jobId,
    ['intended'],
    `attempts = attempts + 1, requested_at = $2`,
    now,
    [],
    attemptsSeen,
  );
}

/**
 * The create call certainly made no report (refused, or never left): the window may be requested at once. Not applied
 * when somebody has made another attempt since that of `attemptsSeen`.
 */
export async function releaseAttempt(
  pool: Pool,
  jobId: number,
  now: number,
  attemptsSeen?: number,
): Promise<JobChange> {
  return change(pool, jobId, ['intended'], 'requested_at = null', now, [], attemptsSeen);
}

/** Why nobody knows whether a create call has made a report. Not applied when somebody has made another attempt since. */
export async function noteUnanswered(
  pool: Pool,
  jobId: number,
  call: { readonly reason: string; readonly now: number; readonly attemptsSeen: number },
): Promise<JobChange> {
  return change(pool, jobId, ['intended'], 'reason = $3', call.now, [call.reason], call.attemptsSeen);
}

/** The vendor has taken the request. */
export async function markRequested(
  pool: Pool,
  jobId: number,
  report: { readonly reportId: string; readonly requestId?: string | undefined; readonly now: number },
): Promise<JobChange> {
  return change(
    pool,
    jobId,
    ['intended'],
    `state = 'requested', reason = null, report_id = $3, request_id = $4, requested_at = coalesce(requested_at, $2)`,
    report.now,
    [report.reportId, report.requestId ?? null],
  );
}

/** The report is made and its document can be fetched. */
export async function markReady(
  pool: Pool,
  jobId: number,
  document: { readonly documentId: string; readonly now: number },
): Promise<JobChange> {
  return change(pool, jobId, ['requested'], `state = 'ready', document_id = $3`, document.now, [
    document.documentId,
  ]);
}

/** Keeps the document's address, because getting another one costs a scarce call. */
export async function setDocumentUrl(
  pool: Pool,
  jobId: number,
  document: { readonly url: string; readonly expiresAt: number; readonly now: number },
): Promise<JobChange> {
  return change(pool, jobId, ['ready'], 'document_url = $3, url_expires_at = $4', document.now, [
    document.url,
    toTimestamptz(document.expiresAt),
  ]);
}

export interface JobFailure {
  readonly reason: string;
  readonly evidence?: Readonly<Record<string, unknown>>;
  readonly now: number;
}

/** The report cannot be had. The window's own state is `recordFailure` of the ledger. */
export async function markFailed(
  db: Pool | PoolClient,
  jobId: number,
  failure: JobFailure,
): Promise<JobChange> {
  return end(db, jobId, 'failed', failure);
}

/** Given up by us or by the vendor. */
export async function markCancelled(
  db: Pool | PoolClient,
  jobId: number,
  failure: JobFailure,
): Promise<JobChange> {
  return end(db, jobId, 'cancelled', failure);
}

/** The document's rows are in. Part of ingest's transaction; see ingest.ts. */
export async function markIngested(
  db: Pool | PoolClient,
  jobId: number,
  ingested: { readonly evidence: Readonly<Record<string, unknown>>; readonly now: number },
): Promise<JobChange> {
  return change(
    db,
    jobId,
    ['requested', 'ready'],
    `state = 'ingested', evidence = evidence || $3::jsonb, document_url = null, url_expires_at = null`,
    ingested.now,
    [jsonText(ingested.evidence)],
  );
}

export async function getJob(db: Pool | PoolClient, jobId: number): Promise<Job | null> {
  const { rows } = await db.query<JobRow>(`select ${JOB_COLUMNS} from jobs where id = $1`, [jobId]);
  return rows[0] === undefined ? null : toJob(rows[0]);
}

/** Reports that the jobs of a series have, so that none is taken for another's. */
export async function knownReports(
  pool: Pool,
  seriesId: number,
  reportIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await pool.query<{ report_id: string }>(
    'select report_id from jobs where series_id = $1 and report_id = any ($2)',
    [seriesId, reportIds],
  );
  return new Set(rows.map((row) => row.report_id));
}

/** Jobs to be taken up again after a restart, oldest first. */
export async function liveJobs(pool: Pool, seriesId: number): Promise<readonly Job[]> {
  const { rows } = await pool.query<JobRow>(
    `select ${JOB_COLUMNS} from jobs where series_id = $1 and state = any($2) order by id`,
    [seriesId, LIVE_STATES],
  );
  return rows.map(toJob);
}

/** What a change did: `applied` is false when the job had gone on (or ended) already; `job` is as it is now. */
export interface JobChange {
  readonly applied: boolean;
  readonly job: Job;
}

/** `set` has $1 = job, $2 = now, and `values` from $3. */
async function change(
  db: Pool | PoolClient,
  jobId: number,
  from: readonly JobState[],
  set: string,
  now: number,
  values: readonly (string | null)[],
  attemptsSeen?: number,
): Promise<JobChange> {
  const states = from.map((state) => `'${state}'`).join(', ');
  const attempted = attemptsSeen === undefined ? '' : `and attempts = ${Math.trunc(attemptsSeen)}`;
  const { rows } = await db.query<JobRow>(
    `update jobs set ${set}, updated_at = $2::timestamptz where id = $1 and state in (${states}) ${attempted}
     returning ${JOB_COLUMNS}`,
    [jobId, toTimestamptz(now), ...values],
  );
  if (rows[0] !== undefined) return { applied: true, job: toJob(rows[0]) };
  const job = await getJob(db, jobId);
  if (job === null) throw new RangeError(`job ${jobId} does not exist`);
  return { applied: false, job };
}

function end(
  db: Pool | PoolClient,
  jobId: number,
  state: 'failed' | 'cancelled',
  failure: JobFailure,
): Promise<JobChange> {
  return change(
    db,
    jobId,
    LIVE_STATES,
    `state = '${state}', reason = $3, evidence = evidence || $4::jsonb, document_url = null, url_expires_at = null`,
    failure.now,
    [failure.reason, jsonText(failure.evidence ?? {})],
  );
}

async function findLive(client: PoolClient, seriesId: number, range: string): Promise<Job | null> {
  const { rows } = await client.query<JobRow>(
    `select ${JOB_COLUMNS} from jobs where series_id = $1 and span = $2::tstzrange and state = any($3)`,
    [seriesId, range, LIVE_STATES],
  );
  return rows[0] === undefined ? null : toJob(rows[0]);
}

async function earliestReRequest(
  client: PoolClient,
  seriesId: number,
  range: string,
  intervalMs: number,
): Promise<number | null> {
  const { rows } = await client.query<{ last: number | null }>(
    'select max(requested_at) as last from jobs where series_id = $1 and span = $2::tstzrange',
    [seriesId, range],
  );
  const last = rows[0]?.last ?? null;
  return last === null ? null : last + intervalMs;
}
