/** Events for operators: pauses, resumes, refusals, learned limits, alerts. Written where they happen; never secrets. */
import type { Pool } from 'pg';

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
  readonly limit: number;
}

/** The latest events, newest first. */
export async function listEvents(db: Pool, filter: EventFilter): Promise<StoredEvent[]> {
  const { rows } = await db.query<StoredEvent>(
    `select id, at, kind, pool, data from events where $1::text[] is null or pool = any ($1) order by id desc limit $2`,
    [filter.pool === undefined ? null : [filter.pool].flat(), filter.limit],
  );
  return rows;
}
