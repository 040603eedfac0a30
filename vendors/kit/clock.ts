/** Time in the simulators, in epoch ms: what they judge arrivals by. */
import { performance } from 'node:perf_hooks';

/** Epoch milliseconds with a fraction. Never goes back while the process lives. */
export type Clock = () => number;

/**
 * The simulators' clock: the wall clock at process start, carried on by the monotonic timer, so that a step of
 * the wall clock cannot make two calls look closer together or further apart than they were.
 */
export const monotonicClock: Clock = () => performance.timeOrigin + performance.now();
