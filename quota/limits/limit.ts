/**
 * Limits are data: name, scope, unit, window, reserve, mode. A vendor's folder lists them, settings may override
 * each of them, and the database decides by them.
 */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../durations';

/** Who asks. When a limit is short, background waits first, then scheduled, then live; interactive last. */
export const PRIORITIES = ['background', 'scheduled', 'live', 'interactive'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** 0 background, 1 scheduled, 2 live, 3 interactive: the order in which the database serves. */
export function priorityRank(priority: Priority): number {
  return PRIORITIES.indexOf(priority);
}

/** The opposite; null where no rank is given. */
export function priorityOfRank(rank: number | null): Priority | null {
  return rank === null ? null : (PRIORITIES[rank] ?? null);
}

/** `burst` units at once, refilled at `ratePerSecond` units a second. */
export interface TokenBucketWindow {
  readonly kind: 'token-bucket';
  readonly ratePerSecond: number;
  readonly burst: number;
}

/** Starts at least `ms` milliseconds apart. */
export interface SpacingWindow {
  readonly kind: 'spacing';
  readonly ms: number;
}

/** At most `count` units in any span of `ms` milliseconds, wherever the span starts. */
export interface RollingWindow {
  readonly kind: 'rolling';
  readonly count: number;
  readonly ms: number;
}

/** At most `count` units in each calendar minute, hour, day or month of `zone` (an IANA name). */
export interface CalendarWindow {
  readonly kind: 'calendar';
  readonly count: number;
  readonly per: 'minute' | 'hour' | 'day' | 'month';
  readonly zone: string;
}

/** At most `count` units until the instant at which the vendor says that it resets. */
export interface VendorResetWindow {
  readonly kind: 'vendor-reset';
  readonly count: number;
}

export type LimitWindow =
  | TokenBucketWindow
  | SpacingWindow
  | RollingWindow
  | CalendarWindow
  | VendorResetWindow;

/**
 * The share of a limit (0..1) that a priority must leave untouched. `{ background: 0.2 }` is the seed's daily
 * pause threshold of 0.8. Interactive work has no reserve held against it.
 */
export interface Reserve {
  readonly background?: number;
  readonly scheduled?: number;
  readonly live?: number;
}

export interface LimitTemplate {
  /** Unique within a vendor; settings override by this name. */
  readonly name: string;
  /** Operations that are charged to it; `*` for all. */
  readonly operations: readonly string[] | '*';
  /** Template over call attributes, e.g. `{account}` or `{account}/{deviceId}`; the vendor and name are prefixed. */
  readonly scope: string;
  /** Only calls whose attributes have one of these values are charged to it. Default: all calls. */
  readonly match?: Readonly<Record<string, readonly string[]>>;
  readonly unit: 'calls' | 'tokens';
  readonly window: LimitWindow;
  readonly reserve?: Reserve;
  readonly mode: 'enforce' | 'shadow';
  /**
   * Milliseconds by which a window is held longer than the vendor's own, for calls travel for unequal times and
   * the vendor counts arrivals. Default: `defaultSlackMs`.
   */
  readonly slackMs?: number;
  /** Where the number comes from: a vendor page, the seed, settings. */
  readonly source: string;
}

/** A template with its scope filled in: one row in the database. */
export interface LimitInstance {
  readonly key: string;
  readonly template: LimitTemplate;
}

/** A calendar window's length as planning takes it, ms; a month has 30 days. */
export const CALENDAR_MS: Readonly<Record<CalendarWindow['per'], number>> = {
  minute: MINUTE_MS,
  hour: HOUR_MS,
  day: DAY_MS,
  month: 30 * DAY_MS,
};

/** Units that a window holds at once. */
export function capacityOf(window: LimitWindow): number {
  switch (window.kind) {
    case 'token-bucket':
      return window.burst;
    case 'spacing':
      return 1;
    default:
      return window.count;
  }
}

/** The time in which a window's capacity comes back, ms; a day where only the vendor knows. */
export function windowMs(window: LimitWindow): number {
  switch (window.kind) {
    case 'token-bucket':
      return (window.burst * SECOND_MS) / window.ratePerSecond;
    case 'spacing':
    case 'rolling':
      return window.ms;
    case 'calendar':
      return CALENDAR_MS[window.per];
    case 'vendor-reset':
      return DAY_MS;
  }
}

/** The share of a limit that a priority may use, above 0 up to 1: one less its reserve. */
export function usableShare({ reserve }: Pick<LimitTemplate, 'reserve'>, priority: Priority): number {
  return 1 - (priority === 'interactive' ? 0 : (reserve?.[priority] ?? 0));
}

/** Units of a capacity within a share. As in the database: a reserve does not make impossible what the limit could hold. */
export function usableCapacity(capacity: number, share: number): number {
  return Math.max(capacity * share, Math.min(1, capacity));
}

/** One charge of a call against one limit. */
export interface Charge {
  readonly key: string;
  readonly units: number;
}

/**
 * The default slack: what calls may be held up between their departure and the vendor's count without coming too
 * close. It costs 2.5 % of the rate on spacing and rolling windows, none on token buckets with a burst (a quarter of the
 * burst instead) and none on calendar windows (their edges are kept clear); never more than 250 ms.
 */
export function defaultSlackMs(window: LimitWindow): number {
  switch (window.kind) {
    case 'token-bucket': {
      const msPerUnit = 1000 / window.ratePerSecond;
      return Math.min(MAX_SLACK_MS, Math.max(shareOf(msPerUnit), ((window.burst - 1) * msPerUnit) / 4));
    }
    case 'spacing':
    case 'rolling':
      return shareOf(window.ms);
    case 'calendar':
    case 'vendor-reset':
      return MAX_SLACK_MS;
  }
}

const MAX_SLACK_MS = 250;

/** 2.5 %, but 2 ms where that is at most 4 %: less is lost in the noise of any machine. */
function shareOf(ms: number): number {
  return Math.min(MAX_SLACK_MS, Math.max(ms * 0.025, Math.min(2, ms * 0.04)));
}

/** No surrogate without its partner: `encodeURIComponent` would throw an error that names nothing. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** Fills `{name}` in a scope template. Throws a RangeError that names the attribute when it is missing or unusable. */
export function fillScope(template: string, attributes: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
    if (value === undefined || value === '') {
      throw new RangeError(`limit scope "${template}" needs the call attribute "${name}", which is not set`);
    }
    if (!isWellFormed(value)) {
      throw new RangeError(`limit scope "${template}": the call attribute "${name}" is not valid Unicode`);
    }
    return encodeURIComponent(value);
  });
}

/** The attributes that a scope template names, in its order. */
export function scopeNames(scope: string): string[] {
  return [...scope.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
}

/** The scope template over attributes: `['application', 'reportType']` → `{application}/{reportType}`. */
export function scopeOf(names: readonly string[]): string {
  return names.map((name) => `{${name}}`).join('/');
}

/**
 * The key of a limit's row: one for each value of its scope.
 * @throws RangeError when its scope names an attribute that is not there.
 */
export function limitKey(
  vendor: string,
  { scope, name }: Pick<LimitTemplate, 'scope' | 'name'>,
  attributes: Readonly<Record<string, string>>,
): string {
  return keyWithin(vendor, fillScope(scope, attributes), name);
}

/** As `limitKey`, for a scope that is filled already, or cannot be. */
export function keyWithin(vendor: string, scope: string, name: string): string {
  return `${vendor}/${scope}/${name}`;
}

/** Whether a call's attributes are those that a limit is for. */
export function matches(
  { match = {} }: Pick<LimitTemplate, 'match'>,
  attributes: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(match).every(
    ([name, values]) => Object.hasOwn(attributes, name) && values.includes(attributes[name] ?? ''),
  );
}

/** Whether calls of an operation are charged to a limit. */
export function charges({ operations }: Pick<LimitTemplate, 'operations'>, operation: string): boolean {
  return operations === '*' || operations.includes(operation);
}

/** The limits a call falls under, with their keys; ordered by key, the order in which the database locks them. */
export function resolveLimits(
  vendor: string,
  templates: readonly LimitTemplate[],
  operation: string,
  attributes: Readonly<Record<string, string>>,
): LimitInstance[] {
  return templates
    .filter((template) => charges(template, operation) && matches(template, attributes))
    .map((template) => ({ key: limitKey(vendor, template, attributes), template }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}
