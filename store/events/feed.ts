/**
 * Events in the order of their ids, none left out. Ids are drawn before their transactions commit, so a lower one may
 * become visible after a higher one. An id is *settled* once everything up to it is committed or has failed for good:
 * when each transaction that was writing events while the id was drawn has ended, which its lock on the table shows.
 */
import type { Pool } from 'pg';
import type { StoredEvent } from './events';

export interface Horizon {
  /** Everything up to this id is settled; null: nothing is known yet. */
  readonly settled: number | null;
  /** Settled, too, when none of these transactions is left. */
  readonly next: { readonly upTo: number; readonly writers: readonly string[] } | null;
}

export const NO_HORIZON: Horizon = { settled: null, next: null };

/** Checks again. The order of its steps matters: first the last id drawn, then who writes. */
export async function advance(db: Pool, { settled, next }: Horizon): Promise<Horizon> {
  const { rows: drawn } = await db.query<{ last: number }>(
    'select case when is_called then last_value else 0 end as last from events_id_seq',
  );
  const last = drawn[0]?.last ?? 0;
  if (settled !== null && last <= settled) return { settled, next: null };
  const { rows } = await db.query<{ writer: string }>(
    `select distinct virtualtransaction as writer from pg_locks
     where locktype = 'relation' and relation = 'events'::regclass and mode = 'RowExclusiveLock' and granted
       and database = (select oid from pg_database where datname = current_database())`,
  );
  const writers = rows.map(({ writer }) => writer);
  if (writers.length === 0) return { settled: last, next: null };
  if (next === null) return { settled, next: { upTo: last, writers } };
  if (next.writers.some((writer) => writers.includes(writer))) return { settled, next };
  return { settled: next.upTo, next: { upTo: last, writers } };
}

/** What is known of the event that a listener names as its last. */
export interface Known {
  /** Epoch ms; null: it is not there (any more). */
  readonly at: number | null;
  /** It would be later than any that there is: of another database, or of one that was set back. */
  readonly ahead: boolean;
  /** The first event after it; null: there is none. */
  readonly next: number | null;
}

export async function findEvent(db: Pool, id: number): Promise<Known> {
  const { rows } = await db.query<Known>(
    `select (select extract(epoch from at)::float8 * 1000 from events where id = $1) as at,
            $1 > (select case when is_called then last_value else 0 end from events_id_seq) as ahead,
            (select min(id) from events where id > $1) as next`,
    [id],
  );
  return rows[0] ?? { at: null, ahead: false, next: null };
}

export interface FeedPage {
  readonly after: number;
  readonly upTo: number;
  readonly limit: number;
}

/** By id, ascending. */
export async function readFeed(db: Pool, { after, upTo, limit }: FeedPage): Promise<StoredEvent[]> {
  const { rows } = await db.query<StoredEvent>(
    'select id, at, kind, pool, data from events where id > $1 and id <= $2 order by id limit $3',
    [after, upTo, limit],
  );
  return rows;
}
