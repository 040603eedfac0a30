/** How many calls a limit allows in a day, whatever its window. Pure. */
import { DAY_MS } from '../durations';
import { CALENDAR_MS, type LimitWindow } from './limit';

/** Infinity for a window whose length only the vendor knows. */
export function callsADay(window: LimitWindow): number {
  switch (window.kind) {
    case 'token-bucket':
      return (window.ratePerSecond * DAY_MS) / 1000;
    case 'spacing':
      return DAY_MS / window.ms;
    case 'rolling':
      return (window.count * DAY_MS) / window.ms;
    case 'calendar':
      return (window.count * DAY_MS) / CALENDAR_MS[window.per];
    case 'vendor-reset':
      return Number.POSITIVE_INFINITY;
  }
}
