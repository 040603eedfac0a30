/**
 * Resets whatever lies in the future of the database's clock, at an operator's command. Permits do so by themselves
 * where they can be certain (limit_ahead.sql); this resets everything that should not be in the future.
 */
import type { Pool } from 'pg';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';

export interface LimitReset {
  /** Pool whose limits are meant, those that it shares with others included, and the pool itself. */
  readonly pool: string;
  /** Names of limits; null for all. */
  readonly names: readonly string[] | null;
  /** Who, e.g. `ann@host`. */
  readonly by: string;
  readonly reason: string;
}

export interface ResetOutcome {
  readonly limits: readonly {
    readonly key: string;
    readonly name: string;
    readonly pools: readonly string[];
  }[];
  /** The pool's own times, or its organization's, lay in the future. */
  readonly pools: readonly string[];
}

/** @returns what was put back. */
export async function resetLimits(db: Pool, { pool, names, by, reason }: LimitReset): Promise<ResetOutcome> {
  return inTransaction(db, async (client) => {
    // In the order in which everybody locks them: the pools' advisory locks, limits, pools.
    await client.query(
      `select pg_advisory_xact_lock(hashtextextended(k.key, 41)) from (
         select key from pools where key = $1 or key = (select organization from pools where key = $1) order by key) k`,
      [pool],
    );
    await client.query(
      `select 1 from limits where key in (select limit_key from pool_limits where pool = $1) order by key for update`,
      [pool],
    );
    const limits = await client.query<ResetOutcome['limits'][number]>(
      `with n as (select now_ms() as t), mended as materialized (
         select l.key, l.name, limit_mended(l, n.t) as l from limits l, n
         where l.key in (select limit_key from pool_limits where pool = $1)
           and ($2::text[] is null or l.name = any ($2))
           and (greatest(l.last_at, l.window_from, l.claim_until, l.rate_share_at, l.unblocked_at) > n.t + 1000
             or (l.kind = 'bucket' and l.tat > n.t + l.capacity * l.period_ms)
             or (l.kind = 'calendar' and l.resets_at > calendar_end(n.t, l.calendar_unit, l.zone) + 1)
             or exists (select 1 from limit_events e where e.limit_id = l.id and e.at > n.t + 1000))
       ), stored as (select limits_store(array(select l from mended)))
       select key, name, array(select p.pool from pool_limits p where p.limit_key = m.key order by 1) as pools
       from mended m, stored order by key`,
      [pool, names],
    );
    const pools = await client.query<{ key: string }>(
      `select key from pools
       where (key = $1 or key = (select organization from pools where key = $1)) and since_ms > now_ms() + 1000
       order by key for update`,
      [pool],
    );
    const keys = pools.rows.map(({ key }) => key);
    if (keys.length > 0) {
      await client.query(
        'select pools_mended(array(select p from pools p where p.key = any ($1)), now_ms())',
        [keys],
      );
    }
    for (const { key } of limits.rows) {
      await insertEvent(client, 'limit.reset', pool, { limit: key, by, reason });
    }
    return { limits: limits.rows, pools: keys };
  });
}
