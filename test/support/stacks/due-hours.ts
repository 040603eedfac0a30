/**
 * Which hours of data are due, and which day it is, while a test runs.
 *
 * A sync asks for an hour once it ended `safeMinutesLag` ago, and a day's calls are counted anew from midnight on. With the
 * same lag and the same zone in every run, a test that begins just before the full hour or before midnight sees one
 * window more, or one day's calls fewer, than it expects. Lag, hours and zone are therefore chosen when the test file is
 * loaded, so that the next hour falls due half an hour later at the earliest, and midnight comes half a day later.
 */
import { nextBoundary } from '../../../quota/calendar';
import { HOUR_MS, MINUTE_MS } from '../../../quota/durations';
import type { Span } from '../../../quota/windows/chunks';

const HALF_HOUR_MS = HOUR_MS / 2;
const NOON = 12;
const loadedAt = Date.now();

/** The lag in whole minutes: `hours`, and up to half an hour more; `at` is an instant in ms. */
export function steadyLagMinutes(hours = 1, at: number = loadedAt): number {
  const intoTheHour = at % HOUR_MS;
  return Math.ceil((hours * HOUR_MS + Math.max(0, intoTheHour - HALF_HOUR_MS)) / MINUTE_MS);
}

/** Whole hours up to two hours ago, all of them ready at the vendor: the same ones for the whole test file. */
export function lastHours(hours: number, at: number = loadedAt): Span {
  const to = Math.floor(at / HOUR_MS - 2) * HOUR_MS;
  return { from: to - hours * HOUR_MS, to };
}

/** A zone whose clocks show noon, without summer time. Its name counts hours west of Greenwich. */
export function noonZone(at: number = loadedAt): string {
  const west = (Math.floor(at / HOUR_MS) % 24) - NOON;
  return `Etc/GMT${west < 0 ? '-' : '+'}${Math.abs(west)}`;
}

/** For limits that count by the day or the month. */
export const STEADY_ZONE = noonZone();

/** When a day of that zone ends. */
export const STEADY_DAY_ENDS = nextBoundary(loadedAt, 'day', STEADY_ZONE);
