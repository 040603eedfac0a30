/** Events of a pool, and pools that have met some. */
import { CLOSED_POOL, transition } from '../../../quota/pools/pool';
import type { HoldCause, PoolEvent, PoolPolicy, PoolState } from '../../../quota/pools/state';
import type { Evidence } from '../../../quota/verdict';

export const MIN = 60_000;
export const policy: PoolPolicy = {
  unknownQuotaMs: 30 * MIN,
  unknownQuotaFactor: 2,
  unknownQuotaMaxMs: 8 * 60 * MIN,
  absurdWaitMs: 7 * 24 * 60 * MIN,
  breakerFailures: 5,
  breakerOpenMs: MIN,
  probeTimeoutMs: 2 * MIN,
  hintAfterStrikes: 3,
  hint: 'check role and report type',
};
export const evidence: Evidence = { vendor: 'v', account: 'a', operation: 'op', httpStatus: 429 };
export const NOW = 1_700_000_000_000;

export const quota = (epoch: number, statedWaitMs: number | null = null, jitter = 0): PoolEvent => ({
  type: 'quota',
  epoch,
  statedWaitMs,
  reason: 'quota exceeded',
  evidence,
  jitter,
});
export const failure = (epoch: number): PoolEvent => ({ type: 'failure', epoch, reason: '503', evidence });
export const hold = (epoch: number, reason = 'unpaid', cause: HoldCause = 'billing') =>
  ({ type: 'hold', epoch, reason, evidence, cause }) as const;
export const success = (epoch: number): PoolEvent => ({ type: 'success', epoch });
export const timer: PoolEvent = { type: 'timer' };
export const resume: PoolEvent = { type: 'resume' };
export const pause = (until: number | null): PoolEvent => ({ type: 'pause', reason: 'maintenance', until });

export const step = (state: PoolState, event: PoolEvent, now = NOW) => transition(state, event, policy, now);
/** A pool that met a quota `strikes` times in a row, each pause waited out and probed in vain. */
export function paused(strikes = 1, statedWaitMs: number | null = null): PoolState {
  let state = CLOSED_POOL;
  let now = NOW;
  for (let i = 0; i < strikes; i++) {
    if (state.until !== null) {
      now = state.until;
      state = step(state, timer, now);
    }
    state = step(state, quota(state.epoch, statedWaitMs), now);
  }
  return state;
}
export const halfOpen = () => step(paused(), timer, NOW + 30 * MIN);
