/**
 * Which hours of data are due while a test runs.
 *
 * A sync asks for an hour once it ended `safeMinutesLag` ago. With the same lag in every run, a test that
 * begins just before the full hour sees one more window than it expects. The lag is therefore chosen when the
 * test file is loaded, so that the next hour falls due half an hour later at the earliest.
 */
import { HOUR_MS, MINUTE_MS } from '../../../quota/durations';

const HALF_HOUR_MS = HOUR_MS / 2;
const loadedAt = Date.now();

/** The lag in whole minutes: `hours`, and up to half an hour more; `at` is an instant in ms. */
export function steadyLagMinutes(hours = 1, at: number = loadedAt): number {
  const intoTheHour = at % HOUR_MS;
  return Math.ceil((hours * HOUR_MS + Math.max(0, intoTheHour - HALF_HOUR_MS)) / MINUTE_MS);
}
