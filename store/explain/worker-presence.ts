/** The spans of time in which workers polled for work: one row for each. */
import type { Pool } from 'pg';
import { DAY_MS, MINUTE_MS } from '../../quota/durations';
import { readClock } from '../clock';

/** Workers note themselves twice a minute; a longer silence means that there was none, ms. */
export const SILENCE_MS = 1.5 * MINUTE_MS;
const KEPT_MS = 400 * DAY_MS;

/** A worker takes work now. */
export async function noteWorker(db: Pool): Promise<void> {
  await db.query(
    `with extended as (
       update worker_presence set to_ms = greatest(to_ms, now_ms())
       where from_ms = (select max(from_ms) from worker_presence) and to_ms > now_ms() - $1::float8 returning 1),
     old as (delete from worker_presence where to_ms < now_ms() - $2::float8)
     insert into worker_presence (from_ms, to_ms) select now_ms(), now_ms()
     where not exists (select from extended) on conflict do nothing`,
    [SILENCE_MS, KEPT_MS],
  );
}

/** When a worker took work last, to about half a minute, epoch ms; null where none was ever noted. */
export async function readWorkerSeenAt(db: Pool): Promise<number | null> {
  const { rows } = await db.query<{ at: number | null }>('select max(to_ms) as at from worker_presence');
  return rows[0]?.at ?? null;
}

/** Stretches without one, of those that were noted at all, epoch ms; the last may go on (`to` is Infinity). */
export async function workerGaps(db: Pool): Promise<{ readonly from: number; readonly to: number }[]> {
  const { rows } = await db.query<{ from: number; to: number | null }>(
    `select to_ms as "from", lead(from_ms) over (order by from_ms) as "to" from worker_presence order by from_ms`,
  );
  const now = await readClock(db);
  return rows
    .map(({ from, to }) => ({ from, to: to ?? Number.POSITIVE_INFINITY }))
    .filter(({ from, to }) => Math.min(to, now) - from > SILENCE_MS);
}
