/**
 * When a wait is worth an event: a long one each time it begins; one that comes and goes with a limit's pace once an
 * hour. Pure; times are epoch ms.
 */
import { HOUR_MS } from '../durations';

/** What is waited for. */
export interface WaitCause {
  readonly cause: string;
  /** E.g. the key of a limit; empty where the cause says it all. */
  readonly subject: string;
}

export interface ReportedWait extends WaitCause {
  readonly at: number;
  /** The end of the wait that was reported; Infinity when unknown. */
  readonly until: number;
}

/** Shorter waits are the pace of a limit, ms. */
export const WORTH_SAYING_MS = 2_000;
/** A wait this long is reported whenever it begins, ms. */
const LONG_MS = 60_000;
const QUIET_MS = HOUR_MS;

/**
 * @param reported the last wait of the same work that was reported; null for none.
 * @param until of this wait; null where nobody knows it.
 */
export function isWaitNews(
  reported: ReportedWait | null,
  wait: WaitCause,
  until: number | null,
  now: number,
): boolean {
  const left = until === null ? Number.POSITIVE_INFINITY : until - now;
  if (left < WORTH_SAYING_MS) return false;
  if (reported === null || now - reported.at >= QUIET_MS) return true;
  const isSame = reported.cause === wait.cause && reported.subject === wait.subject;
  // A wait that grows while it lasts is the one that was reported.
  if (isSame) return left >= LONG_MS && reported.until <= now;
  return left >= LONG_MS || now - reported.at >= LONG_MS;
}
