/** What batches wait for, recorded by their pages: only the page knows which call could not go, and since when. */
import type { Pool } from 'pg';
import { isWaitNews, type WaitCause } from '../../quota/pools/reported-waits';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';

/** `threshold`: the rest of a limit is not for this run. `queue`: the vendor takes no file. */
export type BatchWaitCause = 'limit' | 'threshold' | 'queue' | 'retry';

export interface BatchWait extends WaitCause {
  readonly cause: BatchWaitCause;
  readonly reason: string;
  /** Epoch ms; null when nobody knows. */
  readonly until: number | null;
}

export interface NotedWait extends BatchWait {
  /** Epoch ms. */
  readonly since: number;
}

interface Row {
  readonly cause: BatchWaitCause;
  readonly subject: string;
  readonly since_ms: number | null;
  readonly notified_at: number | null;
  readonly notified_until: number | null;
  readonly now: number;
}

/**
 * A page has found nothing that may go. The same wait as before keeps its beginning.
 * @returns the wait, when it was reported as an event; null when that was done before.
 */
export async function noteWait(
  db: Pool,
  pool: string,
  id: number,
  wait: BatchWait,
): Promise<NotedWait | null> {
  const { cause, subject, reason, until } = wait;
  return inTransaction(db, async (client) => {
    await client.query(
      `insert into batch_waits (batch_id, cause, subject, reason) values ($1, $2, $3, $4) on conflict do nothing`,
      [id, cause, subject, reason],
    );
    const { rows } = await client.query<Row>(
      `select cause, subject, since_ms, notified_at, notified_until, now_ms() as now from batch_waits
       where batch_id = $1 for update`,
      [id],
    );
    const [before] = rows;
    if (before === undefined) return null;
    const { now } = before;
    const isSame = before.cause === cause && before.subject === subject;
    const since = isSame ? (before.since_ms ?? now) : now;
    const reported =
      before.notified_at === null
        ? null
        : { ...before, at: before.notified_at, until: before.notified_until ?? Number.POSITIVE_INFINITY };
    const isNews = isWaitNews(reported, wait, until, now);
    await client.query(
      `update batch_waits set cause = $2, subject = $3, reason = $4, since_ms = $5, until_ms = $6,
         notified_at = case when $7 then now_ms() else notified_at end,
         notified_until = case when $7 then $6 else notified_until end
       where batch_id = $1`,
      [id, cause, subject, reason, since, until, isNews],
    );
    if (!isNews) return null;
    await insertEvent(client, 'batch.waiting', pool, { batch: id, ...wait, since });
    return { ...wait, since };
  });
}

/** Its items go again, or something else stands in their way that says so itself. */
export async function clearWait(db: Pool, id: number): Promise<void> {
  await db.query('update batch_waits set since_ms = null where batch_id = $1 and since_ms is not null', [id]);
}

/** Null while it does not wait. */
export async function readWaitNote(db: Pool, id: number): Promise<NotedWait | null> {
  const { rows } = await db.query<NotedWait>(
    `select cause, subject, reason, since_ms as since, until_ms as until from batch_waits
     where batch_id = $1 and since_ms is not null`,
    [id],
  );
  return rows[0] ?? null;
}
