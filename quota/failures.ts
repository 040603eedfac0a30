/**
 * The stable codes under which a vendor call fails, shared by activities (which throw them) and workflows (which
 * decide by them). They are the `type` of a Temporal ApplicationFailure; the details carry the evidence.
 */
import type { HoldCause, PoolStateName } from './pools/state';
import type { Evidence, VerdictKind } from './verdict';

export const FAILURE = {
  /** A limit of ours has nothing left for longer than is waited for in an activity. Details: WaitDetails. */
  permitWait: 'sluice.permit_wait',
  /** The pool is closed; nothing may leave before `until`. Details: PoolClosedDetails. */
  poolClosed: 'sluice.pool_closed',
  /** The vendor refused the call as too fast; retried in place by nextRetryDelay. */
  rate: 'sluice.rate',
  /** The vendor's failure or the network's; retried in place by nextRetryDelay. */
  server: 'sluice.server',
  /** What the call addressed no longer exists. */
  gone: 'sluice.gone',
  /** Our request is wrong or the body failed its schema; never retried. */
  invalid: 'sluice.invalid',
  /** The vendor refused credentials that are not the account's own (an end user's): the pool is as it was. */
  refused: 'sluice.refused',
  /** A call can never get a permit: it needs more than a limit holds. */
  unsatisfiable: 'sluice.unsatisfiable',
} as const;

export type FailureCode = (typeof FAILURE)[keyof typeof FAILURE];

export interface WaitDetails {
  /** Epoch ms at which it is worth asking again. */
  readonly until: number;
  /** Key of the limit that binds. */
  readonly limit: string;
  /** Epoch ms since when, where that is known. */
  readonly since?: number;
  /** The limit has something left, and the rest is not for this run. */
  readonly threshold?: boolean;
  /** Why, where there is more to say than that the limit has nothing left. */
  readonly reason?: string;
}

export interface PoolClosedDetails {
  readonly pool: string;
  readonly state: PoolStateName;
  /** Epoch ms; null when it takes a person: an operator, or a login where `cause` says so. */
  readonly until: number | null;
  readonly reason: string;
  /** Of a hold; absent from what was recorded before causes were. */
  readonly cause?: HoldCause | null;
  readonly epoch: number;
}

export interface CallFailureDetails {
  readonly evidence: Evidence;
  /** Wait before the next try, ms; 0 when it is not retried. */
  readonly waitMs: number;
  readonly verdict: VerdictKind;
  /** The vendor may have carried out the request although no usable answer came. */
  readonly ambiguous: boolean;
}
