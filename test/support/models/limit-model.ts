/**
 * One limit of the permits' model, with all that was ever charged to it. Times are epoch ms, waits ms.
 */
import type { LimitTemplate } from '../../../quota/limits/limit';
import { windowEnd, windowName } from './calendar-windows';

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
  /** Buckets: when all of it is free again as the vendor stated; null: it has stated nothing, or a later time than ours. */
  private fullAt: number | null = null;
  /** Buckets: the part of the announced rate that is used, and what the last two discoveries of a refusal showed. */
  private share = 1;
  private shareAt = 0;
  private refusals = {
    ...{ from: 0, at: 0, measuredFrom: 0, starvedFrom: 0 },
    ...{ took: null as number | null, mark: 0, cost: 1, floor: 0, raises: 0 },
  };
  private ramp = false;
  private sizedAt = 0;
  /** Buckets: drawn on until then by a refusal, whatever was charged. */
  private emptyUntil = 0;
  private emptiedAt = 0;
  private granted = 0;

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
    return Math.max(this.earliestInWindow(units, this.shareOf(units, rank), at), this.blockedUntil);
  }

  charge(units: number, rank: number, at: number, over: boolean): void {
    const w = this.template.window;
    this.granted += units;
    this.refill(at);
    if (this.fullAt !== null && !over) this.fullAt += units * this.msPerUnit;
    if (w.kind === 'vendor-reset') {
      this.turnVendor(at);
      this.vendor.used += units;
    } else if (this.isBucket ? !over && units > 0 : true) {
      this.entries.push({ at, units });
    }
    this.lastAt = Math.max(this.lastAt, at);
    if (over) this.overs++;
    if (this.claim.rank <= rank) this.claim = { rank: 0, until: 0 };
  }

  settle(delta: number, grantedAt: number, now: number): void {
    // A refusal has shown the bucket to be empty: what was charged before it does not come back.
    if (delta < 0 && grantedAt <= this.emptiedAt) return;
    this.granted += delta;
    if (this.fullAt !== null && delta > 0) this.fullAt += delta * this.msPerUnit;
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
    if (this.isBucket) this.learnBucket(said, now);
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
    if (this.isBucket && said.resetMs !== undefined && this.share === 1) {
      const stated = now + said.resetMs;
      this.fullAt = stated < this.bucketFullAt() ? stated : null;
    }
  }

  /** The part of a bucket's new size that does not depend on what others have used. */
  private learnBucket(
    { ratePerSecond, capacity, remaining }: { ratePerSecond?: number; capacity?: number; remaining?: number },
    now: number,
  ) {
    this.refill(now);
    const size = capacity ?? this.capacity;
    const shrunk = size < this.capacity;
    let { share, msPerUnit } = this;
    if (ratePerSecond !== undefined) {
      const announced = 1000 / ratePerSecond;
      // A rate that is announced lower is used as far as it is above what was learned.
      if (announced > msPerUnit * share) share = Math.min(1, announced / msPerUnit);
      msPerUnit = announced / share;
    }
    if (size === this.capacity && share === this.share && msPerUnit === this.msPerUnit) return;
    if (shrunk || msPerUnit !== this.msPerUnit) {
      const full = this.bucketFullAt();
      // What the bucket holds is units, whatever the rate, and no more than fits.
      let held = Math.min(size, Math.max(0, full - now) / this.msPerUnit);
      if (shrunk && remaining !== undefined) {
        const since = this.entries.filter((e) => e.at > now).reduce((sum, e) => sum + e.units, 0);
        held = Math.min(size, Math.max(size - remaining, since));
      }
      this.entries = [{ at: Math.min(now, full), units: 0 }];
      this.emptyUntil = 0;
      if (held > 0) this.entries.push({ at: now, units: held });
    }
    if (shrunk || msPerUnit > this.msPerUnit) this.sizedAt = now;
    this.fullAt = null;
    this.share = share;
    this.msPerUnit = msPerUnit;
  }

  private get isBucket(): boolean {
    const { kind } = this.template.window;
    return kind === 'token-bucket' || kind === 'spacing';
  }

  /** Full, as the vendor stated: nothing that was charged before counts any more. */
  private refill(at: number): void {
    if (this.fullAt === null || at < this.fullAt) return;
    const { fullAt } = this;
    const full = Math.min(this.bucketFullAt(), fullAt);
    this.entries = [{ at: full, units: 0 }, ...this.entries.filter((e) => e.at >= fullAt)];
    this.fullAt = null;
  }

  /** A call of `cost` units that left at `departed` was refused, with a wait of so many ms. */
  refuse(departed: number, now: number, cost: number, waitMs: number | null): void {
    if (!this.isBucket || !this.enforced || cost <= 0) return;
    const units = Math.min(cost, this.capacity);
    const r = this.refusals;
    if (departed <= r.at) {
      if (departed <= r.from || r.took === null) return;
      r.took -= units;
      const share = Math.max(r.floor, this.measured());
      if (share < this.share) this.use(share, now);
      return;
    }
    this.refill(now);
    const unusedMs = (this.capacity - this.held(now)) * this.msPerUnit;
    const before = r.at;
    const took = this.granted - r.mark - units;
    const since = took < 5 * Math.max(cost, 1) && r.starvedFrom > 0 ? r.starvedFrom : before;
    Object.assign(r, { from: before, measuredFrom: since, took: null });
    let { share } = this;
    if (departed > this.sizedAt) {
      let lowest = this.share / (this.ramp ? 4 : 10);
      // Of nothing that was admitted no burst can have been.
      const longWait = waitMs !== null && waitMs >= 1000 ? waitMs : 0;
      const noBurst = before > 0 && (took <= 0 || (longWait > 0 && now - before <= 2 * longWait));
      if (unusedMs <= Math.max(2000, 2 * units * this.msPerUnit) || noBurst) {
        share *= 0.9;
        const longest = Math.max(3_600_000, 50 * this.msPerUnit, 8 * (before - since));
        if (before > 0 && now - before >= 1000 && now - since <= longest) r.took = took;
      }
      if (took > 0 || r.starvedFrom === 0) r.starvedFrom = now;
      Object.assign(r, { at: now, mark: this.granted, cost: units });
      if (r.took !== null) {
        this.ramp = took <= 0;
        if (this.ramp) lowest = Math.max(lowest, this.guessed(units, now, waitMs ?? 0));
        else if (since < before) lowest = 0;
        share = Math.max(lowest, Math.min(share, this.measured()));
      } else if (now - before >= 1000 && longWait > 10 * units * this.msPerUnit) {
        share = Math.min(share, Math.max(1e-9, ((this.share * 10 * units) / longWait) * this.msPerUnit));
        this.ramp = true;
      }
      r.floor = lowest;
    }
    r.raises = 0;
    share = Math.max(1e-9, share);
    if (share < this.share) this.use(share, now);
    // Empty, until this one call may go again.
    const goesAt = Math.max(waitMs ?? 0, units * this.msPerUnit);
    const full = Math.max(this.bucketFullAt(), now + (this.capacity - units) * this.msPerUnit + goesAt);
    this.entries = [{ at: now, units: 0 }];
    this.emptiedAt = now;
    this.emptyUntil = full;
    this.fullAt = null;
  }

  /** A call that left at `departed` was admitted. */
  recover(now: number, departed: number): void {
    const r = this.refusals;
    if (this.share >= 1 || departed <= r.at || now - this.shareAt < 1000) return;
    const pauseMs = 10 * r.cost * this.msPerUnit;
    if (!this.ramp && now - this.shareAt < Math.max(10_000, pauseMs)) return;
    const grown = pauseMs > 10_000 ? r.raises : Math.max(0, r.raises - 11);
    const slow = Math.min(0.25 * this.share, Math.min(0.01, 0.02 * this.share) * 2 ** Math.min(20, grown));
    this.use(Math.min(1, this.share + (this.ramp ? 3 * this.share : slow)), now);
    r.raises++;
    if (this.share >= 1) this.ramp = false;
  }

  /** No lower where nothing was admitted: a call in five minutes, in twice the wait, or in a part of the time so far. */
  private guessed(units: number, now: number, waitMs: number): number {
    const starvedMs = now - this.refusals.starvedFrom;
    const longestMs = Math.max(300_000, 2 * waitMs, starvedMs / (starvedMs > 3_600_000 ? 2 : 4));
    return Math.min(this.share, (units * this.msPerUnit * this.share) / longestMs);
  }

  /** What was admitted between the last two discoveries, as a share of what is announced. */
  private measured(): number {
    const { took, cost, at, measuredFrom } = this.refusals;
    return Math.max(
      1e-9,
      (Math.max(took ?? 0, cost / 2) / (at - measuredFrom)) * this.msPerUnit * this.share,
    );
  }

  /** Another share of the rate; the bucket holds as many units as before. */
  private use(share: number, now: number): void {
    const full = this.bucketFullAt();
    const held = Math.min(this.capacity, Math.max(0, full - now) / this.msPerUnit);
    this.msPerUnit = (this.msPerUnit * this.share) / share;
    this.share = share;
    this.shareAt = now;
    this.emptyUntil = 0;
    this.entries = [{ at: Math.min(now, full), units: 0 }];
    if (held > 0) this.entries.push({ at: now, units: held });
  }

  private shareOf(units: number, rank: number): number {
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
    const refilled = this.bucketFullAt() + slack - (cap - units) * this.msPerUnit;
    return Math.max(at, Math.min(refilled, (this.fullAt ?? Number.POSITIVE_INFINITY) + slack));
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
      .reduce((full, [at, units]) => Math.max(full, at) + units * this.msPerUnit, this.emptyUntil);
  }

  private turnVendor(at: number): void {
    if (this.vendor.resetsAt !== null && at >= this.vendor.resetsAt) {
      this.vendor = { used: 0, from: at, resetsAt: null };
    }
  }
}
