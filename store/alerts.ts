/** Alerts about the use of quotas: one event for each level or pause of each window, whoever notices. */
import type { Pool } from 'pg';
import type { Priority } from '../quota/limit';
import type { AlertLevel } from '../quota/quota-status';
import { inTransaction } from './db';

export interface QuotaAlert {
  readonly pool: string;
  /** Key of the limit. */
  readonly limit: string;
  readonly level: AlertLevel;
  readonly used: number;
  readonly capacity: number;
  /** End of the window that is meant, epoch ms; null when it is not known. */
  readonly window: number | null;
}

/** @returns true for the one who was first to tell. */
export async function recordAlert(db: Pool, alert: QuotaAlert): Promise<boolean> {
  const { pool, ...data } = alert;
  return inTransaction(db, async (client) => {
    // In a statement of its own: the next one then sees what the one before us has written.
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 43))', [alert.limit]);
    const { rowCount } = await client.query(
      `insert into events (kind, pool, data) select 'quota.alert', $1, $2::jsonb
       where not exists (select 1 from events where pool = $1 and kind = 'quota.alert'
         and data ->> 'limit' = $3 and data ->> 'level' = $4 and data -> 'window' = $2::jsonb -> 'window')`,
      [pool, JSON.stringify(data), alert.limit, alert.level],
    );
    return rowCount === 1;
  });
}

/**
 * Notes that work of a priority pauses for the reserve of a limit that still has something left.
 * @returns true for the one who was first to tell in this window of the limit.
 */
export async function recordReservePause(
  db: Pool,
  pool: string,
  limit: string,
  priority: Priority,
): Promise<boolean> {
  return inTransaction(db, async (client) => {
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 43))', [limit]);
    const { rowCount } = await client.query(
      `insert into events (kind, pool, data)
       select 'limit.reserve', $1, jsonb_build_object('limit', s.key, 'priority', $3::text, 'used', s.used,
                                                      'capacity', s.capacity, 'until', s.resets_at)
       from limit_status s where s.key = $2 and s.used < s.capacity and s.blocked_until is null and not exists (
         select 1 from events e where e.pool = $1 and e.kind = 'limit.reserve' and e.data ->> 'limit' = $2
           and e.data ->> 'priority' = $3 and (e.data ->> 'until')::float8 is not distinct from s.resets_at)`,
      [pool, limit, priority],
    );
    return rowCount === 1;
  });
}
