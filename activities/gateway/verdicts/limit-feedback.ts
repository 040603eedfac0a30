/**
 * Books what answers say about limits, for all calls of this process together: true costs, announced sizes, and what
 * the vendor says is left. A hundred calls a second must not mean a hundred row locks on the limit that everybody
 * needs.
 */
import type { Pool } from 'pg';
import { announcedWindow, isFullRefill, type WindowBelief } from '../../../quota/limits/announced-window';
import type { LimitInstance } from '../../../quota/limits/limit';
import { lowerRate, type Refused, raiseRate, settleAll } from '../../../store/permits/limit-feedback';
import { learnLimit } from '../../../store/permits/permits';
import type { LearnedLimit } from '../../../vendors/contract';

/** What this process had sent under a limit when a call departed. */
export interface DepartureMark {
  readonly key: string;
  /** Units departed so far, this call included. */
  readonly departed: number;
  /** The departure, epoch ms by the database's clock. */
  readonly departAt: number;
}

interface Waiting {
  readonly settles: { units: number; departAt: number }[];
  learned: (Omit<LearnedLimit, 'limit'> & { readonly asOf: number }) | null;
  readonly done: ((changed: boolean) => void)[];
  readonly failed: ((error: unknown) => void)[];
}

/** What a limit's rate has become, units a second. */
export interface RateChange {
  readonly key: string;
  readonly kind: 'limit.lowered' | 'limit.raised';
  readonly ratePerSecond: number;
}

/** A lowered rate is reconsidered this often, ms; it rises more rarely, but for a guess. */
const RAISE_EVERY_MS = 1000;
/** Two bookings of the same limit are at least this far apart, ms. */
const INTERVAL_MS = 40;

export class LimitFeedback {
  private readonly waiting = new Map<string, Waiting>();
  private readonly departed = new Map<string, number>();
  private readonly busy = new Set<string>();
  private readonly lookedAt = new Map<string, number>();
  private readonly windows = new Map<string, WindowBelief>();

  constructor(private readonly db: Pool) {}

  /** Notes a departure. */
  depart(
    charges: readonly { readonly key: string; readonly units: number }[],
    departAt: number,
  ): DepartureMark[] {
    return charges.map(({ key, units }) => {
      const departed = (this.departed.get(key) ?? 0) + units;
      this.departed.set(key, departed);
      return { key, departed, departAt };
    });
  }

  /** Books what a call really cost beyond its estimate (may be negative). Resolves when it is booked. */
  async settle(key: string, units: number, departAt: number): Promise<void> {
    await this.add(key, (w) => w.settles.push({ units, departAt }));
  }

  /**
   * Books what an answer announced.
   * @param mark of the call's departure: the vendor counted what is left then, and others have departed since.
   * @param ageMs since that departure.
   * @param refill of the limit as it is known, where the answer does not announce it.
   * @param windows that an announced capacity may be counted in; none where the vendor says it.
   * @returns true when the limit's size changed.
   */
  learn(
    mark: DepartureMark,
    learned: LearnedLimit,
    ageMs: number,
    refill: Pick<LearnedLimit, 'ratePerSecond' | 'capacity'> = {},
    windows: readonly number[] = [],
  ): Promise<boolean> {
    const { limit: _, resetMs: announcedMs, ...rest } = this.sized(mark.key, learned, windows);
    const remaining = this.leftNow(mark, { ...refill, ...rest }, ageMs);
    const resetMs = this.fullIn(mark, { ...refill, ...rest }, announcedMs);
    const now = {
      ...rest,
      ...(remaining === undefined ? {} : { remaining }),
      ...(resetMs === undefined ? {} : { resetMs }),
    };
    return this.add(mark.key, (w) => {
      const least = Math.min(w.learned?.remaining ?? Infinity, now.remaining ?? Infinity);
      // The oldest of them: what was left before a window turned says nothing about the new one.
      const asOf = Math.min(w.learned?.asOf ?? Infinity, mark.departAt);
      w.learned = { ...w.learned, ...now, ...(Number.isFinite(least) ? { remaining: least } : {}), asOf };
    });
  }

  /** A call was refused under these limits. @param units that it was charged, by key. */
  refused(
    charged: readonly { readonly key: string; readonly units: number }[],
    refused: Omit<Refused, 'units'>,
  ): Promise<RateChange[]> {
    const unitsOf = new Map(charged.map(({ key, units }) => [key, units]));
    return this.change('limit.lowered', [...unitsOf.keys()], (key) =>
      lowerRate(this.db, key, { ...refused, units: unitsOf.get(key) ?? 1 }),
    );
  }

  /**
   * A call was admitted under these limits: one that was lowered may be worth another try by now.
   * @param departAt its departure, epoch ms.
   */
  admitted(keys: readonly string[], departAt: number | null = null): Promise<RateChange[]> {
    const now = performance.now();
    const due = keys.filter((key) => now - (this.lookedAt.get(key) ?? -Infinity) >= RAISE_EVERY_MS);
    for (const key of due) this.lookedAt.set(key, now);
    return this.change('limit.raised', due, (key) => raiseRate(this.db, key, departAt));
  }

  private async change(
    kind: RateChange['kind'],
    keys: readonly string[],
    book: (key: string) => Promise<number | null>,
  ): Promise<RateChange[]> {
    const changes: RateChange[] = [];
    for (const key of keys) {
      const ratePerSecond = await book(key);
      if (ratePerSecond !== null) changes.push({ key, kind, ratePerSecond });
    }
    return changes;
  }

  /**
   * What was left at the departure, carried to now: refilled since, and less what has departed since. Taken as it
   * stands, a number of two seconds ago would hold back a bucket that is used to the full at every answer.
   */
  private leftNow(
    mark: DepartureMark,
    learned: Omit<LearnedLimit, 'limit'>,
    ageMs: number,
  ): number | undefined {
    const { remaining, ratePerSecond, capacity } = learned;
    if (remaining === undefined || ratePerSecond === undefined) return remaining;
    // Vendors announce whole units, rounded down.
    const refilled = remaining + 1 + (Math.max(0, ageMs) / 1000) * ratePerSecond;
    const since = (this.departed.get(mark.key) ?? mark.departed) - mark.departed;
    return Math.max(0, Math.min(refilled, capacity ?? Infinity) - since);
  }

  /** With the rate that follows from the window that the answers so far speak of. */
  private sized<L extends Omit<LearnedLimit, 'limit'>>(
    key: string,
    learned: L,
    windows: readonly number[],
  ): L {
    const { capacity, remaining, resetMs } = learned;
    if (capacity === undefined || windows.length === 0) return learned;
    const window = announcedWindow(this.windows.get(key) ?? null, { capacity, remaining, resetMs }, windows);
    this.windows.set(key, window);
    const { resetMs: _, ...rest } = learned;
    const isFull = isFullRefill(window, { capacity, remaining, resetMs });
    return { ...(isFull ? learned : (rest as L)), ratePerSecond: (capacity * 1000) / window.ms };
  }

  /** When it is full again as far as the vendor knows, and what has departed since is refilled, too. */
  private fullIn(
    mark: DepartureMark,
    { ratePerSecond }: Omit<LearnedLimit, 'limit'>,
    resetMs: number | undefined,
  ): number | undefined {
    if (resetMs === undefined || ratePerSecond === undefined) return resetMs;
    const since = (this.departed.get(mark.key) ?? mark.departed) - mark.departed;
    return resetMs + (since * 1000) / ratePerSecond;
  }

  private add(key: string, change: (waiting: Waiting) => void): Promise<boolean> {
    return new Promise((done, failed) => {
      const waiting = this.waiting.get(key) ?? { settles: [], learned: null, done: [], failed: [] };
      change(waiting);
      waiting.done.push(done);
      waiting.failed.push(failed);
      this.waiting.set(key, waiting);
      if (!this.busy.has(key)) void this.work(key);
    });
  }

  private async work(key: string): Promise<void> {
    this.busy.add(key);
    for (let next = this.waiting.get(key); next !== undefined; next = this.waiting.get(key)) {
      this.waiting.delete(key);
      const began = performance.now();
      try {
        const changed = await this.book(key, next);
        for (const done of next.done) done(changed);
      } catch (error) {
        for (const failed of next.failed) failed(error);
      }
      // Waited for even when nobody waits yet: what comes meanwhile travels together.
      const left = INTERVAL_MS - (performance.now() - began);
      if (left > 0) await new Promise((resolve) => setTimeout(resolve, left).unref());
    }
    this.busy.delete(key);
  }

  private async book(key: string, { settles, learned }: Waiting): Promise<boolean> {
    if (settles.length > 0) await settleAll(this.db, key, settles);
    return learned === null ? false : learnLimit(this.db, { key, ...learned });
  }
}

/** How a limit is known to refill, for answers that say what is left and not of how much. */
export function refillOf({
  template: { window },
}: LimitInstance): Pick<LearnedLimit, 'ratePerSecond' | 'capacity'> {
  return window.kind === 'token-bucket'
    ? { ratePerSecond: window.ratePerSecond, capacity: window.burst }
    : {};
}
