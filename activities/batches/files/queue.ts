/** The vendor's queue of enqueued tokens for a batch's model: how many more it takes, as far as refusals have shown. */
import {
  afterAcceptance,
  afterRefusal,
  type BatchQueue,
  pollDelayMs,
  roomIn,
} from '../../../quota/batches/queue';
import {
  changeQueue,
  queueAccepted,
  queueHasRoom,
  readQueue,
  type StoredQueue,
} from '../../../store/batches/queues';
import { logEvent } from '../../log/emit';
import type { BatchApiContext, BatchApiDeps } from './types';

export interface QueueRoom {
  /** Tokens that a new file may hold; 0 when it has to wait. */
  readonly tokens: number;
  /** Tokens that the queue ever holds; Infinity when unknown. */
  readonly most: number;
  /** Without room: when to check again, ms from now. */
  readonly waitMs: number;
  readonly reason: string;
}

export class QueueDesk {
  constructor(
    private readonly deps: Pick<BatchApiDeps, 'db' | 'log'>,
    private readonly context: BatchApiContext,
  ) {}

  async room(): Promise<QueueRoom> {
    const stored = await readQueue(this.deps.db, this.name);
    const queue = this.queueOf(stored);
    const most = queue.limit ?? Number.POSITIVE_INFINITY;
    if (stored.blockedMs > 0) {
      return { tokens: 0, most, waitMs: stored.blockedMs, reason: stored.reason };
    }
    const reason = `${stored.enqueued} tokens wait in the queue of ${this.name.model}, which holds ${queue.limit}`;
    return {
      tokens: roomIn(queue),
      most,
      waitMs: pollDelayMs(stored.unchangedMs, this.context.api.poll),
      reason,
    };
  }

  /** A file did not fit. @param kept it is not settled, and is counted among what waits. */
  async refused(tokens: number, announced: number | null, text: string, kept = false): Promise<void> {
    const stored = await readQueue(this.deps.db, this.name);
    const enqueued = kept ? Math.max(0, stored.enqueued - tokens) : stored.enqueued;
    const queue = this.queueOf({ ...stored, enqueued });
    const change = afterRefusal(queue, { announced, tokens }, (n) => this.backoffMs(n));
    const limit = announced ?? (queue.limit === null ? change.limit : null);
    await changeQueue(this.deps.db, this.name, { ...change, limit, reason: text });
    logEvent(this.deps.log, 'batch.queue_full', { ...this.name, tokens, ...change }, text);
  }

  /** The vendor could not make a batch of a file, for reasons of its own. @returns how often in a row. */
  async troubled(text: string): Promise<number> {
    const { share, strikes } = await readQueue(this.deps.db, this.name);
    const change = { limit: null, share, strikes: strikes + 1, blockedMs: this.backoffMs(strikes + 1) };
    await changeQueue(this.deps.db, this.name, { ...change, reason: text });
    return change.strikes;
  }

  /** The vendor took a file, so the count was right. */
  async accepted(): Promise<void> {
    const { share, strikes } = await readQueue(this.deps.db, this.name);
    if (strikes > 0 || share < 1) await queueAccepted(this.deps.db, this.name, afterAcceptance(share));
  }

  async hasRoom(): Promise<void> {
    await queueHasRoom(this.deps.db, this.name);
  }

  private get name() {
    return { pool: this.context.account.poolKey, model: this.context.batch.model };
  }

  private queueOf({ learned, share, strikes, enqueued }: StoredQueue): BatchQueue {
    const set = this.context.api.enqueuedTokens(this.name.model);
    const limit = Math.min(set ?? Number.POSITIVE_INFINITY, learned ?? Number.POSITIVE_INFINITY);
    return { limit: Number.isFinite(limit) ? limit : null, share, strikes, enqueued };
  }

  /** As for a quota of unknown length: from the pool's first cooldown to its longest. */
  private backoffMs(strikes: number): number {
    const { unknownQuotaMs, unknownQuotaFactor, unknownQuotaMaxMs } = this.context.account.pool;
    const grown = unknownQuotaMs * unknownQuotaFactor ** Math.min(30, strikes - 1);
    return Math.min(grown, Math.max(unknownQuotaMs, unknownQuotaMaxMs));
  }
}
