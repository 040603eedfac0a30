/**
 * When a read that failed is called again. Every try costs a call of the day, and a day may have fifty: distances
 * grow fast, so that what keeps failing costs a dozen calls a day at most.
 */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../durations';

/** `passing`: the vendor or the network failed, or nobody knows what became of it. `refused`: the vendor does not serve it. */
export type ReadFailureKind = 'passing' | 'refused';

const DISTANCES: Readonly<Record<ReadFailureKind, { baseMs: number; factor: number; maxMs: number }>> = {
  passing: { baseMs: 10 * SECOND_MS, factor: 3, maxMs: 4 * HOUR_MS },
  refused: { baseMs: 15 * MINUTE_MS, factor: 4, maxMs: DAY_MS },
};

/**
 * @param failures in a row, this one included.
 * @param statedWaitMs the vendor's own wait, which is never cut short; 0 when it named none.
 * @returns milliseconds from the failure.
 */
export function readRetryMs(kind: ReadFailureKind, failures: number, statedWaitMs = 0): number {
  const { baseMs, factor, maxMs } = DISTANCES[kind];
  const exponent = Math.min(20, Math.max(0, failures - 1));
  return Math.max(statedWaitMs, Math.min(maxMs, baseMs * factor ** exponent));
}
