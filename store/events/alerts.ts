/** Alerts about the use of quotas: one event for each level or pause of each window, whichever process notices it. */
import type { Pool } from 'pg';
import type { EventData } from '../../quota/events';
import type { Priority } from '../../quota/limits/limit';
import type { AlertLevel } from '../../quota/limits/quota-status';
import { inTransaction } from '../db';
import { jsonText } from '../storable';
import { insertEvent } from './events';

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

/** @returns true for the caller that was first to report. */
export async function recordAlert(db: Pool, alert: QuotaAlert): Promise<boolean> {
  const { pool, ...data } = alert;
  return inTransaction(db, async (client) => {
    // In a statement of its own: the next one then sees what the one before us has written.
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 43))', [alert.limit]);
    const { rowCount: reported } = await client.query(
      `select 1 from events where pool = $1 and kind = 'quota.alert'
         and data ->> 'limit' = $2 and data ->> 'level' = $3 and data -> 'window' = $4::jsonb`,
      [pool, alert.limit, alert.level, jsonText(alert.window)],
    );
    if (reported) return false;
    await insertEvent(client, 'quota.alert', pool, data);
    return true;
  });
}

/**
 * Notes that work of a priority pauses for the reserve of a limit that still has something left.
 * @returns what the event says, for the caller that was first to report in this window of the limit; null for all others.
 */
export async function recordReservePause(
  db: Pool,
  pool: string,
  limit: string,
  priority: Priority,
): Promise<EventData<'limit.reserve'> | null> {
  return inTransaction(db, async (client) => {
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 43))', [limit]);
    const { rows } = await client.query<EventData<'limit.reserve'>>(
      `select s.key as limit, $3::text as priority, s.used, s.capacity, s.resets_at as until
       from limit_status s where s.key = $2 and s.used < s.capacity and s.blocked_until is null and not exists (
         select 1 from events e where e.pool = $1 and e.kind = 'limit.reserve' and e.data ->> 'limit' = $2
           and e.data ->> 'priority' = $3 and (e.data ->> 'until')::float8 is not distinct from s.resets_at)`,
      [pool, limit, priority],
    );
    const paused = rows[0];
    if (paused === undefined) return null;
    await insertEvent(client, 'limit.reserve', pool, paused);
    return paused;
  });
}
