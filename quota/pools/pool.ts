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
 * What may be cured elsewhere without a word to us (refused credentials, an account set up wrongly) is held until a time
 * at which one call looks again: each time later than the last.
 *
 * Success never clears a pause that another call has set: only a success that carries the current epoch counts,
 * and the epoch changes with every transition.
 */
import { HOUR_MS } from '../durations';
import type { Evidence } from '../verdict';

export type PoolStateName = 'closed' | 'quota_paused' | 'open' | 'half_open' | 'held';

/**
 * Why a pool is held. Decisions are made by it, sentences from it. `login`: a person has to log in. `lost-row`: Postgres has lost the pool's row, and its
 * workflow is to say what it remembers.
 */
export type HoldCause =
  | 'credentials'
  | 'login'
  | 'configuration'
  | 'billing'
  | 'blocked'
  | 'absurd-wait'
  | 'operator'
  | 'lost-row';

/** Plain data; the same shape is stored in Postgres, queried from the workflow and printed by the CLI. */
export interface PoolState {
  readonly state: PoolStateName;
  /** Epoch ms at which the state ends by itself; null for closed, and for held until an operator resumes. */
  readonly until: number | null;
  /** Epoch ms since when. */
  readonly since: number;
  /** Why, in words an operator understands; empty when closed. */
  readonly reason: string;
  /** Cooldowns in a row without a success between them. */
  readonly strikes: number;
  /** Service failures in a row. */
  readonly failures: number;
  /** Grows with every transition; feedback of an earlier epoch is ignored. */
  readonly epoch: number;
  readonly evidence: Evidence | null;
  /** Set once `strikes` reaches the policy's hint threshold: what to check. */
  readonly hint: string | null;
  /** Of a held pool, and of the probe after it. */
  readonly cause?: HoldCause | null;
  /** Stated waits in a row that were as good as none. */
  readonly shortWaits?: number;
}

export interface PoolPolicy {
  /** Pause for a quota of unknown length at the first strike, ms. */
  readonly unknownQuotaMs: number;
  /** Factor by which each further strike lengthens an unknown pause. */
  readonly unknownQuotaFactor: number;
  /** Cap on an unknown pause, ms. A length that the vendor states is never cut short. */
  readonly unknownQuotaMaxMs: number;
  /** A stated wait beyond this is not believed blindly: the pool is held for an operator instead, ms. */
  readonly absurdWaitMs: number;
  readonly breakerFailures: number;
  readonly breakerOpenMs: number;
  /** A probe that reports nothing for this long is taken for lost, and another may go, ms. */
  readonly probeTimeoutMs: number;
  /** After this many cooldowns in a row the hint is shown. */
  readonly hintAfterStrikes: number;
  readonly hint: string;
  /** When a hold is checked by itself; absent: only an operator ends one for refused credentials. */
  readonly lookAgain?: LookAgainPolicy;
}

/** What stops several pools at once. */
export interface PoolOrganization {
  /** Key of its own row in `pools`. */
  readonly key: string;
  readonly policy: PoolPolicy;
}

/** Waits double from check to check, ms. */
export interface LookAgainPolicy {
  /** First wait after refused credentials. */
  readonly credentialsMs: number;
  /** First wait after an answer that any request would have got. */
  readonly configurationMs: number;
  readonly maxMs: number;
}

export type PoolEvent =
  | {
      readonly type: 'quota';
      readonly epoch: number;
      /** Vendor's stated wait, ms; null when unknown. */
      readonly statedWaitMs: number | null;
      readonly reason: string;
      readonly evidence: Evidence;
      /** -1..1; scales the 10 % jitter of modelled waits. */
      readonly jitter: number;
    }
  | { readonly type: 'failure'; readonly epoch: number; readonly reason: string; readonly evidence: Evidence }
  | { readonly type: 'success'; readonly epoch: number }
  | {
      readonly type: 'hold';
      readonly epoch: number;
      readonly reason: string;
      readonly evidence: Evidence;
      readonly cause: HoldCause;
    }
  | { readonly type: 'timer' }
  | { readonly type: 'pause'; readonly reason: string; readonly until: number | null }
  | { readonly type: 'resume' };

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

/** A stated wait below this is as good as none, ms. */
const NO_WAIT_MS = 1000;

/** The length of a cooldown of unknown length, ms: base × factor^(strikes before), up to 10 % more, capped. */
export function unknownCooldownMs(policy: PoolPolicy, strikes: number, jitter: number): number {
  const grown = policy.unknownQuotaMs * policy.unknownQuotaFactor ** Math.max(0, strikes);
  const maxMs = Math.max(policy.unknownQuotaMaxMs, policy.unknownQuotaMs);
  // Jitter only lengthens, up to the cap: an unknown pause ended early would spend a call on a quota that is still used up.
  const wait = Math.min(grown, maxMs) * (1 + 0.1 * Math.abs(clampUnit(jitter)));
  return Math.max(1, Math.round(Math.min(wait, maxMs)));
}

/**
 * The least pause after stated waits that turned out too short, ms. The first is taken at its word. A vendor that
 * says "0 seconds" each time it is asked would otherwise be asked without end: a thousandth of the unknown pause,
 * longer with each strike, never above the unknown pause itself.
 */
function disprovedWaitMs(policy: PoolPolicy, strikes: number): number {
  if (strikes <= 0) return 0;
  return Math.min(
    policy.unknownQuotaMs,
    (policy.unknownQuotaMs / 1000) * policy.unknownQuotaFactor ** (strikes - 1),
  );
}

/** How long a hold lasts before it is checked by itself, ms; null when only an operator ends it. */
export function lookAgainMs(
  policy: PoolPolicy,
  cause: HoldCause | null | undefined,
  looks: number,
): number | null {
  const grown = (firstMs: number, maxMs: number) =>
    Math.max(1, Math.round(Math.min(maxMs, firstMs * 2 ** Math.min(30, Math.max(0, looks)))));
  const { lookAgain } = policy;
  if (cause === 'configuration') {
    const { configurationMs, maxMs } = lookAgain ?? CONFIGURATION_LOOKS;
    return grown(configurationMs, Math.min(maxMs, CONFIGURATION_LOOKS.maxMs));
  }
  if (cause !== 'credentials' || lookAgain === undefined) return null;
  return grown(lookAgain.credentialsMs, lookAgain.maxMs);
}

const CONFIGURATION_LOOKS = { configurationMs: 60_000, maxMs: HOUR_MS };

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
      // A refusal from before the operator's resume: the probe will tell whether it still holds, or has told that it
      // does not. Should it be news after all, the next call brings it again.
      if (event.epoch < state.epoch && (state.state === 'half_open' || state.state === 'closed'))
        return state;
      if (isAlreadyReported(state, event, now)) return state;
      return onHold(state, event, policy, now);
    case 'timer':
      return onTimer(state, now);
    case 'pause':
      return move(state, now, {
        state: 'held',
        // An operator's pause cuts nothing short: not the vendor's time, and no hold that waits for a resume.
        until:
          event.until === null || (state.state === 'held' && state.until === null)
            ? null
            : Math.max(event.until, state.until ?? 0),
        reason: event.reason,
        evidence: state.evidence,
        strikes: state.strikes,
        cause: state.state === 'held' && state.until === null ? (state.cause ?? null) : 'operator',
      });
    case 'resume':
      // A person vouches for the account: strikes start anew, but the first call is still a single probe.
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

function onHold(
  state: PoolState,
  { reason, evidence, cause }: Extract<PoolEvent, { type: 'hold' }>,
  policy: PoolPolicy,
  now: number,
): PoolState {
  // Only looks of its own kind make the next one later.
  const looks = state.cause === cause ? state.strikes : 0;
  const wait = lookAgainMs(policy, cause, looks);
  // A pause that somebody else has asked for is not cut short, and a hold without an end stays one.
  const endless = wait === null || (state.state === 'held' && state.until === null);
  const after = state.state === 'closed' || state.state === 'half_open' ? 0 : (state.until ?? 0);
  return move(state, now, {
    state: 'held',
    until: endless ? null : Math.max(now + wait, after),
    reason,
    evidence,
    strikes: wait === null ? state.strikes : looks + 1,
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
  // However it is refused: a login is asked for once.
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
  // A late answer of a wall that has since been passed says nothing new, unless the vendor named a time.
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
  // Calls that were in flight together report the same wall: it is one strike, and it can only lengthen the pause.
  // So does a wall met while an operator's timed hold runs: its end must not probe before the vendor's time.
  if (state.state === 'held' || (state.state === 'quota_paused' && (late || isBlocked(state, now)))) {
    if (stated === null || state.until === null) return state;
    const until = now + stated;
    return until > state.until ? { ...state, until } : state;
  }
  // A wait that is as good as none is no cooldown, and so no strike; only the next one is not taken at its word.
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
      reason: `${failures} service failures in a row; last: ${event.reason}`,
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

function clampUnit(x: number): number {
  return Number.isNaN(x) ? 0 : Math.min(1, Math.max(-1, x));
}
