/** Statistics of an account's reports: how long they take, and how many calls failing windows have used. */
import type { Pool, PoolClient } from 'pg';
import { toTimestamptz } from '../../db';

/**
 * How long an account's latest reports took, at most 200 of them, from the request to the stored document.
 * @param since epoch ms.
 * @returns their number, and the 10th and 90th percentile, ms; null when there are none.
 */
export async function measuredReports(
  db: Pool,
  account: string,
  since: number,
): Promise<{
  readonly reports: number;
  readonly tookMs: { readonly min: number; readonly max: number };
} | null> {
  const { rows } = await db.query<{ reports: number; low: number | null; high: number | null }>(
    `select count(*) as reports,
            percentile_cont(0.1) within group (order by took) as low,
            percentile_cont(0.9) within group (order by took) as high
     from (select extract(epoch from j.updated_at - j.requested_at)::float8 * 1000 as took
           from jobs j join series s on s.id = j.series_id
           where s.account = $1 and j.state = 'ingested' and j.requested_at > to_timestamp($2::float8 / 1000)
           order by j.id desc limit 200) recent`,
    [account, since],
  );
  const [row] = rows;
  if (row === undefined || row.low === null || row.high === null) return null;
  return { reports: row.reports, tookMs: { min: Math.max(0, row.low), max: Math.max(0, row.high) } };
}

/**
 * Calls for failing windows of an account since an instant: how many, those that are still to be made included, and when
 * the first of them was.
 */
export async function failingCalls(
  client: PoolClient,
  account: string,
  since: number,
): Promise<{ readonly calls: number; readonly firstAt: number | null }> {
  const { rows } = await client.query<{ calls: number; first_at: number | null }>(
    `select coalesce(sum(greatest(attempts, 1)), 0)::int8 as calls, min(updated_at) as first_at
     from jobs where failing and (attempts > 0 or state = 'intended') and updated_at > $2
       and series_id in (select id from series where account = $1)`,
    [account, toTimestamptz(since)],
  );
  return { calls: rows[0]?.calls ?? 0, firstAt: rows[0]?.first_at ?? null };
}
