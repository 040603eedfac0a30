/**
 * CarData: 50 calls a day of an account, over all that it offers; refused calls count. The login answers elsewhere and is
 * not counted. When the day begins is disputed: at midnight UTC, or each call leaves the count 24 hours after it was made.
 *
 * Source: the vendor's CarData customer portal (50 requests a day), and what its users have measured.
 */
import { startOfDay } from '../../quota/calendar';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../quota/durations';
import type { LimitTemplate } from '../../quota/limits/limit';
import type { RetryPolicies } from '../../quota/retry-delay';
import type { VendorRules } from '../contract';

export const DAY_LIMIT = 'calls-per-day';
export const CALLS_A_DAY = 50;
/** Of these, what polling and other scheduled work leave to people who ask for something now. */
export const INTERACTIVE_CALLS = 10;

export type QuotaWindow = 'midnight' | 'rolling';

/** Operations of the interface, each a call of the day's. */
export const API_OPERATIONS = {
  vehicles: 'mappings',
  telematics: 'telematics',
  basicData: 'basic-data',
  chargingHistory: 'charging-history',
  tyres: 'tyres',
  chargingSettings: 'charging-settings',
  image: 'image',
  listContainers: 'container-list',
  createContainer: 'container-create',
  removeContainer: 'container-remove',
} as const;

export const LOGIN_OPERATIONS = {
  start: 'device-code',
  poll: 'device-token',
  refresh: 'token-refresh',
} as const;

/** The login answers on another host, and costs none of the day's calls: a spent day must end neither a login nor a stream. */
export const UNMETERED: readonly string[] = Object.values(LOGIN_OPERATIONS);

const API_NAMES: readonly string[] = Object.values(API_OPERATIONS);
export const CARDATA_OPERATIONS: readonly string[] = [...API_NAMES, ...UNMETERED];

export const cardataAttributes: VendorRules['attributes'] = {
  vin: {
    of: ['telematics', 'basic-data', 'charging-history', 'tyres', 'charging-settings', 'image'],
    about: 'the vehicle that the call is about',
  },
};

/** @param interactiveCalls of the day's calls, kept for people. */
export function cardataLimits(quotaWindow: QuotaWindow, interactiveCalls: number): readonly LimitTemplate[] {
  const share = interactiveCalls / CALLS_A_DAY;
  return [
    {
      name: DAY_LIMIT,
      operations: API_NAMES,
      scope: '{account}',
      unit: 'calls',
      window:
        quotaWindow === 'midnight'
          ? { kind: 'calendar', count: CALLS_A_DAY, per: 'day', zone: 'UTC' }
          : { kind: 'rolling', count: CALLS_A_DAY, ms: DAY_MS },
      reserve: { background: share, scheduled: share, live: share },
      mode: 'enforce',
      source: 'BMW CarData: 50 requests a day',
    },
  ];
}

/** No try in place: each is a call of 50, and what is asked for again is asked for later. */
export const cardataRetry: RetryPolicies = {
  rate: { baseMs: MINUTE_MS, maxMs: 5 * MINUTE_MS, attempts: 1 },
  server: { baseMs: 30 * SECOND_MS, maxMs: 5 * MINUTE_MS, attempts: 1 },
};

/** So far the vendor's clock is usually behind ours at most, ms. */
const CLOCKS_APART_MS = 10 * MINUTE_MS;
/** So long after midnight a refusal may still be the day's before, ms. */
const LATE_END_MS = 2 * HOUR_MS;
/** After midnight, ms. */
const MARGIN_MS = 5 * SECOND_MS;

/**
 * How long the day's quota is used up, where the vendor does not say, ms.
 *
 * To probe every five minutes, as after an unknown pause, would be right only if a probe cost nothing; here a refused
 * probe is a call. Of a day that ends at midnight all are spent, so the end of that day is the time, and no probe comes
 * before. What is refused in the hours after midnight may be refused by a day that has not ended there: it is asked again at 10
 * minutes past, and then when twice the time has gone by, five times at most. To wait for the next midnight would lose the day.
 * In a rolling window 288 probes a day would fill it by themselves, and it would never be free again. There a twelfth of it
 * is waited: by then 4 calls have left on average, and 12 probes a day leave three quarters of it to work.
 */
export function usedUpForMs(quotaWindow: QuotaWindow, nowMs: number): number {
  if (quotaWindow === 'rolling' || !Number.isFinite(nowMs)) return 2 * HOUR_MS;
  const began = startOfDay(nowMs, 'UTC');
  const sinceMs = nowMs - began;
  if (sinceMs < CLOCKS_APART_MS) return CLOCKS_APART_MS - sinceMs;
  if (sinceMs < LATE_END_MS) return sinceMs;
  return began + DAY_MS + MARGIN_MS - nowMs;
}
