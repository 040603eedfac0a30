/** What is known of the vendor's queues of enqueued tokens, one for each model of a pool. */
import type { Pool } from 'pg';
import { DAY_MS } from '../../quota/durations';

/** How long a size that a refusal named is believed: limits are raised, and a refusal costs nothing, ms. */
const LEARNED_FOR_MS = 7 * DAY_MS;

export interface StoredQueue {
  /** Null when no refusal has named it, or only long ago. */
  readonly learned: number | null;
  readonly share: number;
  readonly strikes: number;
  /** Milliseconds until another file may go; 0 when it may. */
  readonly blockedMs: number;
  /** Epoch ms since when none may; null when one may, or nobody has noted it. */
  readonly blockedSince: number | null;
  readonly reason: string;
  /** Tokens of our files that wait, or are about to. */
  readonly enqueued: number;
  /** Milliseconds since the last change of any of them; 0 when there are none. */
  readonly unchangedMs: number;
}

export interface QueueName {
  readonly pool: string;
  readonly model: string;
}

export async function readQueue(db: Pool, { pool, model }: QueueName): Promise<StoredQueue> {
  const { rows } = await db.query<StoredQueue>(
    `select case when q.learned_at > clock_timestamp() - $3::float8 * interval '1 millisecond' then q.learned end as learned,
       coalesce(q.share, 1) as share, coalesce(q.strikes, 0) as strikes, coalesce(q.reason, '') as reason,
       case when q.blocked_until > clock_timestamp()
         then extract(epoch from q.blocked_since)::float8 * 1000 end as "blockedSince",
       greatest(0, coalesce(extract(epoch from q.blocked_until - clock_timestamp())::float8 * 1000, 0)) as "blockedMs",
       (select coalesce(sum(tokens), 0)::bigint from batch_parts
        where pool = $1 and model = $2 and state not in ('ended', 'settled')) as enqueued,
       (select greatest(0, coalesce(min(extract(epoch from clock_timestamp() - changed_at)::float8 * 1000), 0))
        from batch_parts where pool = $1 and model = $2 and state not in ('ended', 'settled')) as "unchangedMs"
     from (select 1) one left join batch_queues q on q.pool = $1 and q.model = $2`,
    [pool, model, LEARNED_FOR_MS],
  );
  const [queue] = rows;
  if (!queue) throw new Error('a query without a row');
  return queue;
}

/** Stores what follows from a refusal or a failure. `limit` null leaves what was learned as it is. */
export async function changeQueue(
  db: Pool,
  { pool, model }: QueueName,
  change: {
    readonly limit: number | null;
    readonly share: number;
    readonly strikes: number;
    readonly blockedMs: number;
    readonly reason: string;
  },
): Promise<void> {
  await db.query(
    `insert into batch_queues as q (pool, model, learned, learned_at, share, strikes, blocked_until, blocked_since, reason)
     values ($1, $2, $3, case when $3::bigint is not null then clock_timestamp() end, $4, $5,
             clock_timestamp() + $6::float8 * interval '1 millisecond', clock_timestamp(), $7)
     on conflict (pool, model) do update set
       learned = coalesce(excluded.learned, q.learned), learned_at = coalesce(excluded.learned_at, q.learned_at),
       share = excluded.share, strikes = excluded.strikes, blocked_until = excluded.blocked_until,
       blocked_since = case when q.blocked_until > clock_timestamp() then q.blocked_since else excluded.blocked_since end,
       reason = excluded.reason`,
    [pool, model, change.limit, change.share, change.strikes, change.blockedMs, change.reason],
  );
}

/** A file of ours was let in. */
export async function queueAccepted(db: Pool, { pool, model }: QueueName, share: number): Promise<void> {
  await db.query(
    `update batch_queues set share = $3, strikes = 0, blocked_until = null, reason = ''
     where pool = $1 and model = $2 and (strikes > 0 or share < 1)`,
    [pool, model, share],
  );
}

/** A file of ours has ended and left room: whoever waits may try again. */
export async function queueHasRoom(db: Pool, { pool, model }: QueueName): Promise<void> {
  await db.query('update batch_queues set blocked_until = null where pool = $1 and model = $2', [
    pool,
    model,
  ]);
}
