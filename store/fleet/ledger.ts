/**
 * The ledger of a fleet: which spans of which devices are complete. One series per device, in the same tables as every
 * other dataset's (store/datasets/ledger.ts); here are the queries over all devices of an account.
 */
import type { Pool, PoolClient } from 'pg';
import { carve, lockSeries } from '../datasets/ledger';
import { type Span, toRange } from '../datasets/span';
import { toTimestamptz } from '../db';
import { jsonText } from '../storable';

/** Series of these devices, made where they are new: device id to series id. */
export async function ensureDeviceSeries(
  db: Pool,
  dataset: string,
  account: string,
  deviceIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  await db.query(
    `insert into series (dataset, account, partition_key)
     select $1, $2, jsonb_build_object('deviceId', d) from unnest($3::text[]) d
     where not exists (select 1 from series s
       where s.dataset = $1 and s.account = $2 and s.partition_key = jsonb_build_object('deviceId', d))
     on conflict do nothing`,
    [dataset, account, deviceIds],
  );
  const { rows } = await db.query<{ id: number; device: string }>(
    `select id, partition_key ->> 'deviceId' as device from series
     where dataset = $1 and account = $2 and partition_key ->> 'deviceId' = any($3::text[])`,
    [dataset, account, deviceIds],
  );
  return new Map(rows.map(({ id, device }) => [device, id]));
}

export interface DeviceCoverage {
  readonly deviceId: string;
  /** Ledger windows that touch the span, by state. */
  readonly done: number;
  readonly failed: number;
  /** Rows of all of these windows, wholly counted. */
  readonly rows: number;
  /** What of the span is not in, oldest first. */
  readonly gaps: readonly Span[];
  /** Of the gaps, what may be requested now: it has not failed, or its retry is due. */
  readonly missing: readonly Span[];
  /** The next retry of what has failed, epoch ms; null: there is none, or none that comes by itself. */
  readonly retryAt: number | null;
}

/** How complete a span is, device by device, in the order given. A device without a series misses all of it. */
export async function coverageByDevice(
  db: Pool,
  dataset: string,
  account: string,
  deviceIds: readonly string[],
  asked: Span,
  now: number,
): Promise<readonly DeviceCoverage[]> {
  const { rows } = await db.query<{
    device: string;
    done: number;
    failed: number;
    rows: number;
    gaps: [number, number][];
    missing: [number, number][];
    retry_at: number | null;
  }>(
    `select d.device, coalesce(c.done, 0) as done, coalesce(c.failed, 0) as failed, coalesce(c.rows, 0)::int8 as rows,
            ${asPairs(`${ASKED} - coalesce(c.good, '{}')`)} as gaps,
            ${asPairs(`${ASKED} - coalesce(c.good, '{}') - coalesce(c.left_alone, '{}')`)} as missing, c.retry_at
     from unnest($3::text[]) with ordinality d (device, n)
     left join series s on s.dataset = $1 and s.account = $2
       and s.partition_key = jsonb_build_object('deviceId', d.device)
     left join lateral (
       select count(*) filter (where state <> 'failed') as done, count(*) filter (where state = 'failed') as failed,
              sum(row_count) as rows, range_agg(span) filter (where state <> 'failed') as good,
              range_agg(span) filter (where state = 'failed' and (retry_at is null or retry_at > $5::timestamptz))
                as left_alone,
              min(retry_at) filter (where state = 'failed' and retry_at > $5::timestamptz) as retry_at
       from coverage where series_id = s.id and span && $4::tstzrange
     ) c on true
     order by d.n`,
    [dataset, account, deviceIds, toRange(asked), toTimestamptz(now)],
  );
  const spans = (pairs: readonly [number, number][]) => pairs.map(([from, to]) => ({ from, to }));
  return rows.map(({ device, done, failed, rows: count, gaps, missing, retry_at }) => ({
    deviceId: device,
    done,
    failed,
    rows: count,
    gaps: spans(gaps),
    missing: spans(missing),
    retryAt: retry_at,
  }));
}

const ASKED = '$4::tstzrange::tstzmultirange';

/** SQL for a multirange as JSON `[[from, to], …]`, epoch milliseconds. */
function asPairs(multirange: string): string {
  return `(select coalesce(jsonb_agg(jsonb_build_array(round(extract(epoch from lower(r)) * 1000),
    round(extract(epoch from upper(r)) * 1000)) order by lower(r)), '[]') from unnest(${multirange}) r)`;
}

/** How often a window that touches the span has failed already, as its evidence says. */
export async function failedTries(db: Pool, seriesId: number, span: Span): Promise<number> {
  const { rows } = await db.query<{ tries: number | null }>(
    `select max((evidence ->> 'tries')::int) as tries from coverage
     where series_id = $1 and span && $2::tstzrange and state = 'failed'`,
    [seriesId, toRange(span)],
  );
  return rows[0]?.tries ?? 0;
}

export interface CoveredWindow {
  readonly seriesId: number;
  readonly span: Span;
  readonly rows: number;
  readonly evidence: Readonly<Record<string, unknown>>;
  /** Epoch milliseconds of the call. */
  readonly now: number;
}

/**
 * Marks a span as in, within the caller's transaction. Windows that follow one another within a UTC day become one:
 * a device that is called every quarter of an hour leaves one row a day, not a hundred.
 * @param rowCount SQL for the rows of a leftover `piece` of an older window; see `carve`.
 */
export async function coverIn(client: PoolClient, window: CoveredWindow, rowCount: string): Promise<void> {
  const { seriesId, span, evidence, now } = window;
  await lockSeries(client, seriesId);
  await carve(client, seriesId, toRange(span), 'true', rowCount);
  const { rows } = await client.query<{ from_time: number; row_count: number }>(
    `delete from coverage where series_id = $1 and upper(span) = $2::timestamptz and state <> 'failed'
       and date_trunc('day', lower(span)) = date_trunc('day', $2::timestamptz)
     returning lower(span) as from_time, row_count`,
    [seriesId, toTimestamptz(span.from)],
  );
  const before = rows[0];
  await client.query(
    `insert into coverage (series_id, span, state, row_count, evidence, fetched_at)
     values ($1, $2, 'done', $3, $4, $5)`,
    [
      seriesId,
      toRange({ from: before?.from_time ?? span.from, to: span.to }),
      window.rows + (before?.row_count ?? 0),
      jsonText(evidence),
      toTimestamptz(now),
    ],
  );
}
