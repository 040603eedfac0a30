/**
 * Checks independently whether a log of arrivals kept a limit: from the definition of the limit, not from the meters
 * that decided while calls arrived. Tests and benchmarks feed `/_sim/calls` into it.
 */

import { nextBoundary } from '../../../quota/calendar';
import { capacityOf } from '../../../quota/limits/limit';
import type { VendorWindow } from './meters';

export interface Judged {
  readonly allowed: number;
  /** The most units that any one window held. */
  readonly worst: number;
  /** Epoch ms of the arrival that completed the worst window; null for an empty log. */
  readonly worstAt: number | null;
  readonly kept: boolean;
}

/**
 * @param arrivals epoch ms of every arrival, in any order; one unit each.
 * @throws RangeError for a vendor-reset window, which has no definition without the vendor's resets.
 */
export function judgeArrivals(window: VendorWindow, arrivals: readonly number[]): Judged {
  const times = [...arrivals].sort((a, b) => a - b);
  const allowed = capacityOf(window);
  let worst = 0;
  let worstAt: number | null = null;
  const see = (units: number, at: number) => {
    if (units > worst) {
      worst = units;
      worstAt = at;
    }
  };
  switch (window.kind) {
    case 'token-bucket': {
      // Kept when every span from arrival i to j holds at most burst + rate × (tj − ti) units.
      let best = 0;
      let last: number | null = null;
      for (const at of times) {
        const refilled = last === null ? 0 : ((at - last) * window.ratePerSecond) / 1000;
        best = Math.max(best - refilled, 0) + 1;
        last = at;
        see(best, at);
      }
      break;
    }
    case 'spacing':
    case 'rolling': {
      let first = 0;
      times.forEach((at, i) => {
        while ((times[first] ?? at) + window.ms <= at) first++;
        see(i - first + 1, at);
      });
      break;
    }
    case 'calendar': {
      let end = Number.NEGATIVE_INFINITY;
      let count = 0;
      for (const at of times) {
        if (at >= end) {
          end = nextBoundary(at, window.per, window.zone);
          count = 0;
        }
        see(++count, at);
      }
      break;
    }
    case 'vendor-reset':
      throw new RangeError('a vendor-reset window cannot be judged from arrivals alone');
  }
  return { allowed, worst, worstAt, kept: worst <= allowed + toleratedUnits(window) };
}

/** What a bucket refills in 0.002 ms: an instant as epoch ms has no finer resolution. Counts are exact. */
function toleratedUnits(window: VendorWindow): number {
  return window.kind === 'token-bucket' ? (window.ratePerSecond * 0.002) / 1000 : 0;
}
