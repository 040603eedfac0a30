/**
 * The wait that a limit's callers share after "too fast", where the vendor names none: 1, 2, 4 … seconds, longer with
 * each refusal in a row, whoever met it. Pure: the state is kept where every process sees it, under a lock.
 */
import { type BackoffPolicy, MIN_DELAY_MS, retryDelayMs } from './retry-delay';

/** How a limit stands with the vendor. Times are epoch ms. */
export interface RateBlock {
  /** Refusals in a row, each of a call that left after the block before had ended. */
  readonly strikes: number;
  /** Nobody's call leaves before. */
  readonly blockedUntil: number;
}

export interface RateRefusal {
  /** When the refused call left. */
  readonly departedAt: number;
  /** The vendor's own wait, ms; null when it named none. */
  readonly statedWaitMs: number | null;
  /** -1..1, uniform: scales the 10 %. */
  readonly jitter: number;
}

/**
 * The block after a refusal. Calls that were in flight together report one refusal: only the first of them counts. A
 * wait that the vendor states is taken as it is and is no strike. A block is never shortened.
 */
export function afterRefusal(
  block: RateBlock,
  refusal: RateRefusal,
  policy: BackoffPolicy,
  now: number,
): RateBlock {
  const { departedAt, statedWaitMs, jitter } = refusal;
  if (statedWaitMs !== null && Number.isFinite(statedWaitMs)) {
    return {
      ...block,
      blockedUntil: Math.max(block.blockedUntil, now + Math.max(MIN_DELAY_MS, statedWaitMs)),
    };
  }
  // It left before the last block ended: what it was told is what that block is there for.
  if (departedAt < block.blockedUntil) return block;
  const strikes = block.strikes + 1;
  const wait = retryDelayMs(policy, strikes, null, jitter);
  return { strikes, blockedUntil: Math.max(block.blockedUntil, now + wait) };
}
