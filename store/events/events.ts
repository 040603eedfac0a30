/** Events as rows (quota/events.ts is the catalogue). Each is written where it happens and never holds a secret. */
import type { Pool } from 'pg';
import type { EventData, StoredEventKind } from '../../quota/events';
import { jsonText } from '../storable';

export interface StoredEvent {
  readonly id: number;
  /** Epoch milliseconds. */
  readonly at: number;
  /** E.g. `pool.quota_paused`. */
  readonly kind: string;
  readonly pool: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventFilter {
  /** Of this pool, or of these, only. */
  readonly pool?: string | readonly string[] | undefined;
  /** Older than this id. */
  readonly before?: number | undefined;
  /** Of these kinds only. */
  readonly kinds?: readonly string[] | undefined;
  readonly limit: number;
}

/** The latest events, newest first. */
export async function listEvents(db: Pool, filter: EventFilter): Promise<StoredEvent[]> {
  const { rows } = await db.query<StoredEvent>(
    `select id, at, kind, pool, data from events
     where ($1::text[] is null or pool = any ($1)) and ($3::bigint is null or id < $3)
       and ($4::text[] is null or kind = any ($4))
     order by id desc limit $2`,
    [
      filter.pool === undefined ? null : [filter.pool].flat(),
      filter.limit,
      filter.before ?? null,
      filter.kinds === undefined || filter.kinds.length === 0 ? null : filter.kinds,
    ],
  );
  return rows;
}

/**
 * Stores one event, in the caller's transaction if there is one.
 * @param pool the key of the pool it is about; null when there is none.
 * @param at epoch ms; default: the database's clock.
 */
export async function insertEvent<Kind extends StoredEventKind>(
  db: Pick<Pool, 'query'>,
  kind: Kind,
  pool: string | null,
  data: EventData<Kind>,
  at?: number,
): Promise<void> {
  await db.query(
    `insert into events (at, kind, pool, data)
     values (coalesce(to_timestamp($1::float8 / 1000), clock_timestamp()), $2, $3, $4)`,
    [at ?? null, kind, pool, jsonText(data)],
  );
}
