/** Refusals that may mean one narrow limit or the pool, counted over every process (quota/pools/quota-doubt.ts). */
import type { Pool } from 'pg';
import {
  type NotedRefusal,
  type OwnCount,
  type QuotaScope,
  quotaScope,
  strikeOf,
} from '../../quota/pools/quota-doubt';
import { describeEvidence, type Evidence } from '../../quota/verdict';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';

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
  /** It is not counted, or only watched: it lets nothing through until then all the same. */
  readonly blocks: boolean;
}

/**
 * Notes the refusal, and spends the narrow limit unless the pool is meant.
 * @returns what is meant. Several processes that ask at once are answered one after the other.
 */
export async function judgeDoubt(db: Pool, refusal: DoubtfulRefusal): Promise<QuotaScope> {
  const { pool, limit, wide, departedAt, until, blocks, caller, evidence } = refusal;
  return inTransaction(db, async (client) => {
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 52))', [pool]);
    const { rows: noted } = await client.query<NotedRefusal & { limit: string }>(
      `select limit_key as "limit", strike, noted_at as "notedAt" from quota_doubts where pool = $1 and until_ms > $2`,
      [pool, departedAt],
    );
    const known = noted.find((one) => one.limit === limit);
    const strike = known?.strike ?? strikeOf(noted, departedAt);
    const { rows: counted } = await client.query<OwnCount>(
      'select used, capacity from limit_status where key = $1',
      [wide],
    );
    const scope = quotaScope(strike, counted[0] ?? { used: 0, capacity: 0 });
    if (scope === 'pool') {
      await client.query('delete from quota_doubts where pool = $1', [pool]);
      return scope;
    }
    // Limits before doubts, as whoever moves the clock locks them.
    await client.query('select 1 from limits where key = $1 for update', [limit]);
    await client.query(
      `insert into quota_doubts (pool, limit_key, strike, departed_at, noted_at, until_ms)
       values ($1, $2, $3, $4, now_ms(), $5)
       on conflict (pool, limit_key) do update set strike = excluded.strike,
         departed_at = greatest(quota_doubts.departed_at, excluded.departed_at), until_ms = excluded.until_ms,
         noted_at = case when quota_doubts.until_ms > excluded.departed_at then quota_doubts.noted_at else excluded.noted_at end`,
      [pool, limit, strike, departedAt, until],
    );
    await client.query('select learn_limit($1, null, null, 0, null, $2)', [limit, departedAt]);
    if (blocks) {
      await client.query(
        `update limits set blocked_until = greatest(blocked_until, $2),
           blocked_since = case when blocked_until > now_ms() then blocked_since else now_ms() end,
           blocked_reason = case when blocked_until > $2 then blocked_reason else $3 end where key = $1`,
        [limit, until, describeEvidence(evidence)],
      );
    }
    // Several calls of one device, in flight together, get the same answer.
    if (known !== undefined) return scope;
    const { operation, code, message } = evidence;
    const about = { limit, caller, operation, code, message, until };
    await insertEvent(client, 'limit.spent', pool, about);
    return scope;
  });
}

/** A call that left at `departedAt` was accepted: whatever was refused before it was not for want of the pool's quota. */
export async function settleDoubts(db: Pool, pool: string, departedAt: number): Promise<void> {
  await db.query('delete from quota_doubts where pool = $1 and departed_at <= $2', [pool, departedAt]);
}
