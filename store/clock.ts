/** The database's clock, by which everything is decided that several processes share. */
import type { Pool } from 'pg';

/** Epoch ms with a fraction. */
export async function readClock(db: Pick<Pool, 'query'>): Promise<number> {
  const { rows } = await db.query<{ now: number }>({ name: 'read_clock', text: 'select now_ms() as now' });
  return rows[0]?.now ?? Number.NaN;
}

/** The same in whole ms, as tables keep times: what is stored of it comes back equal. */
export async function readStorableTime(db: Pick<Pool, 'query'>): Promise<number> {
  return Math.floor(await readClock(db));
}
