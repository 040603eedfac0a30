/**
 * How many calls of a batch to keep in flight: up while all goes well and there is quota, down when errors or quota
 * use are high, in smooth steps. A pure function; the seed's numbers are the defaults.
 */

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

function move(current: number, next: number, reason: string): ConcurrencyDecision {
  return { next, change: next > current ? 'up' : next < current ? 'down' : 'keep', reason };
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
