/**
 * All limits of one simulated vendor, and what was counted against each. A call is judged against every limit it
 * falls under at once and charged to all of them or to none.
 */
import { fillScope } from '../../../quota/limits/limit';
import { createMeter, type Meter, type VendorWindow } from './meters';

export interface VendorLimit {
  readonly name: string;
  readonly operations: readonly string[] | '*';
  /** Template over call attributes, e.g. `{account}`. */
  readonly scope: string;
  /** What is counted: `calls` (default, one each) or any other unit that the call states, e.g. `tokens`. */
  readonly unit?: string;
  /** What is enforced. */
  readonly window: VendorWindow;
  /** What headers claim, units a second, when it differs from what is enforced. */
  readonly announcedRatePerSecond?: number;
  /** Seconds that the announced size is counted in, where the vendor announces one. */
  readonly announcedPerSeconds?: number;
  /** True when a call that was refused has been counted all the same. */
  readonly countsRefused?: boolean;
  /** False: calls above it are counted as violations and let through. Default true. */
  readonly enforced?: boolean;
  /** The count of a rolling or calendar window where it depends on whose it is; a changed count replaces it. */
  readonly countOf?: (call: CountedCall) => number;
  /** A bucket's units a second and burst where they depend on whose it is; a changed rate or burst replaces them. */
  readonly paceOf?: (
    call: CountedCall,
  ) => { readonly ratePerSecond: number; readonly burst: number } | undefined;
}

/** Fields of a window to replace, and what headers claim. */
export type LimitPatch = Readonly<Record<string, string | number | boolean | undefined>>;

/** A call as limits see it. */
export interface CountedCall {
  readonly operation: string;
  readonly account: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Units other than calls, e.g. `{ tokens: 812 }`. */
  readonly units?: Readonly<Record<string, number>>;
}

export interface Refusal {
  /** Name of the limit that refused; null for an injected refusal. */
  readonly limit: string | null;
  /** Until the call would fit, ms; null when not known. */
  readonly waitMs: number | null;
}

/** One limit of one scope as `/_sim/stats` reports it. */
export interface LimitReport {
  readonly limit: string;
  readonly scope: string;
  readonly window: VendorWindow;
  /** Units that the window may hold. */
  readonly allowed: number;
  /** Units that the window holds now, as enforced. */
  readonly inUse: number;
  /** The most units that one window held, counting refused calls too; above `allowed` = the caller overran. */
  readonly worst: number;
  readonly worstAt: number | null;
  readonly arrivals: number;
  /** Arrivals that this limit refused: 0 means it was kept. */
  readonly violations: number;
}

interface Ledger {
  readonly scope: string;
  readonly limitName: string;
  window: VendorWindow;
  enforced: Meter;
  /** The same window with every arrival counted, refused ones included. */
  offered: Meter;
  worst: number;
  worstAt: number | null;
  arrivals: number;
  violations: number;
}

export class LimitBook {
  private readonly limits = new Map<string, VendorLimit>();
  private readonly ledgers = new Map<string, Ledger>();
  /** The next reset of a limit as it was set, for scopes that have not been counted yet. */
  private readonly nextResets = new Map<string, number>();

  constructor(limits: readonly VendorLimit[]) {
    for (const limit of limits) this.limits.set(limit.name, limit);
  }

  limit(name: string): VendorLimit | undefined {
    return this.limits.get(name);
  }

  names(): string[] {
    return [...this.limits.keys()];
  }

  /** Judges a call that arrives at `now` and charges it. Returns null when it fits, else the longest refusal. */
  admit(call: CountedCall, now: number): Refusal | null {
    const entries = this.entriesFor(call, now);
    let refusal: Refusal | null = null;
    for (const { limit, ledger, units } of entries) {
      if (ledger.enforced.fits(now, units)) continue;
      ledger.violations++;
      if (limit.enforced === false) continue;
      const waitMs = ledger.enforced.waitMs(now, units);
      if (refusal === null || waitMs > (refusal.waitMs ?? 0)) refusal = { limit: limit.name, waitMs };
    }
    for (const entry of entries) this.count(entry, now, refusal === null);
    return refusal;
  }

  /** Charges a call that was admitted or refused before a restart. */
  replay(call: CountedCall, at: number, refused: boolean): void {
    for (const entry of this.entriesFor(call, at)) {
      const isJudged = refused || entry.limit.enforced === false;
      if (isJudged && !entry.ledger.enforced.fits(at, entry.units)) entry.ledger.violations++;
      this.count(entry, at, !refused);
    }
  }

  /** Throws RangeError when `change` would: no such limit, or a field that its window does not have. */
  checkChange(name: string, patch: LimitPatch): VendorLimit {
    const limit = this.limits.get(name);
    if (!limit) {
      throw new RangeError(`there is no limit "${name}"; the limits are: ${this.names().join(', ')}`);
    }
    for (const field of Object.keys(patch)) {
      const known =
        field in limit.window ||
        field === 'announcedRatePerSecond' ||
        field === 'enforced' ||
        (field === 'everyMs' && limit.window.kind === 'vendor-reset');
      if (known) continue;
      const has = Object.keys(limit.window).filter((f) => f !== 'kind');
      throw new RangeError(
        `limit "${name}" is a ${limit.window.kind} window and has no "${field}"; it has: ${has.join(', ')}`,
      );
    }
    return limit;
  }

  /** Replaces fields of a limit's window; what has been counted stays counted. */
  change(name: string, patch: LimitPatch, now: number): void {
    const limit = this.checkChange(name, patch);
    const { announcedRatePerSecond, enforced, ...fields } = patch;
    const { countOf, paceOf, ...rest } = limit;
    const keepsPace = fields.ratePerSecond === undefined && fields.burst === undefined;
    const changed: VendorLimit = {
      ...rest,
      ...(countOf && fields.count === undefined ? { countOf } : {}),
      ...(paceOf && keepsPace ? { paceOf } : {}),
      window: { ...limit.window, ...fields } as VendorWindow,
      ...(typeof announcedRatePerSecond === 'number' ? { announcedRatePerSecond } : {}),
      ...(typeof enforced === 'boolean' ? { enforced } : {}),
    };
    this.limits.set(name, changed);
    if (Object.keys(fields).length === 0) return;
    for (const ledger of this.ledgers.values()) {
      if (ledger.limitName !== name) continue;
      ledger.window = { ...ledger.window, ...fields } as VendorWindow;
      ledger.enforced = createMeter(ledger.window, now, ledger.enforced);
      ledger.offered = createMeter(ledger.window, now, ledger.offered);
    }
  }

  /** Throws RangeError for a limit that is not there or that never resets. */
  checkReset(name: string): void {
    const kind = this.checkChange(name, {}).window.kind;
    if (kind !== 'calendar' && kind !== 'vendor-reset') {
      throw new RangeError(
        `limit "${name}" is a ${kind} window: only calendar and vendor-reset windows reset`,
      );
    }
  }

  /** Sets the next reset of a calendar or vendor-reset limit: of one scope counted so far, or of all. */
  setReset(name: string, at: number, scope?: string): void {
    this.checkReset(name);
    if (scope === undefined) this.nextResets.set(name, at);
    for (const ledger of this.ledgers.values()) {
      if (ledger.limitName !== name || (scope !== undefined && ledger.scope !== scope)) continue;
      ledger.enforced.setReset?.(at);
      ledger.offered.setReset?.(at);
    }
  }

  /** Units left and the wait until all of `limit` is free, for headers. */
  state(
    name: string,
    call: CountedCall,
    now: number,
  ): { remaining: number; fullInMs: number; window: VendorWindow } | null {
    const limit = this.limits.get(name);
    if (!limit) return null;
    const { enforced, window } = this.ledger(limit, call, now);
    return {
      window,
      remaining: Math.max(0, enforced.limit - enforced.usage(now)),
      fullInMs: enforced.waitMs(now, enforced.limit),
    };
  }

  /** Books units after the fact, e.g. the tokens that an answer really used beyond the estimate. */
  book(name: string, call: CountedCall, units: number, now: number): void {
    const limit = this.limits.get(name);
    if (!limit) return;
    const ledger = this.ledger(limit, call, now);
    ledger.enforced.charge(now, units);
    ledger.offered.charge(now, units);
  }

  /** Forgets everything counted: every window is empty again. */
  reset(): void {
    this.ledgers.clear();
  }

  report(now: number): LimitReport[] {
    return [...this.ledgers.values()].map((ledger) => {
      const limit = this.limits.get(ledger.limitName);
      if (!limit) throw new Error(`ledger of an unknown limit ${ledger.limitName}`);
      return {
        limit: limit.name,
        scope: ledger.scope,
        window: ledger.window,
        allowed: ledger.enforced.limit,
        inUse: ledger.enforced.usage(now),
        worst: ledger.worst,
        worstAt: ledger.worstAt,
        arrivals: ledger.arrivals,
        violations: ledger.violations,
      };
    });
  }

  private count(
    { limit, ledger, units }: { limit: VendorLimit; ledger: Ledger; units: number },
    now: number,
    admitted: boolean,
  ): void {
    ledger.arrivals++;
    ledger.offered.charge(now, units);
    const held = ledger.offered.usage(now);
    if (held > ledger.worst) {
      ledger.worst = held;
      ledger.worstAt = now;
    }
    if (admitted || limit.countsRefused) ledger.enforced.charge(now, units);
  }

  private entriesFor(
    call: CountedCall,
    now: number,
  ): { limit: VendorLimit; ledger: Ledger; units: number }[] {
    const entries = [];
    for (const limit of this.limits.values()) {
      if (limit.operations !== '*' && !limit.operations.includes(call.operation)) continue;
      const unit = limit.unit ?? 'calls';
      const units = call.units?.[unit] ?? (unit === 'calls' ? 1 : 0);
      if (units > 0) entries.push({ limit, ledger: this.ledger(limit, call, now), units });
    }
    return entries;
  }

  private ledger(limit: VendorLimit, call: CountedCall, now: number): Ledger {
    const scope = fillScope(limit.scope, { account: call.account, ...call.attributes });
    const key = `${limit.name}\n${scope}`;
    let ledger = this.ledgers.get(key);
    if (!ledger) {
      const window: VendorWindow = limit.countOf
        ? ({ ...limit.window, count: limit.countOf(call) } as VendorWindow)
        : ({ ...limit.window, ...limit.paceOf?.(call) } as VendorWindow);
      ledger = {
        scope,
        limitName: limit.name,
        window,
        enforced: createMeter(window, now),
        offered: createMeter(window, now),
        worst: 0,
        worstAt: null,
        arrivals: 0,
        violations: 0,
      };
      const resetAt = this.nextResets.get(limit.name);
      if (resetAt !== undefined && resetAt > now) {
        ledger.enforced.setReset?.(resetAt);
        ledger.offered.setReset?.(resetAt);
      }
      this.ledgers.set(key, ledger);
    }
    return ledger;
  }
}
