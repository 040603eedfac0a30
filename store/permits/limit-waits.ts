/** Waits for a limit, reported as events. */
import type { Pool } from 'pg';
import { HOUR_MS } from '../../quota/durations';
import type { EventData } from '../../quota/events';
import { priorityOfRank } from '../../quota/limits/limit';
import { limitWaitText, type WaitedLimit } from '../../quota/limits/limit-wait';
import { isWaitNews } from '../../quota/pools/reported-waits';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';

/** Null for a limit that has no row. */
export async function readWaitedLimit(db: Pick<Pool, 'query'>, key: string): Promise<WaitedLimit | null> {
  const { rows } = await db.query<WaitedLimit & { claimRank: number | null }>(
    `select name, used, capacity as limit, source, blocked_until as "blockedUntil", blocked_reason as "blockedReason",
            lowered_rate as "loweredRate", kind, kept, claimed_by as "claimRank"
     from limit_status where key = $1`,
    [key],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { claimRank, ...limit } = row;
  return { ...limit, claimedBy: priorityOfRank(claimRank) };
}

export interface LimitWait {
  readonly pool: string;
  /** Key of the limit. */
  readonly limit: string;
  readonly caller: string;
  readonly priority: string;
  /** Epoch ms. */
  readonly until: number;
  /** Name of a limit that has a row for each of many things: an hour reports some of them. Null: it has one row. */
  readonly name: string | null;
}

/**
 * Limits of one name, of devices say, that a caller's waits are reported for within an hour. Models and report types are
 * fewer; thousands of devices would drown what concerns all.
 */
export const MOST_OF_A_NAME = 10;

/** @returns what was reported; null when there is nothing new to report. */
export async function recordLimitWait(db: Pool, wait: LimitWait): Promise<EventData<'limit.waiting'> | null> {
  const { pool, limit, caller, priority, until, name } = wait;
  return inTransaction(db, async (client) => {
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 47))', [
      // Of many things one after the other, for they are counted.
      `${pool} ${name ?? limit} ${caller}`,
    ]);
    const { rows } = await client.query<{
      now: number;
      since: number | null;
      at: number | null;
      until: number | null;
    }>(
      `select now_ms() as now, nullif(w.since_ms, 0) as since, w.notified_at as at, w.notified_until as until
       from (select 1) one left join limit_waits w on pool = $1 and limit_key = $2 and caller = $3`,
      [pool, limit, caller],
    );
    const [row] = rows;
    if (row === undefined) return null;
    const cause = { cause: 'limit', subject: limit };
    const reported = row.at === null ? null : { ...cause, at: row.at, until: row.until ?? 0 };
    if (!isWaitNews(reported, cause, until, row.now)) return null;
    if (name !== null && row.at === null && (await isDrowning(client, wait))) return null;
    // Reported again, after an hour, while it lasts.
    const since = row.at !== null && (row.until ?? 0) > row.now ? (row.since ?? row.at) : row.now;
    const found = await readWaitedLimit(client, limit);
    const reason =
      found === null
        ? `${limit} has no room`
        : limitWaitText(name === null ? found : { ...found, name: `${name} of ${scopeText(limit)}` });
    await client.query(
      `insert into limit_waits (pool, limit_key, caller, since_ms, notified_at, notified_until)
       values ($1, $2, $3, $5, now_ms(), $4)
       on conflict (pool, limit_key, caller) do update set since_ms = excluded.since_ms,
         notified_at = excluded.notified_at, notified_until = excluded.notified_until`,
      [pool, limit, caller, until, since],
    );
    const about = { limit, caller, priority, reason, since, until };
    await insertEvent(client, 'limit.waiting', pool, about);
    return about;
  });
}

/** What stands between the vendor and the limit's name in its key. */
function scopeText(key: string): string {
  return key.split('/').slice(1, -1).map(decodeURIComponent).join('/');
}

/** Whether enough waits for limits of the same name have been reported for now. */
async function isDrowning(
  db: Pick<Pool, 'query'>,
  { pool, caller, name }: Pick<LimitWait, 'pool' | 'caller' | 'name'>,
): Promise<boolean> {
  const { rows } = await db.query<{ n: number }>(
    `select count(*)::int4 as n from limit_waits w join limits l on l.key = w.limit_key
     where w.pool = $1 and w.caller = $2 and l.name = $3 and w.notified_at > now_ms() - $4::float8`,
    [pool, caller, name, HOUR_MS],
  );
  return (rows[0]?.n ?? 0) >= MOST_OF_A_NAME;
}
