/**
 * A page of calls, device by device: some in flight at a time, until all are made, the time is over, or a shared limit
 * is used up. The page ends when the calls in flight have been answered.
 */
import { describeEvidence, type Evidence } from '../../quota/verdict';
import { CallFailed, PermitWait, PoolClosed } from '../gateway/call-errors';
import { UnusableAnswer } from './calls';
import type { PageWait } from './types';

/** Enough to keep five calls a second going when answers take half a second. */
const IN_FLIGHT = 4;
const PROBLEMS_KEPT = 20;

export interface PageItem {
  readonly deviceId: string;
}

export interface PageParts<Item extends PageItem> {
  /** `performance.now()` after which no call is begun. */
  readonly endAt: number;
  readonly signal: AbortSignal;
  /** One call from permit to stored answer. @returns rows stored. */
  readonly call: (item: Item) => Promise<number>;
  /** True for a limit that counts this device alone: the others may go on. */
  readonly isOwnLimit: (item: Item, limit: string) => boolean;
  /** The vendor's refusal of one call, after which the others go on. */
  readonly onRefused: (item: Item, refusal: Refusal) => Promise<void>;
}

export interface Refusal {
  readonly reason: string;
  readonly evidence: Evidence | null;
  /** It may pass: the vendor was too busy, or failed by itself. */
  readonly passing: boolean;
}

export class FleetPage<Item extends PageItem> {
  /** Calls answered. */
  done = 0;
  failed = 0;
  rows = 0;
  wait: PageWait | null = null;
  readonly problems: string[] = [];
  /** Devices whose own limit turned out to be used up. */
  private readonly spent = new Set<string>();
  /** When the first of these may be called again, epoch ms. */
  spentUntil = Number.POSITIVE_INFINITY;
  private failure: { readonly error: unknown } | null = null;

  constructor(private readonly parts: PageParts<Item>) {}

  /** How many of these there are. */
  get spentDevices(): number {
    return this.spent.size;
  }

  get timeIsOver(): boolean {
    return performance.now() >= this.parts.endAt;
  }

  /** True when the activity is cancelled: no call is begun, and those in flight are finished. */
  get stopped(): boolean {
    return this.parts.signal.aborted;
  }

  /**
   * Makes the calls in their order. May be called again with more.
   * @returns how many of the items were not called.
   * @throws PoolClosed, and failures of the surroundings, after all calls in flight have been answered.
   */
  async run(items: readonly Item[]): Promise<number> {
    const queue = items[Symbol.iterator]();
    const before = this.done + this.failed;
    const work = async () => {
      for (;;) {
        if (this.failure !== null || this.wait !== null || this.timeIsOver || this.parts.signal.aborted)
          return;
        const next = queue.next();
        if (next.done) return;
        if (!this.spent.has(next.value.deviceId)) await this.callOne(next.value);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
    if (this.failure !== null) throw this.failure.error;
    return items.length - (this.done + this.failed - before);
  }

  private async callOne(item: Item): Promise<void> {
    try {
      this.rows += await this.parts.call(item);
      this.done++;
    } catch (error) {
      await this.afterError(item, error).catch((second: unknown) => {
        this.failure ??= { error: second };
      });
    }
  }

  private async afterError(item: Item, error: unknown): Promise<void> {
    // It waited for its permit when the activity was cancelled.
    if (this.stopped) return;
    if (error instanceof PermitWait) {
      const { limit, until } = error.details;
      if (this.parts.isOwnLimit(item, limit)) {
        this.spent.add(item.deviceId);
        this.spentUntil = Math.min(this.spentUntil, until);
      } else if (this.wait === null || until > this.wait.until) {
        const isRoom = error.details.reason === undefined;
        this.wait = { until, reason: error.message, ...(isRoom && { limit }) };
      }
      return;
    }
    const refusal = refusalOf(error);
    // A pause concerns all calls; a bug or a database that is away is for Temporal to try again.
    if (error instanceof PoolClosed || refusal === null) throw error;
    this.failed++;
    this.problems.push(`${item.deviceId}: ${refusal.reason}`);
    if (this.problems.length > PROBLEMS_KEPT) this.problems.shift();
    await this.parts.onRefused(item, refusal);
  }
}

function refusalOf(error: unknown): Refusal | null {
  if (error instanceof UnusableAnswer) return { reason: error.message, evidence: null, passing: false };
  if (!(error instanceof CallFailed)) return null;
  const { kind, evidence } = error.verdict;
  return {
    reason: `${kind}: ${describeEvidence(evidence)}`,
    evidence,
    passing: kind === 'rate' || kind === 'server',
  };
}
