/** Waits for a limit, reported as events. */
import type { Pool } from 'pg';
import type { EventData } from '../../quota/events';
import { limitWaitText, type WaitedLimit } from '../../quota/limits/limit-wait';
import { isWaitNews } from '../../quota/pools/reported-waits';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';

/** Null for a limit that has no row. */
export async function readWaitedLimit(db: Pick<Pool, 'query'>, key: string): Promise<WaitedLimit | null> {
  const { rows } = await db.query<WaitedLimit>(
    `select name, used, capacity as limit, source, blocked_until as "blockedUntil", blocked_reason as "blockedReason",
            lowered_rate as "loweredRate"
     from limit_status where key = $1`,
    [key],
  );
  return rows[0] ?? null;
}

export interface LimitWait {
  readonly pool: string;
  /** Key of the limit. */
  readonly limit: string;
  readonly caller: string;
  readonly priority: string;
  /** Epoch ms. */
  readonly until: number;
}

/** @returns what was reported; null when there is nothing new to report. */
export async function recordLimitWait(db: Pool, wait: LimitWait): Promise<EventData<'limit.waiting'> | null> {
  const { pool, limit, caller, priority, until } = wait;
  return inTransaction(db, async (client) => {
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 47))', [
      `${pool} ${limit} ${caller}`,
    ]);
    const { rows } = await client.query<{ now: number; at: number | null; until: number | null }>(
      `select now_ms() as now, w.notified_at as at, w.notified_until as until
       from (select 1) one left join limit_waits w on pool = $1 and limit_key = $2 and caller = $3`,
      [pool, limit, caller],
    );
    const [row] = rows;
    if (row === undefined) return null;
    const cause = { cause: 'limit', subject: limit };
    const reported = row.at === null ? null : { ...cause, at: row.at, until: row.until ?? 0 };
    if (!isWaitNews(reported, cause, until, row.now)) return null;
    const found = await readWaitedLimit(client, limit);
    const reason = found === null ? `${limit} has nothing left` : limitWaitText(found);
    await client.query(
      `insert into limit_waits (pool, limit_key, caller, notified_at, notified_until) values ($1, $2, $3, now_ms(), $4)
       on conflict (pool, limit_key, caller) do update set notified_at = excluded.notified_at, notified_until = excluded.notified_until`,
      [pool, limit, caller, until],
    );
    const about = { limit, caller, priority, reason, until };
    await insertEvent(client, 'limit.waiting', pool, about);
    return about;
  });
}
