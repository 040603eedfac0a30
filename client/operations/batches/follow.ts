/** Follows a batch until every item has ended, reading how far it is from Postgres. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Standstill } from '../../../quota/pools/standstill';
import { type Batch, readBatch } from '../../../store/batches/batches';
import { type BatchCounts, countItems } from '../../../store/batches/items';
import { type BatchPart, openParts } from '../../../store/batches/parts';
import type { Backend } from '../backend/backend';
import { type Patience, throughAbsence } from '../backend/patience';
import { quotaOfBatch } from '../pools/quota';
import { type TextAccount, textAccount } from './batch';
import { readStanding, waitOf } from './wait';

export interface BatchProgress {
  readonly batch: Batch;
  readonly counts: BatchCounts;
  /** Null when nothing holds it. */
  readonly wait: Standstill | null;
  /** The vendor's batches that have not ended. */
  readonly parts: readonly BatchPart[];
  /** Every item has ended, or the batch was cancelled. */
  readonly over: boolean;
}

export interface FollowBatch {
  readonly onProgress: (readProgress: BatchProgress) => void;
  /** Ends the following, not the batch. */
  readonly signal?: AbortSignal;
  /** See Patience. */
  readonly onAway?: Patience['onAway'];
}

/** Counting the items of a large batch takes longer, ms. */
const EVERY_MS = 500;
const EVERY_MS_AN_ITEM = 1 / 20;
const MOST_MS = 2000;

/**
 * Goes on through an absence of Postgres.
 * @returns the last reading; it is not over when the signal ended the following. Null when there is none.
 */
export function followBatch(
  backend: Backend,
  batch: Batch,
  { onProgress, signal, onAway }: FollowBatch,
): Promise<BatchProgress | null> {
  const target = textAccount(backend.settings, batch.kind, batch.account);
  const everyMs = Math.min(MOST_MS, EVERY_MS + batch.items * EVERY_MS_AN_ITEM);
  let last: BatchProgress | null = null;
  const once = async (db: Pool) => {
    for (;;) {
      const seen = await readProgress(db, target, batch);
      last = seen;
      onProgress(seen);
      if (seen.over || signal?.aborted) return seen;
      await delay(everyMs, undefined, signal && { signal }).catch(() => undefined);
    }
  };
  return throughAbsence(() => backend.database(once), { onAway, signal }).then((seen) => seen ?? last);
}

async function readProgress(
  db: Pool,
  { account, api }: TextAccount,
  followed: Batch,
): Promise<BatchProgress> {
  const counts = await countItems(db, followed.id);
  const batch = (await readBatch(db, followed.id)) ?? followed;
  const now = Date.now();
  const [standing, quota, parts] = await Promise.all([
    readStanding(db, account, api, batch, true),
    quotaOfBatch(db, account, api, batch, now),
    openParts(db, batch.id),
  ]);
  const over = counts.done + counts.failed >= batch.items || batch.state === 'cancelled';
  return { batch, counts, wait: waitOf(batch, counts, standing, quota, now), parts, over };
}
