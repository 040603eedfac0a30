/** Kinds of calls that are stopped on their own, shared by every process (quota/pools/narrow-refusal.ts). */
import type { Pool, PoolClient } from 'pg';
import {
  type CallKind,
  isNews,
  isSameKind,
  type KindRecord,
  kindWaitMs,
  type Refusal,
  reachOf,
  standBackMs,
} from '../../quota/pools/narrow-refusal';
import type { PoolPolicy } from '../../quota/pools/state';
import type { Evidence } from '../../quota/verdict';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';
import { jsonText } from '../storable';

/** A kind that waits, for people and for whoever wants to call. */
export interface KindStop extends CallKind {
  readonly since: number;
  readonly until: number;
  readonly refusedFor: KindRecord['refusedFor'];
  readonly reason: string;
  readonly strikes: number;
  readonly hint: string | null;
  readonly evidence: Evidence | null;
}

const STOP = `operation, subject, part, since_ms as since, until_ms as until, refused_for as "refusedFor", reason, strikes,
  hint, evidence`;

/** What keeps this kind of call from leaving now, for itself or for all of its parts; null when nothing does. */
export async function readKindStop(db: Pool, pool: string, kind: CallKind): Promise<KindStop | null> {
  const { rows } = await db.query<KindStop>(
    `select ${STOP} from call_kinds where pool = $1 and operation = $2 and subject = $3 and part in ('', $4)
       and until_ms > now_ms() order by until_ms desc limit 1`,
    [pool, kind.operation, kind.subject, kind.part],
  );
  return rows[0] ?? null;
}

/** All kinds of a pool that are stopped for themselves; the longest wait last. */
export async function listKindStops(db: Pool, pool: string): Promise<KindStop[]> {
  const { rows } = await db.query<KindStop>(
    `select ${STOP} from call_kinds where pool = $1 and until_ms > now_ms() order by until_ms`,
    [pool],
  );
  return rows;
}

/** Whether a refusal of this kind stands, its time over or not. */
export async function isKindRefused(db: Pool, pool: string, kind: CallKind): Promise<boolean> {
  const { rowCount } = await db.query(
    'select 1 from call_kinds where pool = $1 and operation = $2 and subject = $3 and part = $4 and refused_at > 0',
    [pool, kind.operation, kind.subject, kind.part],
  );
  return rowCount !== 0;
}

/** A call of this kind was accepted, for its part and for the whole. @returns whether this has ended a stop. */
export async function recordKindAccepted(
  db: Pool,
  pool: string,
  { operation, subject, part }: CallKind,
  departedAt: number,
): Promise<boolean> {
  const { rows } = await db.query<{ ended: boolean }>(
    `with before as (
       select part, refused_at, until_ms from call_kinds
       where pool = $1 and operation = $2 and subject = $3 and part in ('', $5)
     ), now_known as (
       insert into call_kinds as k (pool, operation, subject, part, accepted_at)
       select distinct $1, $2, $3, part, $4::float8 from unnest(array['', $5]) as part order by part
       on conflict (pool, operation, subject, part) do update set
         accepted_at = greatest(k.accepted_at, excluded.accepted_at),
         refused_at = case when k.refused_at < excluded.accepted_at then 0 else k.refused_at end,
         strikes = case when k.refused_at < excluded.accepted_at then 0 else k.strikes end,
         until_ms = case when k.refused_at < excluded.accepted_at then 0 else k.until_ms end,
         refused_for = case when k.refused_at < excluded.accepted_at then null else k.refused_for end,
         reason = case when k.refused_at < excluded.accepted_at then '' else k.reason end,
         hint = case when k.refused_at < excluded.accepted_at then null else k.hint end
       returning part, refused_at
     )
     select coalesce(bool_or(b.refused_at > 0 and b.until_ms > 0 and n.refused_at = 0), false) as ended
     from now_known n join before b using (part)`,
    [pool, operation, subject, departedAt, part],
  );
  return rows[0]?.ended ?? false;
}

export interface KindRefusal extends Refusal {
  readonly pool: string;
  readonly policy: PoolPolicy;
  readonly statedWaitMs: number | null;
  readonly jitter: number;
  readonly reason: string;
  readonly evidence: Evidence;
  /** The hint once refusals in a row are as many as the policy says. */
  readonly hint: string;
}

/**
 * Notes a refusal and decides whom it stops. Several processes that ask at once are answered one after the other.
 * @returns the kind's stop; null when the pool is meant.
 */
export async function judgeRefusal(db: Pool, refusal: KindRefusal): Promise<KindStop | null> {
  const { pool, operation, subject, part, departedAt, policy } = refusal;
  return inTransaction(db, async (client) => {
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 53))', [pool]);
    const { rows } = await client.query<KindRecord & { since: number; now: number }>(
      `select operation, subject, part, accepted_at as "acceptedAt", refused_at as "refusedAt", refused_for as "refusedFor",
              strikes, since_ms as since, until_ms as until, now_ms() as now from call_kinds where pool = $1
       union all select '', '', '', 0, 0, null, 0, 0, 0, now_ms()`,
      [pool],
    );
    const now = rows[0]?.now ?? Date.now();
    const records = rows.filter((row) => row.operation !== '');
    const known = records.find((one) => isSameKind(one, refusal));
    const news = isNews(known, departedAt);
    if (reachOf(records, refusal, now) === 'pool') {
      await note(client, refusal, {
        strikes: known?.strikes ?? 0,
        until: known?.until ?? 0,
        since: now,
        hint: null,
      });
      return null;
    }
    const before = known?.strikes ?? 0;
    const lastWaitMs =
      known !== undefined && known.refusedAt > 0 ? Math.max(0, known.until - known.refusedAt) : 0;
    const wait = kindWaitMs(policy, { ...refusal, strikes: before, lastWaitMs });
    const strikes = news ? wait.strikes : before;
    const until = news ? now + wait.waitMs : Math.max(known?.until ?? 0, now + (refusal.statedWaitMs ?? 0));
    const since = known !== undefined && known.refusedAt > 0 ? known.since : now;
    const hint = strikes >= policy.hintAfterStrikes ? refusal.hint : null;
    await note(client, refusal, { strikes, until, since, hint });
    const { of, reason, evidence } = refusal;
    if (news) {
      const { caller, code, message } = evidence;
      const about = {
        operation,
        subject,
        part,
        caller: caller ?? '',
        code,
        message,
        since,
        until,
        strikes,
        hint,
        evidence,
      };
      await insertEvent(client, 'calls.stopped', pool, about);
    }
    return { operation, subject, part, since, until, refusedFor: of, reason, strikes, hint, evidence };
  });
}

async function note(
  client: PoolClient,
  { pool, operation, subject, part, of, reason, evidence }: KindRefusal,
  { strikes, until, since, hint }: Pick<KindStop, 'strikes' | 'until' | 'since' | 'hint'>,
): Promise<void> {
  await client.query(
    `insert into call_kinds (pool, operation, subject, refused_at, refused_for, strikes, since_ms, until_ms, reason, hint,
                             evidence, part)
     values ($1, $2, $3, now_ms(), $4, $5, $6, $7, $8, $9, $10, $11)
     on conflict (pool, operation, subject, part) do update set refused_at = excluded.refused_at,
       refused_for = excluded.refused_for, strikes = excluded.strikes, since_ms = excluded.since_ms,
       until_ms = excluded.until_ms, reason = excluded.reason, hint = excluded.hint, evidence = excluded.evidence`,
    [pool, operation, subject, of, strikes, since, until, reason, hint, jsonText(evidence), part],
  );
}

/** After the pool was closed by a refusal of this kind: it waits a little longer than the pool, if there are others. */
export async function standBack(db: Pool, pool: string, kind: CallKind, poolUntil: number): Promise<void> {
  await db.query(
    `update call_kinds set until_ms = greatest(until_ms, $4) where pool = $1 and operation = $2 and subject = $3
       and part = $5`,
    [pool, kind.operation, kind.subject, poolUntil + standBackMs(poolUntil - Date.now()), kind.part],
  );
}

/** An operator vouches for the account: every kind may be tried at once. @returns those that were refused. */
export async function clearKindStops(
  db: Pick<Pool, 'query'>,
  pool: string,
): Promise<readonly (CallKind & Pick<KindRecord, 'refusedFor'>)[]> {
  const { rows } = await db.query<CallKind & Pick<KindRecord, 'refusedFor'>>(
    `update call_kinds k set until_ms = 0, refused_at = 0, refused_for = null, strikes = 0, reason = '', hint = null
     from (select * from call_kinds where pool = $1 and (until_ms > 0 or refused_at > 0)
           order by pool, operation, subject, part for update) before
     where (k.pool, k.operation, k.subject, k.part) = (before.pool, before.operation, before.subject, before.part)
     returning before.operation, before.subject, before.part, before.refused_for as "refusedFor"`,
    [pool],
  );
  return rows;
}
