/**
 * Events of batches, as rows that `sluice events` shows: few, each worth an operator's attention. Logs hold the rest.
 */
import type { Pool } from 'pg';
import type { EventData, StoredEventKind } from '../../quota/events';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';
import { jsonText } from '../storable';

/** What a change of a batch's state is called. */
export function batchEventOf(
  state: 'running' | 'paused' | 'cancelled',
): 'batch.paused' | 'batch.resumed' | 'batch.cancelled' {
  return state === 'running' ? 'batch.resumed' : `batch.${state}`;
}

/** A batch that pauses because so much of a quota is used that the rest is not for it. */
export interface ThresholdReached {
  readonly pool: string;
  readonly batch: number;
  /** Key of the limit. */
  readonly limit: string;
  readonly used: number;
  readonly capacity: number;
  /** Epoch ms at which the window ends; null when it is not known. */
  readonly window: number | null;
  /** Epoch ms at which the batch checks again. */
  readonly until: number;
  readonly reason: string;
}

/** @returns true for the first one to report this limit and window. */
export async function recordThresholdReached(db: Pool, reached: ThresholdReached): Promise<boolean> {
  const { pool, ...data } = reached;
  return afterLast(db, pool, reached.batch, THRESHOLDS, async (insert, last) => {
    const reported =
      last?.kind === 'quota.threshold_reached' &&
      last.data.limit === reached.limit &&
      last.data.window === reached.window;
    if (!reported) await insert('quota.threshold_reached', data);
    return !reported;
  });
}

/** The batch calls again. @returns true when it had paused at a threshold and the end was not reported yet. */
export async function recordThresholdLeft(db: Pool, pool: string, batch: number): Promise<boolean> {
  return afterLast(db, pool, batch, THRESHOLDS, async (insert, last) => {
    if (last?.kind !== 'quota.threshold_reached') return false;
    await insert('quota.threshold_left', { batch, limit: last.data.limit, reason: 'calls go again' });
    return true;
  });
}

/**
 * The first page of a batch begins. @returns false when that has been reported before.
 */
export async function recordStarted(
  db: Pool,
  pool: string,
  started: { readonly batch: number; readonly items: number; readonly reason: string },
): Promise<boolean> {
  return afterLast(db, pool, started.batch, ['batch.started'], async (insert, last) => {
    if (last === undefined) await insert('batch.started', started);
    return last === undefined;
  });
}

export interface Finished {
  readonly batch: number;
  readonly items: number;
  readonly done: number;
  readonly failed: number;
  readonly reason: string;
}

/** Every item has ended. @returns false when that has been reported, and failed ones were not retried since. */
export async function recordFinished(db: Pool, pool: string, finished: Finished): Promise<boolean> {
  return afterLast(db, pool, finished.batch, RUNS, async (insert, last) => {
    const reported = last?.kind === 'batch.finished';
    if (!reported) await insert('batch.finished', finished);
    return !reported;
  });
}

const THRESHOLDS: readonly StoredEventKind[] = ['quota.threshold_reached', 'quota.threshold_left'];
const RUNS: readonly StoredEventKind[] = ['batch.started', 'batch.retried', 'batch.finished'];

type Insert = <Kind extends StoredEventKind>(kind: Kind, data: EventData<Kind>) => Promise<void>;

interface Last {
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Hands over the last event of these kinds about this batch, under a lock, so that two pages do not both report. */
async function afterLast<T>(
  db: Pool,
  pool: string,
  batch: number,
  kinds: readonly StoredEventKind[],
  work: (insert: Insert, last: Last | undefined) => Promise<T>,
): Promise<T> {
  return inTransaction(db, async (client) => {
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 44))', [`${pool} ${batch}`]);
    const { rows } = await client.query<Last>(
      `select kind, data from events
       where pool = $1 and kind = any ($3) and data -> 'batch' = $2::jsonb order by id desc limit 1`,
      [pool, jsonText(batch), kinds],
    );
    return work((kind, data) => insertEvent(client, kind, pool, data), rows[0]);
  });
}
