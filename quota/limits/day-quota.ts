/** How many calls a limit allows in a day, whatever its window. Pure. */
import { DAY_MS } from '../durations';
import type { LimitWindow } from './limit';

const MONTH_DAYS = 30;

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
      return window.count * WINDOWS_A_DAY[window.per];
    case 'vendor-reset':
      return Number.POSITIVE_INFINITY;
  }
}

const WINDOWS_A_DAY = { minute: 24 * 60, hour: 24, day: 1, month: 1 / MONTH_DAYS } as const;
