/**
 * Runs a page of a batch: keeps a bounded, adaptive number of calls in flight until the time is over, nothing is due,
 * or it is aborted; then waits for the calls in flight. Knows neither vendor nor database.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type ConcurrencyDecision,
  type ConcurrencyPolicy,
  decideConcurrency,
  isRoundOver,
} from '../../quota/batches/concurrency';

/**
 * What became of a call, for the number of calls in flight. `unusable`: answered, and with nothing that can be used; no
 * sign of too many calls, and none that more of them would fare better.
 */
export type CallEnd = 'succeeded' | 'unusable' | 'failed' | 'not sent';

export interface PageParts<Item> {
  readonly policy: ConcurrencyPolicy;
  /** Calls in flight to begin with, once the first one has been answered. */
  readonly concurrency: number;
  /** Epoch of `performance.now()` at which no more calls are begun. */
  readonly endAt: number;
  /** Items to work on next, each handed out once; empty when there are none now. */
  claim(count: number): Promise<readonly Item[]>;
  /** Gives back items that were claimed and not begun. */
  release(items: readonly Item[]): Promise<void>;
  /**
   * One item from permit to stored result. `departed` is called when its call leaves.
   * @throws what ends the page: the item has been seen to.
   */
  call(item: Item, departed: () => void): Promise<CallEnd>;
  /** Share of the tightest hard quota that is used, 0..1; null when nothing is known. */
  quotaUse(): number | null;
  onDecision(decision: ConcurrencyDecision): void;
}

export type PageEnd = 'nothing due' | 'time is over' | 'stopped';

/** Calls that ask for a permit at the same time; the others wait here and not at the database. */
const ASKING = 16;
/** Claimed ahead, so that no call waits for a claim. */
const AHEAD = 64;

export class PageRunner<Item> {
  private ready: Item[] = [];
  private readonly inFlight = new Set<Promise<void>>();
  private asking = 0;
  private limit: number;
  /**
   * One call goes alone until one has been of use, or has failed in passing: after a pause it is the probe, and what is
   * wrong for all is seen in as few calls as it takes.
   */
  private opened = false;
  private stopping = false;
  private failure: { readonly error: unknown } | null = null;
  private goodWith: number | null = null;
  private succeeded = 0;
  private failed = 0;
  private wake: (() => void) | null = null;

  constructor(private readonly parts: PageParts<Item>) {
    const { policy, concurrency } = parts;
    this.limit = Math.min(policy.max, Math.max(policy.min, concurrency));
  }

  /** Calls in flight allowed now; to be carried into the next page. */
  get concurrency(): number {
    return this.limit;
  }

  /** Calls in flight with which the last round ended well; null before the first. */
  get good(): number | null {
    return this.goodWith;
  }

  get running(): number {
    return this.inFlight.size;
  }

  /** Begins no more calls. */
  stop(): void {
    this.stopping = true;
    this.wake?.();
  }

  /** @throws the first error that a call, a claim or a release threw, after all calls in flight have been answered. */
  async run(): Promise<PageEnd> {
    let end: PageEnd = 'stopped';
    try {
      end = await this.work();
    } catch (error) {
      this.failure ??= { error };
    }
    await Promise.all(this.inFlight);
    try {
      if (this.ready.length > 0) await this.parts.release(this.ready);
    } catch (error) {
      this.failure ??= { error };
    }
    if (this.failure) throw this.failure.error;
    return end;
  }

  private async work(): Promise<PageEnd> {
    while (!this.stopping && this.failure === null) {
      if (performance.now() >= this.parts.endAt) return 'time is over';
      if (this.ready.length === 0) {
        const wanted = Math.min(AHEAD, this.opened ? this.limit : 1);
        this.ready = [...(await this.parts.claim(wanted))];
        if (this.ready.length === 0) {
          if (this.inFlight.size === 0) return 'nothing due';
          // A call that ends may leave its item to be tried again.
          await Promise.race([...this.inFlight]);
          await delay(20);
          continue;
        }
      }
      const room = this.opened ? this.limit : 1;
      if (this.inFlight.size < room && this.asking < ASKING) this.begin();
      else await this.somethingHappens();
    }
    return 'stopped';
  }

  private begin(): void {
    const item = this.ready.shift();
    if (item === undefined) return;
    this.asking++;
    let departed = false;
    const leave = () => {
      if (departed) return;
      departed = true;
      this.asking--;
      this.wake?.();
    };
    const call = this.parts
      .call(item, leave)
      .then((end) => this.count(end))
      .catch((error: unknown) => {
        this.failure ??= { error };
      })
      .finally(() => {
        leave();
        this.inFlight.delete(call);
        this.wake?.();
      });
    this.inFlight.add(call);
  }

  private count(end: CallEnd): void {
    if (end === 'not sent') return;
    this.opened ||= end !== 'unusable';
    if (end === 'failed') this.failed++;
    else this.succeeded++;
    const sample = {
      current: this.limit,
      succeeded: this.succeeded,
      failed: this.failed,
      quotaUse: this.parts.quotaUse(),
    };
    if (!isRoundOver(this.parts.policy, sample)) return;
    const decision = decideConcurrency(this.parts.policy, sample);
    this.succeeded = 0;
    this.failed = 0;
    this.limit = decision.next;
    this.goodWith = decision.change === 'down' ? decision.next : sample.current;
    if (decision.change !== 'keep') this.parts.onDecision(decision);
  }

  private async somethingHappens(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 500);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = null;
  }
}
