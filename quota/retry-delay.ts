/**
 * How long to wait before the next attempt: a pure function of policy, verdict, attempt and the vendor's stated
 * wait. The vendor's time always wins; a modelled wait carries 10 % jitter; a delay is never 0.
 */
import type { VerdictKind } from './verdict';

/** Doubling from `baseMs` to `maxMs`; `attempts` counts all tries, the first included. */
export interface BackoffPolicy {
  readonly baseMs: number;
  readonly maxMs: number;
  readonly attempts: number;
}

/** "Too fast". */
export interface RateBackoffPolicy extends BackoffPolicy {
  /**
   * True: the wait grows with the refusals of the limit, whoever met them, over all callers and processes
   * (`rate-strikes.ts`); otherwise with the attempts of each call.
   */
  readonly shared?: boolean;
}

/** Backoff per verdict; a verdict that is not listed is not retried in place. */
export interface RetryPolicies {
  readonly rate: RateBackoffPolicy;
  readonly server: BackoffPolicy;
}

/** Temporal stops retrying when nextRetryDelay is 0, and its timers are coarse below this. */
export const MIN_DELAY_MS = 50;

/**
 * @param attempt 1 for the first failed try.
 * @param statedWaitMs the vendor's own wait; null when it named none.
 * @param jitter -1..1, uniform: scales the 10 %.
 * @returns milliseconds, at least MIN_DELAY_MS and never below the stated wait.
 */
export function retryDelayMs(
  policy: BackoffPolicy,
  attempt: number,
  statedWaitMs: number | null,
  jitter: number,
): number {
  if (statedWaitMs !== null && Number.isFinite(statedWaitMs)) {
    return Math.max(MIN_DELAY_MS, Math.ceil(statedWaitMs));
  }
  const exponent = Math.min(30, Math.max(0, (attempt || 1) - 1));
  const modelled = Math.min(policy.maxMs, policy.baseMs * 2 ** exponent);
  const unit = Math.min(1, Math.max(-1, jitter || 0));
  return Math.max(MIN_DELAY_MS, Math.round(modelled * (1 + 0.1 * unit)));
}

/** The policy for a verdict, or null when the verdict is not retried in place. */
export function backoffFor(policies: RetryPolicies, kind: VerdictKind): BackoffPolicy | null {
  if (kind === 'rate') return policies.rate;
  if (kind === 'server') return policies.server;
  return null;
}
