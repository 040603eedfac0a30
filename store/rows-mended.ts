/** Rows beside limits and pools that lie in the future of the database's clock, which has gone back unseen. */
import type { Pool } from 'pg';

/** Puts them back, each table with an event. @returns how many. */
export async function mendRows(db: Pool): Promise<number> {
  const { rows } = await db.query<{ mended: number }>('select rows_mended() as mended');
  return rows[0]?.mended ?? 0;
}
