/**
 * The pool's circuit breaker as a pure state machine. The same transitions are used by the call path (which must
 * stop every caller at once, with Temporal down if need be) and by the pool workflow (which sleeps, escalates and
 * wakes). Time is a parameter: epoch milliseconds.
 *
 *   closed ──quota──▶ quota_paused(until) ──time──▶ half_open ──success──▶ closed
 *     │                    ▲                           │   │
 *     │                    └── quota, one more strike ─┘   │ failure
 *     ├─5 failures─▶ open(until) ──time──▶ half_open       │
 *     │                    ▲───────────────────────────────┘
 *     └─billing, blocked, operator──▶ held(until?) ──resume, time──▶ half_open (closed, where only the operator
 *                                                                   stood in the way and resumes)
 *
 * A cause that may be removed elsewhere without notice (refused credentials, a misconfigured account) is held until a time
 * at which one call probes: after a longer wait each time.
 *
 * Success never clears a pause that another call has set: only a success that carries the current epoch counts,
 * and the epoch changes with every transition.
 */
import type { Evidence } from '../verdict';
import { disprovedWaitMs, NO_WAIT_MS, recheckMs, unknownCooldownMs } from './cooldowns';
import type { HoldCause, PoolEvent, PoolPolicy, PoolState } from './state';

export const CLOSED_POOL: PoolState = {
  state: 'closed',
  until: null,
  since: 0,
  reason: '',
  strikes: 0,
  failures: 0,
  epoch: 1,
  evidence: null,
  hint: null,
};

/** The reason of an operator's pause. @param why in the operator's words; empty or left out when none were given. */
export function pauseReason(why = ''): string {
  return why === '' ? 'paused by operator' : `paused by operator: ${why}`;
}

/** True when no call may leave at `now`; a half-open pool lets its probe through, which the caller decides. */
export function isBlocked(state: PoolState, now: number): boolean {
  switch (state.state) {
    case 'closed':
    case 'half_open':
      return false;
    default:
      return state.until === null || now < state.until;
  }
}

/**
 * Of a pool and its organization's, the one that stands in the way of calls: what lasts longer, then what waits for a
 * probe. Null when there is neither.
 */
export function stopping<T extends { readonly state: PoolState }>(
  pools: readonly T[],
  now: number,
): T | null {
  const rank = ({ state }: T) =>
    isBlocked(state, now) ? (state.until ?? Number.POSITIVE_INFINITY) : state.state === 'closed' ? 0 : 1;
  return pools.reduce<T | null>((most, pool) => (most && rank(most) >= rank(pool) ? most : pool), null);
}

/** The next state, or the same object when the event changes nothing. Never throws. */
export function transition(state: PoolState, event: PoolEvent, policy: PoolPolicy, now: number): PoolState {
  switch (event.type) {
    case 'quota':
      return onQuota(state, event, policy, now);
    case 'failure':
      return onFailure(state, event, policy, now);
    case 'success':
      return onSuccess(state, event.epoch, now);
    case 'hold':
      // A refusal from before the operator's resume: the probe will show whether it still holds, or has shown that it
      // does not. Should it be new after all, the next call is refused, too.
      if (event.epoch < state.epoch && (state.state === 'half_open' || state.state === 'closed'))
        return state;
      if (isAlreadyReported(state, event, now)) return state;
      // A login ends such a hold, and must not end an operator's pause with it. Its evidence makes the resume a probe.
      if (
        isFreedByLogin(event.cause) &&
        state.state === 'held' &&
        state.cause === 'operator' &&
        isBlocked(state, now)
      )
        return { ...state, evidence: event.evidence };
      return onHold(state, event, policy, now);
    case 'timer':
      return onTimer(state, now);
    case 'pause': {
      const paused = {
        state: 'held',
        // An operator's pause cuts nothing short: not the vendor's time, and no hold that waits for a resume.
        until:
          event.until === null || (state.state === 'held' && state.until === null)
            ? null
            : Math.max(event.until, state.until ?? 0),
        reason: event.reason,
        evidence: state.evidence,
        strikes: state.strikes,
        cause:
          state.state === 'held' && state.until === null && !isFreedByLogin(state.cause)
            ? (state.cause ?? null)
            : 'operator',
      } as const;
      // The same order, by the database and then by the pool's workflow: it began when it was given.
      const { until, reason, cause = null } = state;
      const isSame = until === paused.until && reason === paused.reason && cause === paused.cause;
      return state.state === 'held' && isSame ? state : move(state, now, paused);
    }
    case 'resume':
      // A person vouches for the account: strikes start over, but the first call is still a single probe.
      if (state.state === 'closed') return state;
      // Already probing: the epoch stays, or the probe's answer would no longer count.
      if (state.state === 'half_open') return { ...state, strikes: 0, hint: null };
      // Where only the operator stood in the way, there is nothing to probe for.
      if (state.state === 'held' && state.evidence === null && state.strikes === 0) {
        return move(state, now, { state: 'closed', until: null, reason: '', strikes: 0 });
      }
      return move(state, now, { state: 'half_open', until: null, reason: 'resumed by operator', strikes: 0 });
  }
}

/** Whether a login ends a hold for this cause, as a resume does. */
export function isFreedByLogin(cause: HoldCause | null | undefined): boolean {
  return cause === 'login' || cause === 'credentials';
}

/** What ends a hold that has no end of its own: completes "held …". */
export function endlessHoldText(cause: HoldCause | null | undefined): string {
  const resumed = 'until an operator resumes it';
  return isFreedByLogin(cause) ? `until somebody logs in, or ${resumed}` : resumed;
}

function onHold(
  state: PoolState,
  { reason, evidence, cause }: Extract<PoolEvent, { type: 'hold' }>,
  policy: PoolPolicy,
  now: number,
): PoolState {
  // Only probes of its own cause make the next one later.
  const probes = state.cause === cause ? state.strikes : 0;
  const wait = recheckMs(policy, cause, probes);
  // A running pause is not cut short, and a hold without an end stays one.
  const endless = wait === null || (state.state === 'held' && state.until === null);
  const after = state.state === 'closed' || state.state === 'half_open' ? 0 : (state.until ?? 0);
  return move(state, now, {
    state: 'held',
    until: endless ? null : Math.max(now + wait, after),
    reason,
    evidence,
    strikes: wait === null ? state.strikes : probes + 1,
    cause,
  });
}

/** Calls in flight together report one refusal, perhaps each in words of its own. */
function isAlreadyReported(
  state: PoolState,
  { epoch, evidence, cause }: Extract<PoolEvent, { type: 'hold' }>,
  now: number,
): boolean {
  if (state.state !== 'held' || !isBlocked(state, now)) return false;
  if (state.until !== null) return state.cause === cause;
  // However the refusals differ: a login is requested once.
  if (cause === 'login' && state.cause === cause) return true;
  if (state.evidence === null) return false;
  const sameCode = evidence.code !== undefined && state.evidence.code === evidence.code;
  return (epoch < state.epoch && sameCode) || (state.cause === cause && isAlike(state.evidence, evidence));
}

/** The same refusal, met by another request. */
function isAlike(a: Evidence, b: Evidence): boolean {
  return (
    a.operation === b.operation &&
    a.subject === b.subject &&
    a.httpStatus === b.httpStatus &&
    a.code === b.code &&
    a.message === b.message
  );
}

function onQuota(
  state: PoolState,
  event: Extract<PoolEvent, { type: 'quota' }>,
  policy: PoolPolicy,
  now: number,
): PoolState {
  // Held until a resume: no longer pause exists.
  if (state.state === 'held' && state.until === null) return state;
  const stated = Number.isNaN(event.statedWaitMs) ? null : event.statedWaitMs;
  const late = event.epoch < state.epoch;
  // A late refusal of a stop that is over says nothing new, unless the vendor named a time.
  if (late && stated === null && (state.state === 'closed' || state.state === 'half_open')) return state;
  if (stated !== null && stated > policy.absurdWaitMs) {
    return move(state, now, {
      state: 'held',
      until: null,
      reason: `${event.reason}; the stated wait of ${Math.round(stated / 1000)} s is not believable: resume by hand`,
      evidence: event.evidence,
      strikes: state.strikes + 1,
      cause: 'absurd-wait',
    });
  }
  // Calls that were in flight together meet the same stop: it is one strike, and it can only lengthen the pause.
  // So does a refusal while an operator's timed hold runs: its end must not probe before the vendor's time.
  if (state.state === 'held' || (state.state === 'quota_paused' && (late || isBlocked(state, now)))) {
    if (stated === null || state.until === null) return state;
    const until = now + stated;
    return until > state.until ? { ...state, until } : state;
  }
  // A wait that is as good as none is no cooldown, and so no strike; only the next one is not believed.
  const short = stated !== null && stated < NO_WAIT_MS;
  const shortWaits = state.shortWaits ?? 0;
  const wait =
    stated === null
      ? unknownCooldownMs(policy, state.strikes, event.jitter)
      : Math.max(stated, disprovedWaitMs(policy, state.strikes + shortWaits));
  const strikes = state.strikes + (short ? 0 : 1);
  const until = Math.max(now + Math.max(1, wait), state.state === 'open' ? (state.until ?? 0) : 0);
  return move(state, now, {
    state: 'quota_paused',
    until,
    reason: event.reason,
    evidence: event.evidence,
    strikes,
    shortWaits: short ? shortWaits + 1 : shortWaits,
    hint: strikes >= policy.hintAfterStrikes ? policy.hint : null,
  });
}

function onFailure(
  state: PoolState,
  event: Extract<PoolEvent, { type: 'failure' }>,
  policy: PoolPolicy,
  now: number,
): PoolState {
  if (event.epoch !== state.epoch) return state;
  if (state.state !== 'closed' && state.state !== 'half_open') return state;
  const failures = state.failures + 1;
  if (state.state === 'half_open' || failures >= policy.breakerFailures) {
    return move(state, now, {
      state: 'open',
      until: now + policy.breakerOpenMs,
      reason:
        failures === 1
          ? `a service failure: ${event.reason}`
          : `${failures} service failures in a row; last: ${event.reason}`,
      evidence: event.evidence,
      strikes: state.strikes,
      failures,
    });
  }
  return { ...state, failures };
}

function onSuccess(state: PoolState, epoch: number, now: number): PoolState {
  if (epoch !== state.epoch) return state;
  if (state.state === 'half_open')
    return move(state, now, { state: 'closed', until: null, reason: '', strikes: 0 });
  if (state.state === 'closed' && state.failures > 0) return { ...state, failures: 0 };
  return state;
}

function onTimer(state: PoolState, now: number): PoolState {
  if (state.state === 'closed' || state.state === 'half_open') return state;
  if (state.until === null || now < state.until) return state;
  return move(state, now, {
    state: 'half_open',
    until: null,
    reason: `probing after: ${state.reason}`,
    evidence: state.evidence,
    strikes: state.strikes,
    failures: state.failures,
    hint: state.hint,
    cause: state.cause ?? null,
    ...(state.shortWaits ? { shortWaits: state.shortWaits } : {}),
  });
}

function move(
  from: PoolState,
  now: number,
  to: Pick<PoolState, 'state' | 'until' | 'reason' | 'strikes'> &
    Partial<Pick<PoolState, 'evidence' | 'failures' | 'hint' | 'cause' | 'shortWaits'>>,
): PoolState {
  return { evidence: null, failures: 0, hint: null, ...to, since: now, epoch: from.epoch + 1 };
}
