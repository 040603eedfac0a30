/**
 * Detects that a batch's items fail for one common cause instead of each for its own (decided in
 * quota/batches/alike.ts). Items that failed by the common cause go back to the queue, so that none is used up by a
 * fault that it did not cause.
 */
import type { Pool } from 'pg';
import {
  type AlikeCause,
  type AlikeKey,
  AlikeRow,
  alikeOf,
  causeOf,
  isOwn,
  MOST_PUT_BACK,
  type PutBack,
} from '../../quota/batches/alike';
import type { Verdict } from '../../quota/verdict';
import { type KnownTally, putBack, readTally } from '../../store/batches/alike';
import type { Batch } from '../../store/batches/batches';
import { readPool } from '../../store/pools/pools';

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

/** After a resume the probe is left to items that were not refused, another batch's too, for so long. */
const STAND_BACK_MS = 2000;

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
   * What the account's pool says about an item that was put back: when others were last known to be accepted, epoch ms,
   * and how long it leaves the probe to others, ms.
   */
  async standing(
    { putBack: before }: WatchedItem,
    pool: string,
  ): Promise<{ acceptedAt: number; waitMs: number }> {
    const state = before && (await readPool(this.db, pool))?.state;
    if (!state) return { acceptedAt: 0, waitMs: 0 };
    const waitMs = state.state === 'half_open' ? Math.max(0, state.since + STAND_BACK_MS - Date.now()) : 0;
    return { acceptedAt: state.state === 'closed' ? state.since : 0, waitMs };
  }

  /**
   * Whether a refusal in the words for what concerns all is this item's alone: the others are accepted.
   * @param acceptedAt when anything of the account was last known to be accepted, epoch ms; 0 for never.
   */
  isItsOwn({ putBack: before }: WatchedItem, verdict: Verdict, acceptedAt: number): boolean {
    const key = alikeOf(verdict);
    if (key === null || causeOf(key) !== 'access') return false;
    return this.row.seen(key) > 0 || isOwn(before, key, Math.max(this.lastUsableAt, acceptedAt));
  }

  /** All are refused so after all: the items that have just failed alike are put back. */
  async ofAll(verdict: Verdict): Promise<void> {
    const key = alikeOf(verdict);
    if (key === null) return;
    this.stopped = key;
    const row = this.row.takeBack(key);
    if (row.length > 0) await putBack(this.db, this.batchId, row);
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
  // Where access is refused, several in a row speak of all, whatever was accepted before; an operator is asked once more.
  const own = isOwn(before, alike, lastUsableAt) && (causeOf(alike) !== 'access' || times >= MOST_PUT_BACK);
  return { alike, at: now, ...(times > 0 ? { putBack: times } : {}), ...(own ? { own: true } : {}) };
}

const ADVICE: Readonly<Record<AlikeCause, string>> = {
  blocked: 'clear it with the vendor, then resume',
  gone: 'check baseUrl and the model, then resume',
  quota: 'the vendor has no room for them',
  access: 'check the credentials and the model, then resume',
  request: 'change what all requests share, or skip the items, then resume',
  declined: 'change the prompt, then resume',
  incomplete: 'allow more output (--max-output-tokens) or ask for less, then resume',
  empty: 'check the model and the prompt, then resume',
  shape: 'the server does not speak the Responses API: check baseUrl, then resume',
  stream: 'the server only streams: check baseUrl or the gateway, then resume',
  page: 'something before the server answers in its place: check baseUrl, then resume',
  timeout: 'raise timeoutSeconds or ask for less, then resume',
  failure: 'wait until the vendor is well again, then resume',
};

/** For the batch's reason. @param answer the answer of the last of them, for people. */
export function alikeReason(key: AlikeKey, items: number, answer: string): string {
  return `${items} items in a row were answered alike, and none can be used: ${answer}; ${ADVICE[causeOf(key)]}`;
}
