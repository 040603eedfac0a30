/** The last good concurrency of a batch: kept by one page for the next. */
import type { Pool } from 'pg';
import type { KnownPace } from '../../quota/batches/concurrency';

/** Null when no page of the batch has kept any. */
export async function readPace(db: Pool, batchId: number): Promise<KnownPace | null> {
  const { rows } = await db.query<KnownPace>(
    `select concurrency, ended_well as "endedWell",
            greatest(0, extract(epoch from clock_timestamp() - at)::float8 * 1000) as "ageMs"
     from batch_pace where batch_id = $1`,
    [batchId],
  );
  return rows[0] ?? null;
}

/** @param endedWell false while the page runs: should it be killed, that is what stands. */
export async function keepPace(
  db: Pool,
  batchId: number,
  concurrency: number,
  endedWell: boolean,
): Promise<void> {
  await db.query(
    `insert into batch_pace (batch_id, concurrency, ended_well) values ($1, $2, $3)
     on conflict (batch_id) do update set concurrency = excluded.concurrency, ended_well = excluded.ended_well,
       at = clock_timestamp()`,
    [batchId, concurrency, endedWell],
  );
}
