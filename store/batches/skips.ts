/** Skips items of a batch, by the ids of the input, and takes them back in. */
import type { Pool } from 'pg';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';
import type { ChangedBy } from './batches';

export interface Skipped {
  /** Items that will not be called any more. */
  readonly items: number;
  /** Of these, with a call or a file on the way: an answer that comes is kept all the same. */
  readonly onTheWay: number;
  /** Ids that had ended before: nothing has changed for them. */
  readonly ended: readonly string[];
}

/**
 * Fails items that have not ended, with the operator's reason as their evidence; all of them or, with an id that the batch
 * does not have, none.
 * @returns the unknown ids, or what has changed.
 */
export async function skipItems(
  db: Pool,
  batchId: number,
  ids: readonly string[],
  reason: string,
  changed: ChangedBy,
): Promise<{ readonly unknown: readonly string[] } | Skipped> {
  return inTransaction(db, async (client) => {
    const { rows } = await client.query<{ seq: number; id: string; state: string }>(
      `select seq, external_id as id, state from batch_items
       where batch_id = $1 and external_id = any ($2) order by seq for update`,
      [batchId, ids],
    );
    const known = new Set(rows.map(({ id }) => id));
    const unknown = ids.filter((id) => !known.has(id));
    if (unknown.length > 0) return { unknown };
    const open = rows.filter(({ state }) => state !== 'done' && state !== 'failed');
    await client.query(
      `update batch_items set state = 'failed', lease_owner = null, lease_until = null, answered_at = clock_timestamp(),
         evidence = jsonb_build_object('kind', 'skipped', 'reason', $3::text)
       where batch_id = $1 and seq = any ($2::int[])`,
      [batchId, open.map(({ seq }) => seq), reason],
    );
    if (open.length > 0) {
      const about = { batch: batchId, items: open.length, by: changed.by, reason };
      await insertEvent(client, 'batch.skipped', changed.pool, about);
    }
    return {
      items: open.length,
      onTheWay: open.filter(({ state }) => state === 'running').length,
      ended: rows.filter((row) => !open.includes(row)).map(({ id }) => id),
    };
  });
}

/**
 * Failed items are called again, behind all fresh ones, with their attempts counted from 0.
 * @param ids of the items; null for all that have failed.
 */
export async function retryFailed(
  db: Pool,
  batchId: number,
  changed: ChangedBy = { by: 'operator', pool: null },
  ids: readonly string[] | null = null,
): Promise<number> {
  return inTransaction(db, async (client) => {
    const { rowCount } = await client.query(
      `with failed as materialized (
         select seq from batch_items
         where batch_id = $1 and state = 'failed' and ($2::text[] is null or external_id = any ($2))
         order by seq for update)
       update batch_items i set state = 'retry', attempts = 0, next_attempt_at = clock_timestamp(),
         evidence = evidence - '{alike,at,own,putBack,putBackAt}'::text[]
       from failed where i.batch_id = $1 and i.seq = failed.seq`,
      [batchId, ids],
    );
    const items = rowCount ?? 0;
    if (items === 0) return 0;
    const reason = `${items === 1 ? '1 failed item is' : `${items} failed items are`} called again`;
    const about = { batch: batchId, items, by: changed.by, reason };
    await insertEvent(client, 'batch.retried', changed.pool, about);
    return items;
  });
}
