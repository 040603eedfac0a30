/**
 * When to retry a window that failed: depends on the failure, with intervals that grow with each answer. Whatever the
 * cause, the window heals by itself, at little cost. Pure; times are epoch milliseconds.
 */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../durations';

/**
 * - `not_yet`: the vendor says that its data is late
 * - `no_data`: the vendor says that there is nothing
 * - `cancelled`: the vendor gave the report up, which mostly means that there is no data
 * - `fatal`: the vendor could not make the report, in words that do not say why
 * - `refused`: the vendor did not take the request for this span, or has called it wrong
 * - `unreadable`: the document is not one of the report's
 * - `lost`: the vendor no longer knows the report or its document, or has answered no request for one
 * - `failed`: calls failed for longer than they are repeated
 * - `skipped`: not requested, because others were refused alike or the budget of failing windows is used up
 */
const WINDOW_CAUSES = [
  'not_yet',
  'no_data',
  'cancelled',
  'fatal',
  'refused',
  'unreadable',
  'lost',
  'failed',
  'skipped',
] as const;
export type WindowCause = (typeof WINDOW_CAUSES)[number];

interface Distances {
  /** Null: as soon as the same request may be made again. */
  readonly firstMs: number | null;
  readonly factor: number;
  readonly maxMs: number;
}

const DISTANCES: Readonly<Record<WindowCause, Distances>> = {
  not_yet: { firstMs: HOUR_MS, factor: 2, maxMs: DAY_MS },
  no_data: { firstMs: HOUR_MS, factor: 2, maxMs: DAY_MS },
  cancelled: { firstMs: null, factor: 3, maxMs: DAY_MS },
  fatal: { firstMs: DAY_MS, factor: 2, maxMs: 7 * DAY_MS },
  refused: { firstMs: DAY_MS, factor: 2, maxMs: 7 * DAY_MS },
  unreadable: { firstMs: DAY_MS, factor: 2, maxMs: 7 * DAY_MS },
  lost: { firstMs: null, factor: 2, maxMs: DAY_MS },
  // Most outages are short, and new hours are to be had on time.
  failed: { firstMs: 5 * MINUTE_MS, factor: 3, maxMs: DAY_MS },
  skipped: { firstMs: HOUR_MS, factor: 1, maxMs: HOUR_MS },
};

/**
 * From a failure to the next try, ms. @param tries answers so far, this one among them.
 * @param reRequestMs the vendor wants the same request no sooner again; where that is all that is waited for, it is the
 *   first distance.
 * @param ageMs how long ago the window ended, where the vendor serves others of its kind. What it cannot
 *   make of the latest hours, without saying why, it mostly just does not have yet: no such window waits for longer than
 *   it is old, so that the tries go apart with its age.
 */
export function retryDistanceMs(
  cause: WindowCause,
  tries: number,
  reRequestMs = 30 * MINUTE_MS,
  ageMs = Number.POSITIVE_INFINITY,
): number {
  const { firstMs, factor, maxMs } = DISTANCES[cause];
  const distance = Math.min(maxMs, (firstMs ?? reRequestMs) * factor ** Math.max(0, tries - 1));
  return cause === 'fatal' ? Math.min(distance, Math.max(YOUNGEST_MS, ageMs)) : distance;
}

/** Least wait of what may only be late, ms. */
const YOUNGEST_MS = HOUR_MS;

/** Amazon and its like cancel a report for which there is no data; so many such answers in a row are believed. */
const CANCELLED_MEANS_EMPTY = 3;

/** True when the answers mean that the window holds nothing: it is provisionally empty then, and no failure. */
export function meansEmpty(cause: WindowCause, tries: number): boolean {
  return cause === 'no_data' || (cause === 'cancelled' && tries >= CANCELLED_MEANS_EMPTY);
}

/** Refusals of a whole span that may not hold for a part of it. */
export function isWorthSplitting(cause: WindowCause): boolean {
  return cause === 'fatal' || cause === 'refused';
}

/** Answers that speak against all windows of a series alike when several in a row are of their kind. */
export function speaksAgainstAll(cause: WindowCause): boolean {
  return REFUSALS.has(cause);
}

const REFUSALS: ReadonlySet<WindowCause> = new Set(['cancelled', 'fatal', 'refused', 'unreadable', 'lost']);

interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Two parts on the grid, for a report that the vendor could not make over the whole span. Halves at the first try; at each
 * later one it is cut elsewhere, so that a span with several bad hours is had bit by bit without many calls at once.
 * Null for a single cell of the grid, which is as small as it gets.
 * @param tries answers that the span has had before.
 */
export function splitWindow(span: Span, gridMs: number, tries = 0): readonly [Span, Span] | null {
  const cells = Math.round((span.to - span.from) / gridMs);
  if (cells < 2) return null;
  const cut = Math.min(cells - 1, Math.max(1, Math.ceil(cells * vanDerCorput(tries + 1))));
  const middle = span.from + cut * gridMs;
  return [
    { from: span.from, to: middle },
    { from: middle, to: span.to },
  ];
}

/** 1/2, 1/4, 3/4, 1/8, 5/8, …: each number far from those before it. */
function vanDerCorput(n: number): number {
  let value = 0;
  for (let rest = n, share = 0.5; rest > 0; rest = Math.floor(rest / 2), share /= 2)
    value += (rest % 2) * share;
  return value;
}

/**
 * Calls that failing windows may still make. @param dayQuota calls that the vendor allows in a day.
 * @param used those of failing windows in the last day.
 */
export function failingCallsLeft(dayQuota: number, share: number, used: number): number {
  return Math.max(FEWEST_CALLS, Math.floor(dayQuota * share)) - used;
}

/** Where a day's quota is tiny, a share of it would be nothing at all. */
const FEWEST_CALLS = 3;
