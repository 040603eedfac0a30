/**
 * The backoff that all callers of a limit share after a rate refusal ("too fast"), where the vendor states no usable
 * wait. It grows with each refusal in a row, whoever met it. Pure: the caller keeps the state where every process sees
 * it, under a lock.
 */
import { type BackoffPolicy, MIN_DELAY_MS, retryDelayMs } from '../retry-delay';

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
 * A stated wait below this, ms, is believed once. "Retry-After: 0" with each refusal would otherwise be twenty refused
 * calls a second, for as long as the vendor says it.
 */
const SHORT_WAIT_MS = 1000;

/**
 * The block after a refusal. Calls that were in flight together report one refusal: only the first of them counts. A
 * wait that the vendor states is taken as it is and is no strike; only one that is as good as none grows, from
 * `MIN_DELAY_MS`, while what is called after it is refused again. A block is never shortened.
 */
export function afterRefusal(
  block: RateBlock,
  refusal: RateRefusal,
  policy: BackoffPolicy,
  now: number,
): RateBlock {
  const { departedAt, statedWaitMs, jitter } = refusal;
  const stated = statedWaitMs !== null && Number.isFinite(statedWaitMs) ? statedWaitMs : null;
  // It left before the last block ended: that block exists for this very refusal.
  const isOfLastBlock = departedAt < block.blockedUntil;
  if (isOfLastBlock && stated === null) return block;
  const isStrike = !isOfLastBlock && (stated === null || stated < SHORT_WAIT_MS);
  const strikes = block.strikes + (isStrike ? 1 : 0);
  const wait =
    stated === null
      ? retryDelayMs(policy, strikes, null, jitter)
      : Math.max(
          stated,
          isStrike ? retryDelayMs({ ...policy, baseMs: MIN_DELAY_MS }, strikes, null, jitter) : MIN_DELAY_MS,
        );
  return { strikes, blockedUntil: Math.max(block.blockedUntil, now + wait) };
}
