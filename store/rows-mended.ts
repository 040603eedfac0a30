/** Mends rows, other than limits and pools, whose times lie in the future because the database's clock has gone back unseen. */
import type { Pool } from 'pg';

/** Puts them back, each table with an event. @returns how many. */
export async function mendRows(db: Pool): Promise<number> {
  const { rows } = await db.query<{ mended: number }>('select rows_mended() as mended');
  return rows[0]?.mended ?? 0;
}

/** The last time that the database's clock was seen to be wrong. Times are epoch ms. */
export interface ClockTrouble {
  readonly times: number;
  readonly lastAt: number;
}

/** Steps, and times in the future, of the last day; null when there were none. */
export async function clockTrouble(db: Pool): Promise<ClockTrouble | null> {
  const { rows } = await db.query<{ times: number; lastAt: number | null }>(
    `select count(*)::int4 as times, max(at) as "lastAt" from events
     where kind in ('clock.stepped', 'limit.clock_ahead', 'pool.clock_ahead', 'rows.clock_ahead')
       and at > clock_timestamp() - interval '1 day'`,
  );
  const { times = 0, lastAt = null } = rows[0] ?? {};
  return lastAt === null ? null : { times, lastAt };
}
