/**
 * Streams: which process holds an account's connection, and since when no change has been missed. A lease is short and
 * renewed; its holder gives the connection up when it cannot renew it. The database's clock decides.
 */
import type { Pool } from 'pg';
import type { Continuity } from '../../quota/streams/continuity';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';

export type StreamState = 'waiting' | 'connected' | 'silent';

/** Times are epoch ms. */
export interface StreamStanding {
  readonly account: string;
  readonly state: StreamState;
  /** Why it is not connected, or was not last. */
  readonly reason: string;
  readonly connectedAt: number | null;
  readonly continuousSince: number | null;
  readonly messageAt: number | null;
  readonly messages: number;
  /** When the next try to connect is due; null while none is waited for. */
  readonly retryAt: number | null;
  /** False: no process holds it now. */
  readonly held: boolean;
}

/** A stream whose lease is had, as it was left. */
export interface ClaimedStream extends Continuity {
  /** By the database's clock, epoch ms. */
  readonly now: number;
  /** Since when no message has come, ms; null when none ever has. */
  readonly quietMs: number | null;
  /** Its silence has been reported. */
  readonly silent: boolean;
}

/** Takes the lease, if nobody has it. @returns null otherwise. */
export async function claimStream(
  db: Pool,
  account: string,
  owner: string,
  leaseMs: number,
): Promise<ClaimedStream | null> {
  const { rows } = await db.query<ClaimedStream>(
    `insert into streams as s (account, lease_owner, lease_until)
     values ($1, $2, clock_timestamp() + $3::float8 * interval '1 ms')
     on conflict (account) do update set lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
       where s.lease_until is null or s.lease_until <= clock_timestamp() or s.lease_owner = excluded.lease_owner
     returning continuous_since as since, alive_at as "aliveAt", now_ms() as now,
       coalesce(reported_trouble = 'silent', false) as silent,
       floor(extract(epoch from clock_timestamp() - message_at) * 1000)::float8 as "quietMs"`,
    [account, owner, leaseMs],
  );
  return rows[0] ?? null;
}

/** @returns false when it was lost. */
export async function renewStream(
  db: Pool,
  account: string,
  owner: string,
  leaseMs: number,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `update streams set lease_until = clock_timestamp() + $3::float8 * interval '1 ms'
     where account = $1 and lease_owner = $2`,
    [account, owner, leaseMs],
  );
  return rowCount === 1;
}

export async function releaseStream(db: Pool, account: string, owner: string): Promise<void> {
  await db.query(
    `update streams set lease_owner = null, lease_until = null, state = 'waiting', retry_at = null
     where account = $1 and lease_owner = $2`,
    [account, owner],
  );
}

/** A connection is made. @param since when no change will have been missed, epoch ms; null: from now on. */
export async function noteConnected(db: Pool, account: string, since: number | null): Promise<number> {
  const { rows } = await db.query<{ since: number }>(
    `update streams set state = 'connected', reason = '', retry_at = null, connected_at = clock_timestamp(), alive_at = clock_timestamp(),
       continuous_since = coalesce(to_timestamp($2::float8 / 1000), clock_timestamp())
     where account = $1 returning continuous_since as since`,
    [account, since],
  );
  return rows[0]?.since ?? Date.now();
}

/** Changes may have been missed up to now. @returns since when none will have been, epoch ms. */
export async function noteGap(db: Pool, account: string): Promise<number> {
  const { rows } = await db.query<{ since: number }>(
    `update streams set alive_at = clock_timestamp(), continuous_since = clock_timestamp() where account = $1
     returning continuous_since as since`,
    [account],
  );
  return rows[0]?.since ?? Date.now();
}

/** The connection stands; `messages` have come since the last time. */
export async function noteAlive(db: Pool, account: string, messages: number): Promise<void> {
  await db.query(
    `update streams set alive_at = clock_timestamp(), messages = messages + $2,
       message_at = case when $2 > 0 then clock_timestamp() else message_at end where account = $1`,
    [account, messages],
  );
}

/**
 * Something keeps the stream from working, or nothing does any more (`reason` empty). The event is written once for each kind of
 * trouble. @returns true when it was.
 */
export async function noteStreamTrouble(
  db: Pool,
  account: string,
  pool: string,
  trouble: {
    readonly state: StreamState;
    readonly kind: 'lost' | 'refused' | 'silent' | null;
    readonly reason: string;
    /** Until the next try to connect, ms; null where none is waited for. */
    readonly retryMs: number | null;
  },
): Promise<boolean> {
  return inTransaction(db, async (client) => {
    const { rows } = await client.query<{ reported_trouble: string | null }>(
      'select reported_trouble from streams where account = $1 for update',
      [account],
    );
    const reported = rows[0]?.reported_trouble ?? null;
    await client.query(
      `update streams set state = $2, reason = $3, reported_trouble = $4,
         retry_at = clock_timestamp() + $5::float8 * interval '1 ms' where account = $1`,
      [account, trouble.state, trouble.reason, trouble.kind, trouble.retryMs],
    );
    if (reported === trouble.kind) return false;
    const about = { account, reason: trouble.reason };
    if (trouble.kind === null) await insertEvent(client, 'stream.back', pool, { account });
    else await insertEvent(client, `stream.${trouble.kind}`, pool, about);
    return true;
  });
}

/** A message was about a vehicle that the account's list does not name: an event, once a day. @returns whether it was news. */
export async function noteUnlisted(
  db: Pool,
  account: string,
  pool: string,
  vehicle: string,
): Promise<boolean> {
  return inTransaction(db, async (client) => {
    const { rowCount } = await client.query(
      `select from events where kind = 'stream.unlisted' and pool = $1 and data ->> 'vehicle' = $2
         and at > clock_timestamp() - interval '1 day' limit 1`,
      [pool, vehicle],
    );
    if (rowCount !== 0) return false;
    await insertEvent(client, 'stream.unlisted', pool, { account, vehicle });
    return true;
  });
}

export async function listStreams(db: Pool): Promise<readonly StreamStanding[]> {
  const { rows } = await db.query<StreamStanding>(
    `select account, state, reason, connected_at as "connectedAt", continuous_since as "continuousSince",
       message_at as "messageAt", messages, retry_at as "retryAt",
       coalesce(lease_until > clock_timestamp(), false) as held
     from streams order by account`,
  );
  return rows;
}
