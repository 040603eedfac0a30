/** Refusals that may mean one narrow limit or the pool, as every process counts them (quota/quota-doubt.ts). */
import type { Pool } from 'pg';
import { type QuotaDoubt, type QuotaScope, quotaScope } from '../quota/quota-doubt';
import type { Evidence } from '../quota/verdict';
import { inTransaction } from './db';

export interface DoubtfulRefusal {
  readonly pool: string;
  /** Key of the narrow limit. */
  readonly limit: string;
  /** Key of the limit that the pool's quota is counted by; null when there is none. */
  readonly wide: string | null;
  readonly caller: string;
  readonly evidence: Evidence;
  /** When the refused call left, epoch ms. */
  readonly departedAt: number;
  /** When the narrow limit is whole again, epoch ms. */
  readonly until: number;
  /** Until when it lets nothing through whatever is counted, epoch ms. */
  readonly blockedUntil: number;
}

/**
 * Notes the refusal, and spends the narrow limit unless the pool is meant.
 * @returns what is meant. Several processes that ask at once are answered one after the other.
 */
export async function judgeDoubt(db: Pool, refusal: DoubtfulRefusal): Promise<QuotaScope> {
  const { pool, limit, wide, departedAt, until, blockedUntil, caller, evidence } = refusal;
  return inTransaction(db, async (client) => {
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 52))', [pool]);
    await client.query(
      `insert into quota_doubts as d (pool, limit_key, strike, departed_at, noted_at, until_ms)
       select $1, $2, coalesce(max(strike), 0) + (count(*) = 0 or $3 > max(noted_at))::int4, $3, now_ms(), $4
       from quota_doubts where pool = $1 and until_ms > $3
       on conflict (pool, limit_key) do update set departed_at = greatest(d.departed_at, excluded.departed_at),
         noted_at = excluded.noted_at, until_ms = excluded.until_ms,
         strike = case when d.until_ms > $3 then d.strike else excluded.strike end`,
      [pool, limit, departedAt, until],
    );
    const { rows } = await client.query<QuotaDoubt>(
      `select (select max(strike) from quota_doubts where pool = $1 and until_ms > $3) as "refusedInARow",
              coalesce(l.used, 0) as used, coalesce(l.capacity, 0) as capacity
       from (select) one left join limit_status l on l.key = $2`,
      [pool, wide, departedAt],
    );
    const [doubt] = rows;
    if (doubt === undefined) throw new Error('an aggregate came back without a row');
    const scope = quotaScope(doubt);
    if (scope === 'pool') {
      await client.query('delete from quota_doubts where pool = $1', [pool]);
      return scope;
    }
    await client.query('select learn_limit($1, null, null, 0, null, $2)', [limit, departedAt]);
    await client.query('update limits set blocked_until = greatest(blocked_until, $2) where key = $1', [
      limit,
      blockedUntil,
    ]);
    const { operation, code, message } = evidence;
    await client.query(`insert into events (kind, pool, data) values ('limit.spent', $1, $2)`, [
      pool,
      JSON.stringify({ limit, caller, operation, code, message, until }),
    ]);
    return scope;
  });
}

/** A call that left at `departedAt` was accepted: whatever was refused before it was not for want of the pool's quota. */
export async function settleDoubts(db: Pool, pool: string, departedAt: number): Promise<void> {
  await db.query('delete from quota_doubts where pool = $1 and departed_at <= $2', [pool, departedAt]);
}
