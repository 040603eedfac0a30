/** What happens to batches, as rows that `sluice events` shows: few, each worth a look. Logs hold the rest. */
import type { Pool } from 'pg';
import { inTransaction } from './db';

export type BatchEventKind =
  /** The number of calls in flight turned from up to down or back. */
  | 'batch.concurrency'
  /** Items went to the retry queue: how many, why, and when the next one is due. */
  | 'batch.retry_queue'
  /** What the vendor had answered in a file is lost: the items are asked, and paid, for again. */
  | 'batch.results_gone'
  /** A vendor's batch is late, or in a state that nobody knows: it is looked at on. */
  | 'batch.stalled';

/** @param data holds the batch's id and what there is to know; never secrets. */
export async function recordBatchEvent(
  db: Pool,
  pool: string,
  kind: BatchEventKind,
  data: { readonly batch: number } & Readonly<Record<string, unknown>>,
): Promise<void> {
  await db.query('insert into events (kind, pool, data) values ($1, $2, $3)', [
    kind,
    pool,
    JSON.stringify(data),
  ]);
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
  /** Epoch ms at which the batch looks again. */
  readonly until: number;
  readonly reason: string;
}

/** @returns true for the first one to tell of this limit and window. */
export async function recordThresholdReached(db: Pool, reached: ThresholdReached): Promise<boolean> {
  const { pool, ...data } = reached;
  return afterLast(db, pool, reached.batch, THRESHOLDS, async (insert, last) => {
    const told =
      last?.kind === 'quota.threshold_reached' &&
      last.data.limit === reached.limit &&
      last.data.window === reached.window;
    if (!told) await insert('quota.threshold_reached', data);
    return !told;
  });
}

/** The batch calls again. @returns true when it had paused at a threshold and nobody has told of its end. */
export async function recordThresholdLeft(db: Pool, pool: string, batch: number): Promise<boolean> {
  return afterLast(db, pool, batch, THRESHOLDS, async (insert, last) => {
    if (last?.kind !== 'quota.threshold_reached') return false;
    await insert('quota.threshold_left', { batch, limit: last.data.limit, reason: 'calls go again' });
    return true;
  });
}

/**
 * The first page of a batch begins. @returns false when that has been told before.
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

/** Every item has ended. @returns false when that has been told, and nobody has asked for failed ones since. */
export async function recordFinished(db: Pool, pool: string, finished: Finished): Promise<boolean> {
  return afterLast(db, pool, finished.batch, RUNS, async (insert, last) => {
    const told = last?.kind === 'batch.finished';
    if (!told) await insert('batch.finished', finished);
    return !told;
  });
}

const THRESHOLDS = ['quota.threshold_reached', 'quota.threshold_left'];
const RUNS = ['batch.started', 'batch.retried', 'batch.finished'];

interface Last {
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Hands over the last event of these kinds about this batch, under a lock: two pages tell one story. */
async function afterLast<T>(
  db: Pool,
  pool: string,
  batch: number,
  kinds: readonly string[],
  work: (insert: (kind: string, data: object) => Promise<unknown>, last: Last | undefined) => Promise<T>,
): Promise<T> {
  return inTransaction(db, async (client) => {
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 44))', [`${pool} ${batch}`]);
    const { rows } = await client.query<Last>(
      `select kind, data from events
       where pool = $1 and kind = any ($3) and data -> 'batch' = $2::jsonb order by id desc limit 1`,
      [pool, JSON.stringify(batch), kinds],
    );
    const insert = (kind: string, data: object) =>
      client.query('insert into events (kind, pool, data) values ($1, $2, $3)', [
        kind,
        pool,
        JSON.stringify(data),
      ]);
    return work(insert, rows[0]);
  });
}
