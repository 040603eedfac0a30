/** When the item of a refused line is sent again. Pure. */
import { HOUR_MS } from '../durations';
import { type BackoffPolicy, retryDelayMs } from '../retry-delay';

/** A line's next try is a whole file again: more than this between two is not needed to spare the vendor, ms. */
const LONGEST_MS = HOUR_MS;
/** The first wait, in times from a file's batch to its first poll: a minute, as that is 15 s by default. */
const FIRST_POLLS = 4;

/**
 * Each try of a line is an upload, a batch and its results, and few tries are to outlast an outage. So it waits a few
 * times as long as a file's first poll, twice as long each time; a shorter wait that the vendor states counts for the
 * first try only.
 * @param policy of a single call with this verdict.
 * @param refusedBefore how often in a row the item has been refused so before.
 * @param firstPollMs time from a file's batch to its first poll.
 * @param jitter -1..1, uniform.
 * @returns milliseconds.
 */
export function lineRetryMs(
  policy: BackoffPolicy,
  refusedBefore: number,
  statedWaitMs: number | null,
  firstPollMs: number,
  jitter: number,
): number {
  if (statedWaitMs !== null && refusedBefore === 0) return retryDelayMs(policy, 1, statedWaitMs, 0);
  const own = {
    ...policy,
    baseMs: Math.max(policy.baseMs, FIRST_POLLS * firstPollMs),
    maxMs: Math.max(policy.maxMs, LONGEST_MS),
  };
  return Math.max(statedWaitMs ?? 0, retryDelayMs(own, refusedBefore + 1, null, jitter));
}
