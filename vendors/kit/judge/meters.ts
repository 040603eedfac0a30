/**
 * What a vendor counts, one meter for each kind of window. A meter judges at the instant a call arrives and knows
 * nothing of how Sluice counts: it shares the shape of a window with `quota/limits/limit`, and no arithmetic.
 *
 * All meters answer the same question: how many units does the window hold at `now`? A call of n units fits when
 * that number plus n is at most `limit`. Times are epoch ms with a fraction and must not go back.
 */

import { nextBoundary } from '../../../quota/calendar';
import { DAY_MS } from '../../../quota/durations';
import type { LimitWindow } from '../../../quota/limits/limit';

/** As in `quota/limits/limit`; a vendor-stated reset also says how often it comes back (default: a day). */
export type VendorWindow = LimitWindow & { readonly everyMs?: number };

export interface Meter {
  /** Units the window may hold. */
  readonly limit: number;
  /** Units the window holds at `now`. */
  usage(now: number): number;
  /** Whether `units` may still arrive at `now`. */
  fits(now: number, units: number): boolean;
  /** Adds `units` that arrived at `now`, whether they fit or not. */
  charge(now: number, units: number): void;
  /** Milliseconds from `now` until `units` would fit if nothing else arrived; Infinity when they never do. */
  waitMs(now: number, units: number): number;
  /** Sets the instant of the next reset; only calendar and vendor-reset windows have one. */
  setReset?(at: number): void;
}

/** Epoch ms as doubles are 0.00024 ms apart, so an instant has no finer resolution than this. */
const INSTANT_MS = 0.001;

/** A meter for `window`, holding what `previous` held at `now` when the limit was changed while running. */
export function createMeter(window: VendorWindow, now: number, previous?: Meter): Meter {
  switch (window.kind) {
    case 'token-bucket':
      return new BucketMeter(window.ratePerSecond, window.burst, now, previous?.usage(now) ?? 0);
    case 'spacing':
      // "At least `ms` apart" and "at most one in any span of `ms`" are the same rule.
      return new RollingMeter(1, window.ms, previous);
    case 'rolling':
      return new RollingMeter(window.count, window.ms, previous);
    case 'calendar':
      return new PeriodMeter(
        window.count,
        (at) => nextBoundary(at, window.per, window.zone),
        now,
        previous?.usage(now) ?? 0,
      );
    case 'vendor-reset': {
      const everyMs = window.everyMs ?? DAY_MS;
      return new PeriodMeter(
        window.count,
        (_, end) => end + everyMs,
        now,
        previous?.usage(now) ?? 0,
        now + everyMs,
      );
    }
  }
}

/**
 * A bucket kept as the one instant at which it is full again, counted from `origin` so that small numbers keep
 * their digits: it does not drift, however many calls.
 */
class BucketMeter implements Meter {
  private fullAt: number;
  private readonly msPerUnit: number;

  constructor(
    ratePerSecond: number,
    readonly limit: number,
    private readonly origin: number,
    used: number,
  ) {
    this.msPerUnit = 1000 / ratePerSecond;
    this.fullAt = used * this.msPerUnit;
  }

  usage(now: number): number {
    return this.missingMs(now) / this.msPerUnit;
  }

  fits(now: number, units: number): boolean {
    return this.missingMs(now) + units * this.msPerUnit <= this.limit * this.msPerUnit + INSTANT_MS;
  }

  charge(now: number, units: number): void {
    this.fullAt = Math.max(now - this.origin, this.fullAt) + units * this.msPerUnit;
  }

  waitMs(now: number, units: number): number {
    if (units > this.limit) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.missingMs(now) + (units - this.limit) * this.msPerUnit);
  }

  private missingMs(now: number): number {
    return Math.max(0, this.fullAt - (now - this.origin));
  }
}

/** Every arrival of the last `ms`; one that arrived at t has left at t + ms. */
class RollingMeter implements Meter {
  private times: number[] = [];
  private units: number[] = [];
  private head = 0;
  private sum = 0;

  constructor(
    readonly limit: number,
    private readonly ms: number,
    previous?: Meter,
  ) {
    if (previous instanceof RollingMeter) {
      this.times = previous.times.slice(previous.head);
      this.units = previous.units.slice(previous.head);
      this.sum = previous.sum;
    }
  }

  usage(now: number): number {
    this.forget(now);
    return this.sum;
  }

  fits(now: number, units: number): boolean {
    return this.usage(now) + units <= this.limit;
  }

  charge(now: number, units: number): void {
    this.forget(now);
    this.times.push(now);
    this.units.push(units);
    this.sum += units;
  }

  waitMs(now: number, units: number): number {
    if (units > this.limit) return Number.POSITIVE_INFINITY;
    this.forget(now);
    let held = this.sum;
    for (let i = this.head; held + units > this.limit; i++) {
      held -= this.units[i] ?? 0;
      if (held + units <= this.limit) return (this.times[i] ?? now) + this.ms - now;
    }
    return 0;
  }

  private forget(now: number): void {
    for (let t = this.times[this.head]; t !== undefined && t + this.ms <= now; t = this.times[this.head]) {
      this.sum -= this.units[this.head] ?? 0;
      this.head++;
    }
    if (this.head > 1024 && this.head * 2 > this.times.length) {
      this.times = this.times.slice(this.head);
      this.units = this.units.slice(this.head);
      this.head = 0;
    }
  }
}

/** A counter that starts over at each end of a period: calendar windows and vendor-stated resets. */
class PeriodMeter implements Meter {
  private end: number;

  constructor(
    readonly limit: number,
    private readonly next: (at: number, end: number) => number,
    now: number,
    private count: number,
    end?: number,
  ) {
    this.end = end ?? next(now, now);
  }

  usage(now: number): number {
    this.roll(now);
    return this.count;
  }

  fits(now: number, units: number): boolean {
    return this.usage(now) + units <= this.limit;
  }

  charge(now: number, units: number): void {
    this.roll(now);
    this.count += units;
  }

  waitMs(now: number, units: number): number {
    if (units > this.limit) return Number.POSITIVE_INFINITY;
    this.roll(now);
    return this.count + units <= this.limit ? 0 : this.end - now;
  }

  setReset(at: number): void {
    this.end = at;
  }

  private roll(now: number): void {
    while (now >= this.end) {
      this.end = this.next(now, this.end);
      this.count = 0;
    }
  }
}
