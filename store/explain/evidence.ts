/** The latest events that show what work waits for. */
import type { Pool } from 'pg';
import { DAY_MS } from '../../quota/durations';

/** Whoever has paused it by hand; null when nobody has, or somebody has resumed it. @param subject pool key or id of work. */
export async function lastOrder(
  db: Pool,
  subject: string,
): Promise<{ readonly by: string; readonly reason: string } | null> {
  const { rows } = await db.query<{ kind: string; by: string; reason: string }>(
    `select kind, data ->> 'by' as by, data ->> 'reason' as reason from events
     where kind in ('operator.paused', 'operator.resumed') and data ->> 'subject' = $1 order by id desc limit 1`,
    [subject],
  );
  const [last] = rows;
  return last?.kind === 'operator.paused' ? last : null;
}

/** The last refusal of a limit as too fast. */
export async function lastRefusal(
  db: Pool,
  pool: string,
  limit: string,
): Promise<{ readonly code: string | null; readonly requestId: string | null } | null> {
  const { rows } = await db.query<{ code: string | null; requestId: string | null }>(
    `select data ->> 'code' as code, data ->> 'requestId' as "requestId" from events
     where kind = 'limit.refused' and data ->> 'subject' in ($1, $2) and data -> 'limits' ? $2 order by at desc limit 1`,
    [pool, limit],
  );
  return rows[0] ?? null;
}

/** The limit for whose next unit a caller sleeps; null for none. */
export async function limitWaitedFor(
  db: Pool,
  pool: string,
  caller: string,
  now: number,
): Promise<{ readonly limit: string; readonly reason: string } | null> {
  const { rows } = await db.query<{ limit: string; reason: string }>(
    `select data ->> 'limit' as limit, data ->> 'reason' as reason from events
     where pool = $1 and kind = 'limit.waiting' and data ->> 'caller' = $2 and at > to_timestamp($4::float8 / 1000)
       and (data ->> 'until')::float8 > $3 order by id desc limit 1`,
    [pool, caller, now, now - DAY_MS],
  );
  return rows[0] ?? null;
}
