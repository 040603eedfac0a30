/**
 * How many calls of a batch to keep in flight: more while calls succeed and quota is left, fewer when the error rate
 * or the use of quota is high, in smooth steps. Pure.
 */
import { MINUTE_MS } from '../durations';

export interface ConcurrencyPolicy {
  readonly min: number;
  readonly max: number;
  /** Down when more than this share of the last calls failed. */
  readonly errorsDown: number;
  /** Down when more than this share of the tightest quota is used. */
  readonly quotaDown: number;
  /** Up when at least this share of the last calls succeeded… */
  readonly successUp: number;
  /** …and less than this share of the tightest quota is used. */
  readonly quotaUp: number;
  /** Calls that have to have ended before a decision; a whole round without a failure is enough to go up. */
  readonly sample: number;
}

/** Seed: 4 → 16, errors > 20 % or quota > 90 % down, success > 95 % and quota < 50 % up. */
export const DEFAULT_CONCURRENCY: ConcurrencyPolicy = {
  min: 4,
  max: 16,
  errorsDown: 0.2,
  quotaDown: 0.9,
  successUp: 0.95,
  quotaUp: 0.5,
  sample: 20,
};

export interface ConcurrencySample {
  /** Calls in flight allowed now. */
  readonly current: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Share 0..1 of the tightest hard quota in use; null when nothing is known. */
  readonly quotaUse: number | null;
}

export interface ConcurrencyDecision {
  readonly next: number;
  readonly change: 'up' | 'down' | 'keep';
  /** For the log: why, with the numbers. */
  readonly reason: string;
}

/** Never changes by more than a factor of two, never leaves [min, max]. */
export function decideConcurrency(policy: ConcurrencyPolicy, sample: ConcurrencySample): ConcurrencyDecision {
  const { current, succeeded, failed, quotaUse } = sample;
  const ended = succeeded + failed;
  const clamp = (n: number) => Math.min(policy.max, Math.max(policy.min, Math.round(n)));
  const keep = (reason: string): ConcurrencyDecision => ({ next: clamp(current), change: 'keep', reason });
  const errors = ended === 0 ? 0 : failed / ended;
  const use = quotaUse ?? 0;
  const numbers = `errors ${percent(errors)}, quota ${quotaUse === null ? 'unknown' : percent(use)}`;
  if (use > policy.quotaDown) return move(current, clamp(current * 0.75), `quota use is high: ${numbers}`);
  // From 4 to 128 in flight are five rounds then; at 4 alone a sample of twenty would take five.
  const wanted = failed === 0 ? Math.min(policy.sample, current) : policy.sample;
  if (ended < wanted) return keep(`only ${ended} of ${wanted} calls ended`);
  if (errors > policy.errorsDown) return move(current, clamp(current / 2), `too many errors: ${numbers}`);
  if (1 - errors > policy.successUp && use < policy.quotaUp) {
    return move(current, clamp(Math.max(current + 1, current * 2)), `all goes well: ${numbers}`);
  }
  return keep(numbers);
}

/**
 * Whether it is time for a decision: after a whole round of calls, so that the last change has had its effect; with
 * failures among them, after the sample at least.
 */
export function isRoundOver(policy: ConcurrencyPolicy, sample: ConcurrencySample): boolean {
  const ended = sample.succeeded + sample.failed;
  return ended >= sample.current && (sample.failed === 0 || ended >= policy.sample);
}

/** What the last page of a batch found to be good. */
export interface KnownPace {
  /** Calls in flight with which a round of calls has ended well. */
  readonly concurrency: number;
  /** False when the page was cut short: by a kill, or by a pause of its pool. */
  readonly endedWell: boolean;
  /** Since it was last seen to be so, ms. */
  readonly ageMs: number;
}

/** What was good longer ago than this says nothing of now: a vendor's limits and its other callers change, ms. */
const PACE_KEPT_MS = 5 * MINUTE_MS;

/**
 * Calls in flight to begin a page with, and why. After a page that was cut short, half of what was good with it: whatever
 * stopped it may have been too many calls. After a long pause, as at first.
 * @param carried what the last page that ended by itself has handed on; null when there was none.
 */
export function startingConcurrency(
  policy: Pick<ConcurrencyPolicy, 'min' | 'max'>,
  carried: number | null,
  known: KnownPace | null,
): { readonly start: number; readonly reason: string } {
  const clamp = (n: number) => Math.min(policy.max, Math.max(policy.min, Math.floor(n)));
  if (known === null) {
    return carried === null
      ? { start: clamp(policy.min), reason: 'the first page begins with the least' }
      : { start: clamp(carried), reason: 'as the page before' };
  }
  const { concurrency, endedWell, ageMs } = known;
  if (ageMs > PACE_KEPT_MS) {
    const minutes = Math.round(ageMs / MINUTE_MS);
    return { start: clamp(policy.min), reason: `the last page was ${minutes} min ago: as at first` };
  }
  if (endedWell) return { start: clamp(carried ?? concurrency), reason: 'as the page before' };
  const seconds = Math.round(ageMs / 1000);
  const reason = `a page was cut short ${seconds} s ago: half of the ${concurrency} that were good`;
  return { start: clamp(concurrency / 2), reason };
}

function move(current: number, next: number, reason: string): ConcurrencyDecision {
  return { next, change: next > current ? 'up' : next < current ? 'down' : 'keep', reason };
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
