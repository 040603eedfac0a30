/**
 * Detects that a batch's items fail for one common cause instead of each for its own (decided in
 * quota/batches/alike.ts). Items that failed by the common cause go back to the queue, so that none is used up by a
 * fault that it did not cause.
 */
import type { Pool } from 'pg';
import { type AlikeCause, type AlikeKey, AlikeRow, causeOf } from '../../quota/batches/alike';
import { type KnownTally, type PutBack, putBack, readTally } from '../../store/batches/alike';
import type { Batch } from '../../store/batches/batches';

export interface WatchedItem {
  readonly seq: number;
  readonly putBack: PutBack | null;
}

/** What an item's evidence holds besides the vendor's answer. */
export interface AlikeMark {
  readonly alike: AlikeKey;
  readonly at: number;
  readonly putBack?: number;
  /** The account has answered others since: it is this item. */
  readonly own?: true;
}

/** An item that was put back this often keeps its next answer. */
const MOST_PUT_BACK = 2;

export class AlikeWatch {
  private readonly row: AlikeRow;
  private lastUsableAt: number;
  private stopped: AlikeKey | null = null;

  private constructor(
    private readonly db: Pool,
    private readonly batchId: number,
    tally: KnownTally,
  ) {
    this.row = new AlikeRow(tally);
    this.lastUsableAt = tally.lastUsableAt ?? 0;
  }

  static async of(db: Pool, batch: Pick<Batch, 'id' | 'changedAt'>): Promise<AlikeWatch> {
    return new AlikeWatch(db, batch.id, await readTally(db, batch.id, batch.changedAt));
  }

  usable(): void {
    this.lastUsableAt = Date.now();
    this.row.usable();
  }

  mark({ putBack: before }: WatchedItem, alike: AlikeKey): AlikeMark {
    return markOf(before, alike, this.lastUsableAt, Date.now());
  }

  /**
   * Called for each item whose outcome is stored with its mark.
   * @returns how many items in a row say that it is none of theirs; they have been put back. 0: more of a row that has
   * been counted. Null: as far as is known, the item itself is at fault.
   */
  async judge({ seq }: WatchedItem, { alike, own }: AlikeMark): Promise<number | null> {
    if (this.stopped === alike) {
      await putBack(this.db, this.batchId, [seq]);
      return 0;
    }
    if (own) return null;
    const row = this.row.add(alike, seq);
    if (row === null) return null;
    this.stopped = alike;
    await putBack(this.db, this.batchId, row);
    return row.length;
  }
}

/** @param lastUsableAt epoch ms of the last usable answer; 0 when there was none, or it is not known. */
export function markOf(
  before: PutBack | null,
  alike: AlikeKey,
  lastUsableAt: number,
  now: number,
): AlikeMark {
  const times = before?.alike === alike ? before.times : 0;
  const isOwn = times > 0 && (times >= MOST_PUT_BACK || lastUsableAt > (before?.at ?? 0));
  return { alike, at: now, ...(times > 0 ? { putBack: times } : {}), ...(isOwn ? { own: true } : {}) };
}

const ADVICE: Readonly<Record<AlikeCause, string>> = {
  blocked: 'clear it with the vendor, then resume',
  gone: 'check baseUrl and the model, then resume',
  quota: 'the vendor has no room for them',
  request: 'change what all requests share, or skip the items, then resume',
  declined: 'change the prompt, then resume',
  incomplete: 'allow more output (--max-output-tokens) or ask for less, then resume',
  empty: 'check the model and the prompt, then resume',
  shape: 'the server does not speak the Responses API: check baseUrl, then resume',
  stream: 'the server only streams: check baseUrl or the gateway, then resume',
  page: 'something before the server answers in its place: check baseUrl, then resume',
  timeout: 'raise timeoutSeconds or ask for less, then resume',
};

/** For the batch's reason. @param answer the answer of the last of them, for people. */
export function alikeReason(key: AlikeKey, items: number, answer: string): string {
  return `${items} items in a row were answered alike, and none can be used: ${answer}; ${ADVICE[causeOf(key)]}`;
}
