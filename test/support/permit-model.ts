/**
 * The permits of `take_permits` once more, as plainly as can be: every charge is kept for ever in a list, and each
 * decision looks at all of it. Slow and short, so that it can be checked by reading. Times are epoch ms.
 */
import { type LimitTemplate, type Priority, priorityRank } from '../../quota/limit';
import { windowEnd, windowName } from './calendar-windows';

export interface ModelRequest {
  readonly priority: Priority;
  readonly charges: readonly { readonly key: string; readonly units: number }[];
}

export type ModelDecision =
  | { readonly granted: true; readonly departAt: number }
  /** `readyAt`: the earliest departure if nothing else happens; Infinity when that never comes. */
  | { readonly granted: false; readonly readyAt: number };

interface Entry {
  readonly at: number;
  readonly units: number;
}

export class ModelLimit {
  /** All that was ever charged: grants, settled differences, what a vendor said others had used. */
  private entries: Entry[] = [];
  /** Departures granted never go back in time. */
  lastAt = 0;
  blockedUntil = 0;
  claim = { rank: 0, until: 0 };
  overs = 0;
  /** Vendor-stated resets only. */
  private vendor = { used: 0, from: 0, resetsAt: null as number | null };
  private capacity: number;
  private msPerUnit: number;

  constructor(readonly template: LimitTemplate) {
    const w = template.window;
    this.capacity = w.kind === 'token-bucket' ? w.burst : w.kind === 'spacing' ? 1 : w.count;
    this.msPerUnit = w.kind === 'token-bucket' ? 1000 / w.ratePerSecond : w.kind === 'spacing' ? w.ms : 0;
  }

  get enforced(): boolean {
    return this.template.mode === 'enforce';
  }

  /** Who waits no longer than this marks the limit. */
  get claimHorizonMs(): number {
    const { window: w, unit, slackMs = 0 } = this.template;
    return w.kind === 'rolling' && unit === 'calls' ? Math.max(10_000, w.ms + slackMs) : 10_000;
  }

  earliest(units: number, rank: number, from: number): number {
    if (units > this.capacity) return Number.POSITIVE_INFINITY;
    const at = Math.max(from, this.lastAt);
    return Math.max(this.earliestInWindow(units, this.share(units, rank), at), this.blockedUntil);
  }

  charge(units: number, rank: number, at: number, over: boolean): void {
    const w = this.template.window;
    if (w.kind === 'vendor-reset') {
      this.turnVendor(at);
      this.vendor.used += units;
    } else if (!over || w.kind === 'rolling' || w.kind === 'calendar') {
      this.entries.push({ at, units });
    }
    this.lastAt = Math.max(this.lastAt, at);
    if (over) this.overs++;
    if (this.claim.rank <= rank) this.claim = { rank: 0, until: 0 };
  }

  settle(delta: number, grantedAt: number, now: number): void {
    if (this.template.window.kind !== 'vendor-reset') {
      this.entries.push({ at: grantedAt, units: delta });
    } else if (
      grantedAt >= this.vendor.from &&
      (this.vendor.resetsAt === null || now < this.vendor.resetsAt)
    ) {
      this.vendor.used = Math.max(0, this.vendor.used + delta);
    }
  }

  /** A vendor's header: its size of the limit, and how much of it is left. */
  learn(
    said: { ratePerSecond?: number; capacity?: number; remaining?: number; resetMs?: number },
    now: number,
  ) {
    const rate = said.ratePerSecond;
    if (rate !== undefined && 1000 / rate !== this.msPerUnit) {
      const full = this.bucketFullAt();
      // What the bucket holds is units, whatever the rate.
      this.entries =
        full > now ? [{ at: now, units: (full - now) / this.msPerUnit }] : [{ at: full, units: 0 }];
      this.msPerUnit = 1000 / rate;
    }
    if (said.capacity !== undefined) this.capacity = said.capacity;
    if (this.template.window.kind === 'vendor-reset') {
      this.turnVendor(now);
      if (said.remaining !== undefined) {
        this.vendor.used = Math.max(this.vendor.used, this.capacity - said.remaining);
      }
      if (said.resetMs !== undefined) this.vendor.resetsAt = now + said.resetMs;
    } else if (said.remaining !== undefined && !this.ambiguous(now)) {
      const others = this.capacity - said.remaining - this.held(now);
      const opensWindow = this.template.window.kind === 'calendar';
      if (others > 0 || opensWindow) this.entries.push({ at: now, units: Math.max(0, others) });
    }
  }

  private share(units: number, rank: number): number {
    const { background = 0, scheduled = 0, live = 0 } = this.template.reserve ?? {};
    const reserve = [background, scheduled, live, 0][rank] ?? 0;
    return Math.max(this.capacity * (1 - reserve), Math.min(units, this.capacity));
  }

  private earliestInWindow(units: number, cap: number, at: number): number {
    const w = this.template.window;
    const slack = this.template.slackMs ?? 0;
    if (w.kind === 'vendor-reset') return this.earliestVendor(units, cap, at, slack);
    if (w.kind === 'calendar') return this.earliestCalendar(units, cap, at, slack);
    if (units === 0) return at;
    if (w.kind === 'rolling') {
      const leaving = this.entries.map((e) => e.at + w.ms + slack).filter((edge) => edge > at);
      const fits = (time: number) => this.held(time) + units <= cap;
      return [at, ...leaving].filter(fits).reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    }
    return Math.max(at, this.bucketFullAt() + slack - (cap - units) * this.msPerUnit);
  }

  private earliestCalendar(units: number, cap: number, at: number, slack: number): number {
    const w = this.template.window;
    if (w.kind !== 'calendar') return at;
    const time = this.justTurned(at) ? this.lastWindowEnd() + slack : at;
    const end = windowEnd(time, w.per, w.zone);
    return (this.held(time) + units > cap && units > 0) || time > end - slack ? end + slack : time;
  }

  /** Calendar: the end of the last window that was charged. */
  private lastWindowEnd(): number {
    const w = this.template.window;
    if (w.kind !== 'calendar' || this.entries.length === 0) return Number.NEGATIVE_INFINITY;
    return windowEnd(Math.max(...this.entries.map((e) => e.at)), w.per, w.zone);
  }

  /** The vendor may still be counting in the window before. */
  private justTurned(at: number): boolean {
    const end = this.lastWindowEnd();
    return at >= end && at < end + (this.template.slackMs ?? 0);
  }

  /** Just after a calendar window has turned, nobody knows of which window a vendor speaks. */
  private ambiguous(at: number): boolean {
    const w = this.template.window;
    return w.kind === 'calendar' && windowEnd(at - (this.template.slackMs ?? 0), w.per, w.zone) <= at;
  }

  private earliestVendor(units: number, cap: number, at: number, slack: number): number {
    const { used, resetsAt } = this.vendor;
    if (resetsAt !== null && at >= resetsAt) return Math.max(at, resetsAt + slack);
    if (units > 0 && used + units > cap)
      return resetsAt === null ? Number.POSITIVE_INFINITY : resetsAt + slack;
    return resetsAt !== null && at > resetsAt - slack ? resetsAt + slack : at;
  }

  /** Units that the window holds at `at`. */
  private held(at: number): number {
    const w = this.template.window;
    const slack = this.template.slackMs ?? 0;
    const sum = (entries: Entry[]) => entries.reduce((a, e) => a + e.units, 0);
    if (w.kind === 'rolling') return sum(this.entries.filter((e) => e.at > at - w.ms - slack));
    if (w.kind === 'calendar') {
      const name = windowName(at, w.per, w.zone);
      return sum(this.entries.filter((e) => windowName(e.at, w.per, w.zone) === name));
    }
    return Math.max(0, this.bucketFullAt() - at) / this.msPerUnit;
  }

  /** When the bucket is full again: each charge counts from its own time or from when those before it are refilled. */
  private bucketFullAt(): number {
    const byTime = new Map<number, number>();
    for (const e of this.entries) byTime.set(e.at, (byTime.get(e.at) ?? 0) + e.units);
    return [...byTime]
      .sort(([a], [b]) => a - b)
      .reduce((full, [at, units]) => Math.max(full, at) + units * this.msPerUnit, 0);
  }

  private turnVendor(at: number): void {
    if (this.vendor.resetsAt !== null && at >= this.vendor.resetsAt) {
      this.vendor = { used: 0, from: at, resetsAt: null };
    }
  }
}

export class PermitModel {
  private readonly limits = new Map<string, ModelLimit>();

  constructor(limits: readonly { readonly key: string; readonly template: LimitTemplate }[]) {
    for (const l of limits) this.limits.set(l.key, new ModelLimit(l.template));
  }

  limit(key: string): ModelLimit {
    const limit = this.limits.get(key);
    if (!limit) throw new Error(`the model has no limit "${key}"`);
    return limit;
  }

  /** Decides a batch at `now`, the more important first, otherwise in order. Answers in the order of the requests. */
  take(requests: readonly ModelRequest[], leadMs: number, now: number): ModelDecision[] {
    const decisions: ModelDecision[] = [];
    const order = requests
      .map((request, i) => ({ request, i, rank: priorityRank(request.priority) }))
      .sort((a, b) => b.rank - a.rank || a.i - b.i);
    for (const { request, i, rank } of order) decisions[i] = this.decide(request, rank, leadMs, now);
    return decisions;
  }

  private decide(request: ModelRequest, rank: number, leadMs: number, now: number): ModelDecision {
    const charges = request.charges.map((c) => ({ units: c.units, limit: this.limit(c.key) }));
    // The earliest time at which every limit is ready: ask all of them again at the latest answer until none moves it.
    let at = now;
    for (let before = Number.NaN; before !== at && at < Number.POSITIVE_INFINITY; ) {
      before = at;
      for (const { units, limit } of charges) {
        if (!limit.enforced) continue;
        const ready = limit.earliest(units, rank, before);
        const claimed = limit.claim.rank > rank ? limit.claim.until : 0;
        at = Math.max(at, ready, claimed);
      }
    }
    if (at > now + leadMs) {
      const [only] = charges;
      if (charges.length === 1 && only && rank > 0 && at < now + only.limit.claimHorizonMs) {
        if (only.limit.claim.rank <= rank || only.limit.claim.until < now) {
          only.limit.claim = { rank, until: at + 100 };
        }
      }
      return { granted: false, readyAt: at };
    }
    for (const { units, limit } of charges) {
      limit.charge(units, rank, at, !limit.enforced && limit.earliest(units, rank, at) > at);
    }
    return { granted: true, departAt: at };
  }
}
