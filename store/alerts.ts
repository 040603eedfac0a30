/** Alerts about the use of quotas: one event for each level of each window, whoever notices. */
import type { Pool } from 'pg';
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
