/**
 * Applies a rate refusal ("too fast") for every process: the block on the limit, the event, and the alert when
 * refusals persist. One transaction under the limits' row locks; the database's clock decides.
 */
import type { Pool, PoolClient } from 'pg';
import { afterRefusalAlert, type RateAlertPolicy } from '../../quota/limits/rate-alert';
import { afterRefusal, type RateRefusal } from '../../quota/limits/rate-strikes';
import type { BackoffPolicy } from '../../quota/retry-delay';
import { describeEvidence, type Evidence } from '../../quota/verdict';
import { readClock } from '../clock';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';

export interface RefusedCall extends RateRefusal {
  readonly pool: string;
  /** Keys of the limits to block. */
  readonly limits: readonly string[];
  /** Key of the limit that the vendor named; null when it did not say which. */
  readonly named: string | null;
  readonly caller: string;
  readonly evidence: Evidence;
  /** The waits that escalate over all callers; null: `waitMs` as it is. */
  readonly escalation: BackoffPolicy | null;
  /** The wait of this call by its own attempts, ms. Not used where waits escalate. */
  readonly waitMs: number;
}

export interface RefusalOutcome {
  /** Before the next try, ms from now: where waits escalate, until the last of the limits lets calls through. */
  readonly waitMs: number;
  /** Refusals in a row of the limit that is blocked longest. */
  readonly strikes: number;
  /** Recent refusals, when this was the one that made it an alert; null otherwise. */
  readonly alert: number | null;
}

/** Blocks the limits and records why. @throws what the database throws; then nothing is recorded. */
export async function recordRefusal(
  db: Pool,
  call: RefusedCall,
  alerts: RateAlertPolicy,
): Promise<RefusalOutcome> {
  return inTransaction(db, async (client) => {
    const { waitMs, strikes, now } = await block(client, call);
    const { limits, named, caller, evidence } = call;
    const subject = named ?? call.pool;
    const { operation, code, message, requestId } = evidence;
    await insertEvent(
      client,
      'limit.refused',
      call.pool,
      {
        ...{ subject, limits, caller, operation, code, message, waitMs: Math.round(waitMs), strikes },
        ...(requestId === undefined ? {} : { requestId }),
      },
      now,
    );
    const recent = await alertAfter(client, subject, alerts, now);
    if (recent !== null) {
      const about = { subject, refusals: recent, windowMs: alerts.windowMs, caller, operation, code };
      await insertEvent(client, 'limit.alert', call.pool, about);
    }
    return { waitMs, strikes, alert: recent };
  });
}

async function block(client: PoolClient, call: RefusedCall) {
  const { rows } = await client.query<{
    key: string;
    strikes: number;
    blocked_until: number;
    unblocked_at: number;
  }>(
    `select key, rate_strikes as strikes, blocked_until, unblocked_at from limits where key = any ($1) order by key
     for update`,
    [call.limits],
  );
  // In a statement of its own: the locks may have been waited for.
  const now = await readClock(client);
  let longest = { strikes: 0, blockedUntil: 0 };
  let stands = rows.length === 0;
  for (const { key, strikes, blocked_until: blockedUntil, unblocked_at: unblockedAt } of rows) {
    // It left before a person ended such a block: the next call shows whether it still holds.
    if (call.departedAt < unblockedAt) continue;
    stands = true;
    const before = { strikes, blockedUntil };
    const after =
      call.escalation === null
        ? { strikes, blockedUntil: Math.max(blockedUntil, now + call.waitMs) }
        : afterRefusal(before, call, call.escalation, now);
    await client.query(
      `update limits set rate_strikes = $2, blocked_until = $3,
         blocked_since = case when blocked_until > $5 then blocked_since else $5 end,
         blocked_reason = case when $3 > blocked_until then $4 else blocked_reason end where key = $1`,
      [key, after.strikes, after.blockedUntil, describeEvidence(call.evidence), now],
    );
    if (after.blockedUntil >= longest.blockedUntil) longest = after;
  }
  const escalated = call.escalation !== null && rows.length > 0;
  return {
    waitMs: !stands ? 0 : escalated ? Math.max(0, longest.blockedUntil - now) : call.waitMs,
    strikes: longest.strikes,
    now,
  };
}

/** @returns recent refusals when they are worth an alert now. */
async function alertAfter(
  client: PoolClient,
  subject: string,
  policy: RateAlertPolicy,
  now: number,
): Promise<number | null> {
  // The row first, so that refusals which name no limit are distinguished, too.
  await client.query(
    `insert into rate_episodes (subject, refused_at) values ($1, '-infinity') on conflict do nothing`,
    [subject],
  );
  const { rows } = await client.query<{ refused_at: number; alerted: boolean }>(
    'select refused_at, alerted from rate_episodes where subject = $1 for update',
    [subject],
  );
  const { rows: counted } = await client.query<{ recent: number }>(
    `select count(*)::int4 as recent from events
     where kind = 'limit.refused' and data ->> 'subject' = $1 and at > to_timestamp(($2::float8 - $3::float8) / 1000)`,
    [subject, now, policy.windowMs],
  );
  const recent = counted[0]?.recent ?? 0;
  const before = rows[0] ? { refusedAt: rows[0].refused_at, alerted: rows[0].alerted } : null;
  const { episode, alert } = afterRefusalAlert(before, recent, policy, now);
  await client.query('update rate_episodes set refused_at = $2, alerted = $3 where subject = $1', [
    subject,
    episode.refusedAt,
    episode.alerted,
  ]);
  return alert ? recent : null;
}

/**
 * A call that left at `departedAt` was accepted: the refusals of its limits are no longer in a row. Blocks stay as they
 * are, and so do strikes of a block that began after the call had left.
 */
export async function recordAccepted(db: Pool, limits: readonly string[], departedAt: number): Promise<void> {
  await db.query(
    `with accepted as materialized (
       select id from limits where key = any ($1) and rate_strikes > 0 and blocked_until <= $2 order by key for update)
     update limits l set rate_strikes = 0 from accepted a where l.id = a.id`,
    [limits, departedAt],
  );
}
