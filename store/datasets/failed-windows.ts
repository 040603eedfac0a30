/** Failed windows of the ledger: why each failed, how often it was tried, and when it is tried again. */
import type { Pool, PoolClient } from 'pg';
import { HOUR_MS } from '../../quota/durations';
import {
  meansEmpty,
  retryDistanceMs,
  speaksAgainstAll,
  type WindowCause,
} from '../../quota/windows/window-retry';
import { inTransaction, toTimestamptz } from '../db';
import { jsonText } from '../storable';
import { carve, type FailedSpan, lockSeries } from './ledger';
import { insertWindowEvent } from './series-events';
import { type Span, toRange } from './span';

export interface WindowFailure {
  readonly seriesId: number;
  readonly span: Span;
  readonly reason: string;
  readonly evidence: Readonly<Record<string, unknown>>;
  /** Decides when the window is tried again, unless `retryAt` does. */
  readonly cause?: WindowCause;
  /** Epoch milliseconds; null: not before somebody asks. */
  readonly retryAt?: number | null;
  /** Least time between two requests for the same window, ms. */
  readonly reRequestMs?: number;
  readonly now: number;
  /** The account's pool, when an event is to be written. */
  readonly poolKey?: string;
}

/** Least wait after a failed check of doubted hours, ms. */
const FAILED_CHECK_MS = 6 * HOUR_MS;

export interface RecordedFailure {
  /** Answers so far, this one among them. */
  readonly tries: number;
  readonly retryAt: number | null;
  /** The answers mean that there is nothing: the window is provisionally empty, and not failed. */
  readonly empty: boolean;
}

/**
 * Marks a window as failed. Only what is not good already: when an audit fails, the data from before is
 * still there and still counts.
 */
export async function recordFailure(pool: Pool, failure: WindowFailure): Promise<RecordedFailure> {
  return inTransaction(pool, (client) => recordFailureIn(client, failure));
}

/** `recordFailure` within a transaction of the caller's. */
export async function recordFailureIn(client: PoolClient, failure: WindowFailure): Promise<RecordedFailure> {
  const { seriesId, cause = 'failed', now } = failure;
  const range = toRange(failure.span);
  await lockSeries(client, seriesId);
  const { rows } = await client.query<{ tries: number; since: number | null }>(
    `select coalesce(max(tries), 0) as tries, min(failed_since) as since from coverage
     where series_id = $1 and span && $2::tstzrange and state = 'failed'`,
    [seriesId, range],
  );
  const before = rows[0] ?? { tries: 0, since: null };
  const tries = before.tries + (cause === 'skipped' ? 0 : 1);
  const retryAt = failure.retryAt === undefined ? await nextTry(client, failure, tries) : failure.retryAt;
  const empty = meansEmpty(cause, tries);
  // Failed windows have no rows, so their leftovers need no counting.
  await carve(client, seriesId, range, "state = 'failed'", '0');
  await client.query(
    `insert into coverage (series_id, span, state, evidence, reason, retry_at, fetched_at, cause, tries, failed_since)
     select $1, piece, $7, $3, $4, $5, $6, $8, $9, $10
     from unnest($2::tstzrange::tstzmultirange - coalesce(
       (select range_agg(span) from coverage where series_id = $1 and span && $2::tstzrange), '{}')) piece`,
    [
      seriesId,
      range,
      jsonText(failure.evidence),
      failure.reason,
      retryAt === null || empty ? null : toTimestamptz(retryAt),
      toTimestamptz(now),
      empty ? 'empty_provisional' : 'failed',
      cause,
      tries,
      empty ? null : toTimestamptz(before.since ?? now),
    ],
  );
  // What was doubted and could not be checked now is checked later.
  await client.query(
    `update doubted_hours set recheck_at = greatest(recheck_at, $3::timestamptz)
     where series_id = $1 and hour <@ $2::tstzrange`,
    [seriesId, range, toTimestamptz(Math.max(retryAt ?? now, now + FAILED_CHECK_MS))],
  );
  if (failure.poolKey !== undefined && cause !== 'skipped') {
    const { reason, span, poolKey } = failure;
    const window = { poolKey, seriesId, span };
    if (empty) await insertWindowEvent(client, 'window.empty', window, { cause, reason, tries });
    else {
      const nextTryAt = retryAt === null ? null : new Date(retryAt).toISOString();
      await insertWindowEvent(client, 'window.failed', window, { cause, reason, tries, nextTryAt });
    }
  }
  return { tries, retryAt: empty ? null : retryAt, empty };
}

/** Where the vendor refuses all of a series, its latest windows are refused for the same reason, and not for their age. */
async function nextTry(
  client: PoolClient,
  { seriesId, span, cause = 'failed', reRequestMs, now }: WindowFailure,
  tries: number,
): Promise<number> {
  const age = (await failsAlike(client, seriesId)) ? undefined : now - span.to;
  return now + retryDistanceMs(cause, tries, reRequestMs, age);
}

/** Windows that were not requested because others were refused are due again: one of their series has succeeded. */
export async function healSkipped(client: PoolClient, seriesId: number, now: number): Promise<void> {
  await client.query(
    `update coverage set retry_at = $2 where series_id = $1 and state = 'failed' and cause = 'skipped' and retry_at > $2`,
    [seriesId, toTimestamptz(now)],
  );
}

/** Refusals in a row that speak against a series. */
const ALIKE = 3;

/**
 * Whether the last answers of a series were refusals, each of them: then its next window is likely to be refused, too. Not
 * of cancelled ones, which mostly say that there is nothing.
 */
export async function failsAlike(db: Pool | PoolClient, seriesId: number): Promise<boolean> {
  const { rows } = await db.query<{ state: string; cause: WindowCause | null }>(
    `select state, cause from coverage where series_id = $1 and cause is distinct from 'skipped'
     order by fetched_at desc limit ${ALIKE}`,
    [seriesId],
  );
  const isRefused = ({ state, cause }: (typeof rows)[number]) =>
    state === 'failed' && cause !== null && cause !== 'cancelled' && speaksAgainstAll(cause);
  return rows.length === ALIKE && rows.every(isRefused);
}

export interface FailedWindow extends FailedSpan {
  readonly seriesId: number;
  /** Epoch milliseconds of the first and the last answer. */
  readonly since: number;
  readonly failedAt: number;
}

/** Failed windows of these series that touch a span, oldest first. */
export async function failedWindows(
  db: Pool,
  seriesIds: readonly number[],
  range: Span,
): Promise<readonly FailedWindow[]> {
  const { rows } = await db.query<{
    series_id: number;
    from_time: number;
    to_time: number;
    reason: string | null;
    retry_at: number | null;
    cause: WindowCause | null;
    tries: number;
    since: number;
    failed_at: number;
  }>(
    `select series_id, lower(span) as from_time, upper(span) as to_time, reason, retry_at, cause, tries,
            coalesce(failed_since, fetched_at) as since, fetched_at as failed_at
     from coverage where series_id = any ($1) and state = 'failed' and span && $2::tstzrange
     order by lower(span), series_id`,
    [seriesIds, toRange(range)],
  );
  return rows.map((row) => ({
    seriesId: row.series_id,
    from: row.from_time,
    to: row.to_time,
    reason: row.reason ?? '',
    retryAt: row.retry_at,
    cause: row.cause,
    tries: row.tries,
    since: row.since,
    failedAt: row.failed_at,
  }));
}
