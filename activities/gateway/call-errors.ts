/**
 * The errors of a vendor call, and what Temporal sees of each: a stable type, the evidence in the details, and the
 * wait both as nextRetryDelay (for Temporal) and in the details (for people and workflows).
 */
import { ApplicationFailure } from '@temporalio/activity';
import {
  type CallFailureDetails,
  FAILURE,
  type FailureCode,
  type PoolClosedDetails,
  type WaitDetails,
} from '../../quota/failures';
import { endlessHoldText } from '../../quota/pools/pool';
import type { PoolState } from '../../quota/pools/state';
import { describeEvidence, type Verdict } from '../../quota/verdict';

/** Nothing was sent: a limit of ours is used up until `details.until`. */
export class PermitWait extends Error {
  override readonly name = 'PermitWait';
  constructor(readonly details: WaitDetails) {
    const { reason, limit, until } = details;
    super(`${reason === undefined ? `limit ${limit} has no room` : `${reason},`} until ${iso(until)}`);
  }
}

/** The pool is closed. With the verdict when this very call was the one that found out. */
export class PoolClosed extends Error {
  override readonly name = 'PoolClosed';
  constructor(
    readonly details: PoolClosedDetails,
    readonly verdict: Verdict | null = null,
  ) {
    const { cause, until: at } = details;
    const until = at === null ? endlessHoldText(cause) : `until ${iso(at)}`;
    super(`pool ${details.pool} is ${details.state} ${until}: ${details.reason}`);
  }
}

/** The error for what meets a pool in this state. @param verdict of the very call that found out. */
export function poolClosed(pool: string, state: PoolState, verdict: Verdict | null = null): PoolClosed {
  const { until, epoch, cause = null } = state;
  const reason = state.reason || (verdict === null ? '' : describeEvidence(verdict.evidence));
  return new PoolClosed({ pool, state: state.state, until, reason, cause, epoch }, verdict);
}

/** The call needs more units than the limit can ever hold. */
export class Unsatisfiable extends Error {
  override readonly name = 'Unsatisfiable';
  constructor(limit: string, units: number) {
    super(`the call needs ${units} units of ${limit}, which never holds as many: make the call smaller`);
  }
}

/**
 * The vendor answered, or failed to, with a verdict that leaves the pool as it is. A verdict of quota, auth, billing or
 * blocked comes this way only from a call with credentials that are not the account's own.
 */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  constructor(
    readonly verdict: Exclude<Verdict, { kind: 'ok' }>,
    /** Wait before the next try, ms; 0 when there is none. */
    readonly waitMs: number,
    readonly retryable: boolean,
    /** Key of the account whose token could not be had; null when the call itself was made. */
    readonly tokenOf: string | null = null,
  ) {
    super(`${verdict.kind}: ${describeEvidence(verdict.evidence)}`);
  }

  /** True when the vendor may have carried out the request although no usable answer came: not to be sent again. */
  get ambiguous(): boolean {
    return this.verdict.kind === 'server' && this.verdict.ambiguous;
  }
}

const CODES: Record<CallFailed['verdict']['kind'], FailureCode> = {
  rate: FAILURE.rate,
  server: FAILURE.server,
  gone: FAILURE.gone,
  pending: FAILURE.server,
  invalid: FAILURE.invalid,
  quota: FAILURE.refused,
  auth: FAILURE.refused,
  billing: FAILURE.refused,
  blocked: FAILURE.refused,
};

/** The failure as Temporal should see it. Errors that are not ours pass through and follow the activity's policy. */
export function toApplicationFailure(error: unknown): unknown {
  if (error instanceof PermitWait) {
    return expected(FAILURE.permitWait, error.message, error.details);
  }
  if (error instanceof PoolClosed) {
    return expected(FAILURE.poolClosed, error.message, {
      ...error.details,
      evidence: error.verdict?.evidence ?? null,
    });
  }
  if (error instanceof Unsatisfiable) {
    return ApplicationFailure.create({
      message: error.message,
      type: FAILURE.unsatisfiable,
      nonRetryable: true,
    });
  }
  if (error instanceof CallFailed) {
    const { verdict, waitMs, ambiguous } = error;
    const details: CallFailureDetails = {
      evidence: verdict.evidence,
      waitMs,
      verdict: verdict.kind,
      ambiguous,
    };
    return ApplicationFailure.create({
      message: error.message,
      type: CODES[error.verdict.kind],
      details: [details],
      nonRetryable: !error.retryable,
      ...(error.retryable ? { nextRetryDelay: error.waitMs } : {}),
    });
  }
  return error;
}

/** Waits that belong to normal operation: benign, so that they stay out of error logs and metrics. */
function expected(type: FailureCode, message: string, details: unknown): ApplicationFailure {
  return ApplicationFailure.create({
    message,
    type,
    details: [details],
    nonRetryable: true,
    category: 'BENIGN',
  });
}

function iso(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : 'never';
}
