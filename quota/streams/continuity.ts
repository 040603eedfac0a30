/** Decisions about a stream's connection. Times are epoch ms or lengths in ms; nothing is read or sent here. */
import { MINUTE_MS, SECOND_MS } from '../durations';

export interface Continuity {
  /** Since when no change has been missed; null: never. */
  readonly since: number | null;
  /** Up to when that held. */
  readonly aliveAt: number | null;
}

export interface Resumed {
  /** Since when no change will have been missed. */
  readonly since: number;
  /** Changes from before that are to be read by calls. */
  readonly seed: boolean;
}

/** What a new connection at `now` carries on. A short gap, as a renewed token makes one, costs no calls. */
export function resume({ since, aliveAt }: Continuity, now: number, gapMs: number): Resumed {
  const whole = since !== null && aliveAt !== null && now - aliveAt <= gapMs && since <= now;
  return whole ? { since, seed: false } : { since: now, seed: true };
}

const LONGEST_MARGIN_MS = 45 * SECOND_MS;

/** When to reconnect with another token: before the one in use ends. */
export function renewAfterMs(expiresInMs: number): number {
  return Math.max(0, expiresInMs - Math.min(LONGEST_MARGIN_MS, expiresInMs / 5));
}

export const LONGEST_RETRY_MS = 5 * MINUTE_MS;

/** Wait before the next try, by the number of failures in a row. */
export function retryAfterMs(failures: number, firstMs = SECOND_MS): number {
  return Math.min(LONGEST_RETRY_MS, firstMs * 2 ** Math.min(20, Math.max(0, failures - 1)));
}
