/**
 * Ends waits that a vendor has stated ("retry after two days"), at an operator's command. One transaction: the
 * limits, the items that were refused with the same wait, and an event for each limit.
 */
import type { Pool } from 'pg';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';

export interface Unblocking {
  /** Pool whose limits are meant, those that it shares with others included. */
  readonly pool: string;
  /** Names of limits; null for all that wait. */
  readonly names: readonly string[] | null;
  /** Who, e.g. `ann@host`. */
  readonly by: string;
  /** Why, in the operator's words; may be empty. */
  readonly reason: string;
}

export interface Unblocked {
  readonly key: string;
  readonly name: string;
  /** Keys of all pools whose calls waited for it. */
  readonly pools: readonly string[];
  /** Until when it would have waited, epoch ms. */
  readonly until: number;
  /** The vendor's answer that it waited for. */
  readonly because: string;
}

/** @returns the limits that waited and do not any more. */
export async function unblockLimits(db: Pool, { pool, names, by, reason }: Unblocking): Promise<Unblocked[]> {
  return inTransaction(db, async (client) => {
    // Locked by a statement of its own: the next one sees a block that was written meanwhile.
    await client.query(
      `select 1 from limits where key in (select limit_key from pool_limits where pool = $1) order by key for update`,
      [pool],
    );
    const { rows } = await client.query<Unblocked>(
      `with ended as (
         update limits l set blocked_until = n.t, unblocked_at = n.t, rate_strikes = 0, blocked_reason = '',
           claim_rank = 0, claim_until = 0
         from (select now_ms() as t) n,
              (select id, blocked_until as until, blocked_reason as because from limits) was
         where was.id = l.id and l.blocked_until > n.t and ($2::text[] is null or l.name = any ($2))
           and l.key in (select limit_key from pool_limits where pool = $1)
         returning l.key, l.name, was.until, was.because)
       select key, name, until, because,
              array(select p.pool from pool_limits p where p.limit_key = e.key order by 1) as pools
       from ended e order by key`,
      [pool, names],
    );
    for (const { key, pools, until, because } of rows) {
      const about = { limit: key, pools, by, reason, was: until, because };
      await insertEvent(client, 'limit.unblocked', pool, about);
    }
    return rows;
  });
}

/**
 * Items that were refused as too fast, and wait for as long as the vendor stated, are due now.
 * @returns how many.
 */
export async function hurryRefusedItems(db: Pool, accounts: readonly string[]): Promise<number> {
  const { rowCount } = await db.query(
    `with refused as materialized (
       select i.batch_id, i.seq from batch_items i join batches b on b.id = i.batch_id
       where b.account = any ($1) and i.state = 'retry'
         and i.evidence ->> 'kind' = 'rate' and i.next_attempt_at > clock_timestamp()
       order by i.batch_id, i.seq for update of i)
     update batch_items i set next_attempt_at = clock_timestamp()
     from refused r where i.batch_id = r.batch_id and i.seq = r.seq`,
    [accounts],
  );
  return rowCount ?? 0;
}
