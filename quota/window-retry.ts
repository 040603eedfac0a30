/**
 * When is a window that failed tried again? By what it failed with, at distances that grow with each answer: whatever
 * stands in the way, it heals by itself, and until then it costs little. Pure; times are epoch milliseconds.
 */

/**
 * - `not_yet`: the vendor says that its data is late
 * - `cancelled`: the vendor gave the report up, which mostly means that there is no data
 * - `fatal`: the vendor could not make the report, whatever it says about why
 * - `refused`: the vendor did not take the request for this span
 * - `unreadable`: the document is not one of the report's
 * - `lost`: the vendor no longer knows the report or its document
 * - `failed`: calls failed for longer than they are repeated
 * - `skipped`: not asked for, because others were refused alike or the budget of failing windows is used up
 */
const WINDOW_CAUSES = [
  'not_yet',
  'cancelled',
  'fatal',
  'refused',
  'unreadable',
  'lost',
  'failed',
  'skipped',
] as const;
export type WindowCause = (typeof WINDOW_CAUSES)[number];

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

interface Distances {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

const DISTANCES: Readonly<Record<WindowCause, Distances>> = {
  not_yet: { firstMs: HOUR_MS, factor: 2, maxMs: DAY_MS },
  cancelled: { firstMs: 30 * MINUTE_MS, factor: 3, maxMs: DAY_MS },
  fatal: { firstMs: 6 * HOUR_MS, factor: 2, maxMs: 7 * DAY_MS },
  refused: { firstMs: 6 * HOUR_MS, factor: 2, maxMs: 7 * DAY_MS },
  unreadable: { firstMs: 2 * HOUR_MS, factor: 2, maxMs: 3 * DAY_MS },
  lost: { firstMs: 30 * MINUTE_MS, factor: 2, maxMs: DAY_MS },
  failed: { firstMs: HOUR_MS, factor: 2, maxMs: DAY_MS },
  skipped: { firstMs: HOUR_MS, factor: 1, maxMs: HOUR_MS },
};

/** From a failure to the next try, ms. @param tries answers so far, this one among them. */
export function retryDistanceMs(cause: WindowCause, tries: number): number {
  const { firstMs, factor, maxMs } = DISTANCES[cause];
  return Math.min(maxMs, firstMs * factor ** Math.max(0, tries - 1));
}

/** Amazon and its like cancel a report for which there is no data; so many such answers in a row are believed. */
const CANCELLED_MEANS_EMPTY = 3;

/** True when the answers mean that the window holds nothing: it is provisionally empty then, and no failure. */
export function meansEmpty(cause: WindowCause, tries: number): boolean {
  return cause === 'cancelled' && tries >= CANCELLED_MEANS_EMPTY;
}
