/**
 * The ledger: what is known about each span of a series. Rows of `coverage` never overlap; whatever is not
 * in one of them is missing. Gaps are never stored: they are the requested range less what is good.
 *
 * | state               | meaning                                                                        |
 * |---------------------|--------------------------------------------------------------------------------|
 * | done                | the vendor's rows for the span are in                                          |
 * | empty_provisional   | the vendor had no rows, which may mean none yet: counts as good, audited again |
 * | failed              | could not be fetched; a gap, left alone until `retryAt` or an operator's order |
 * | requested (derived) | not good, and a live job asks for it                                           |
 * | missing (derived)   | everything else                                                                |
 */
import type { Pool, PoolClient } from 'pg';
import { DAY_MS, MINUTE_MS } from '../../quota/durations';
import type { WindowCause } from '../../quota/windows/window-retry';
import { toTimestamptz } from '../db';
import { type Span, toRange } from './span';

/** Ingest and failures of one series go one after the other. First half of the advisory lock's key. */
const SERIES_LOCK_CLASS = 730_945;

export async function lockSeries(client: PoolClient, seriesId: number): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1::int, $2::int)', [SERIES_LOCK_CLASS, seriesId]);
}

export interface FailedSpan extends Span {
  readonly reason: string;
  /** Epoch milliseconds; null: not before somebody asks. */
  readonly retryAt: number | null;
  /** What it failed with; null where that is not distinguished. */
  readonly cause: WindowCause | null;
  /** Answers so far. */
  readonly tries: number;
}

export interface Gaps {
  /** The requested range less what is done or provisionally empty: everything that is not there. */
  readonly all: readonly Span[];
  /** Of these, what to ask the vendor for now: neither requested nor failed and left alone. */
  readonly missing: readonly Span[];
  /** Of these, what live jobs ask for already. */
  readonly requested: readonly Span[];
  /** Of these, what failed and whose retry has not come. To retry it all the same, plan over `all`. */
  readonly failed: readonly FailedSpan[];
  /** Of the missing ones, what failed before and is due again. */
  readonly due: readonly FailedSpan[];
}

/** What is not there in a range, oldest first. `now` decides which failed spans are due again. */
export async function gaps(pool: Pool, seriesId: number, range: Span, now: number): Promise<Gaps> {
  const { rows } = await pool.query<{
    kind: keyof Gaps;
    from_time: number;
    to_time: number;
    reason: string | null;
    retry_at: number | null;
    cause: WindowCause | null;
    tries: number;
  }>(
    `with known as (
       select state, reason, retry_at, cause, tries, span * $2::tstzrange as part,
              state = 'failed' and (retry_at is null or retry_at > $3::timestamptz) as left_alone
       from coverage where series_id = $1 and span && $2::tstzrange
     ), sums as (
       select $2::tstzrange::tstzmultirange
                - coalesce(range_agg(part) filter (where state <> 'failed'), '{}') as gap,
              coalesce(range_agg(part) filter (where left_alone), '{}') as left_alone,
              (select coalesce(range_agg(span), '{}') from jobs
               where series_id = $1 and span && $2::tstzrange and state in ('intended', 'requested', 'ready')) as live
       from known
     ), pieces as (
       select 'all' as kind, piece, null as reason, null::timestamptz as retry_at, null as cause, 0 as tries
         from sums, unnest(gap) piece
       union all
       select 'missing', piece, null, null, null, 0 from sums, unnest(gap - live - left_alone) piece
       union all
       select 'requested', piece, null, null, null, 0 from sums, unnest(gap * live) piece
       union all
       select case when known.left_alone then 'failed' else 'due' end, piece, reason, retry_at, cause, tries
         from sums, known, unnest(part::tstzmultirange - live) piece where known.state = 'failed'
     )
     select kind, lower(piece) as from_time, upper(piece) as to_time, reason, retry_at, cause, tries
     from pieces order by lower(piece)`,
    [seriesId, toRange(range), toTimestamptz(now)],
  );
  const ofKind = (kind: keyof Gaps) =>
    rows.filter((row) => row.kind === kind).map((row) => ({ from: row.from_time, to: row.to_time }));
  const failuresOf = (kind: 'failed' | 'due'): FailedSpan[] =>
    rows
      .filter((row) => row.kind === kind)
      .map((row) => ({
        from: row.from_time,
        to: row.to_time,
        reason: row.reason ?? '',
        retryAt: row.retry_at,
        cause: row.cause,
        tries: row.tries,
      }));
  return {
    all: ofKind('all'),
    missing: ofKind('missing'),
    requested: ofKind('requested'),
    failed: failuresOf('failed'),
    due: failuresOf('due'),
  };
}

export interface CoverageSummary {
  /** All of the counts below together. */
  readonly windows: number;
  /** Ledger windows that touch the range, by state. */
  readonly done: number;
  readonly emptyProvisional: number;
  readonly failed: number;
  /** Live jobs that touch the range. */
  readonly requested: number;
  /** Contiguous spans with neither data, nor a job, nor a failure that is left alone. */
  readonly missing: number;
  /** Rows of all ledger windows that touch the range, wholly counted. */
  readonly rows: number;
  /** Everything that is not there, whatever the reason. */
  readonly gaps: readonly Span[];
  /** When audits of the series were last completed, epoch milliseconds. */
  readonly lastAudit: { readonly daily: number | null; readonly weekly: number | null };
}

/** How complete a range is. @throws RangeError for an unknown series. */
export async function coverage(
  pool: Pool,
  seriesId: number,
  range: Span,
  now: number,
): Promise<CoverageSummary> {
  const found = await gaps(pool, seriesId, range, now);
  const { rows } = await pool.query<{
    done: number;
    empty: number;
    failed: number;
    rows: number;
    requested: number;
    daily: number | null;
    weekly: number | null;
  }>(
    `select c.*, s.daily_audit_at as daily, s.weekly_audit_at as weekly,
       (select count(*) from jobs where series_id = s.id and span && $2::tstzrange
          and state in ('intended', 'requested', 'ready')) as requested
     from series s, lateral (
       select count(*) filter (where state = 'done') as done,
              count(*) filter (where state = 'empty_provisional') as empty,
              count(*) filter (where state = 'failed') as failed,
              coalesce(sum(row_count), 0)::bigint as rows
       from coverage where series_id = s.id and span && $2::tstzrange
     ) c where s.id = $1`,
    [seriesId, toRange(range)],
  );
  const row = rows[0];
  if (row === undefined) throw new RangeError(`series ${seriesId} does not exist`);
  const missing = found.missing.length;
  return {
    windows: row.done + row.empty + row.failed + row.requested + missing,
    done: row.done,
    emptyProvisional: row.empty,
    failed: row.failed,
    requested: row.requested,
    missing,
    rows: row.rows,
    gaps: found.all,
    lastAudit: { daily: row.daily, weekly: row.weekly },
  };
}

export type AuditKind = 'daily' | 'weekly';

/**
 * How long after its end a window may still change, milliseconds: delayed data arrives for up to 24 hours,
 * and vendors restate without notice for days.
 */
export const SETTLE_MS: Readonly<Record<AuditKind, number>> = {
  daily: DAY_MS,
  weekly: 7 * DAY_MS,
};

export interface AuditQuery {
  readonly kind: AuditKind;
  readonly now: number;
  /** Default: `SETTLE_MS[kind]`. */
  readonly settleMs?: number;
  /** Windows fetched later than this before now are left out: it is too soon to ask again. Default 30 minutes. */
  readonly minAgeMs?: number;
}

/**
 * Good windows to fetch again, oldest first: those last fetched before they had settled, and empty ones that no
 * audit has seen. Each hour is thereby fetched at least once after it had settled, and windows that a missed
 * audit left behind are still found by the next one. Spans may reach beyond the vendor's lookback; planning cuts
 * them.
 */
export async function auditCandidates(
  pool: Pool,
  seriesId: number,
  query: AuditQuery,
): Promise<readonly Span[]> {
  const { rows } = await pool.query<{ from_time: number; to_time: number }>(
    `select lower(span) as from_time, upper(span) as to_time from coverage
     where series_id = $1 and state <> 'failed'
       and (fetched_at < upper(span) + $2 * interval '1 millisecond'
            or state = 'empty_provisional' and daily_audited_at is null)
       and fetched_at <= $3::timestamptz
     order by lower(span)`,
    [
      seriesId,
      query.settleMs ?? SETTLE_MS[query.kind],
      toTimestamptz(query.now - (query.minAgeMs ?? 30 * MINUTE_MS)),
    ],
  );
  return rows.map((row) => ({ from: row.from_time, to: row.to_time }));
}

/** How much time of a dataset is there, over all its series, ms. */
export async function coveredMs(pool: Pool, dataset: string, account: string): Promise<number> {
  const { rows } = await pool.query<{ ms: number }>(
    `select coalesce(sum(extract(epoch from upper(span) - lower(span))), 0)::float8 * 1000 as ms
     from coverage c join series s on s.id = c.series_id
     where s.dataset = $1 and s.account = $2 and c.state <> 'failed'`,
    [dataset, account],
  );
  return rows[0]?.ms ?? 0;
}

/** An audit of the whole series was completed. Never goes back in time. */
export async function recordAudit(pool: Pool, seriesId: number, kind: AuditKind, now: number): Promise<void> {
  const column = kind === 'daily' ? 'daily_audit_at' : 'weekly_audit_at';
  await pool.query(`update series set ${column} = greatest(${column}, $2::timestamptz) where id = $1`, [
    seriesId,
    toTimestamptz(now),
  ]);
}

/**
 * Takes a range out of the ledger. What is left of windows that reach over its edges keeps their evidence.
 * `rowCount` is SQL for the rows of such a leftover `piece`.
 */
export async function carve(
  client: PoolClient,
  seriesId: number,
  range: string,
  which: string,
  rowCount: string,
): Promise<void> {
  await client.query(
    `with cut as (
       delete from coverage where series_id = $1 and span && $2::tstzrange and ${which} returning *
     )
     insert into coverage (series_id, span, state, row_count, evidence, reason, retry_at, fetched_at,
                           daily_audited_at, weekly_audited_at, cause, tries, failed_since)
     select series_id, piece, state, ${rowCount}, evidence, reason, retry_at, fetched_at,
            daily_audited_at, weekly_audited_at, cause, tries, failed_since
     from cut, unnest(cut.span::tstzmultirange - $2::tstzrange::tstzmultirange) piece`,
    [seriesId, range],
  );
}
