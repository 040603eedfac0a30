/** A pool's state, what changes it, and the policy by which it changes. pool.ts has the transitions. */
import type { Evidence } from '../verdict';

export type PoolStateName = 'closed' | 'quota_paused' | 'open' | 'half_open' | 'held';

/**
 * Why a pool is held. Decisions are made by it, sentences from it. `login`: a person has to log in. `lost-row`: Postgres
 * has lost the pool's row, and the pool's workflow is to write back what it remembers.
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
  /** A stated wait longer than this is not believed: the pool is held for an operator instead, ms. */
  readonly absurdWaitMs: number;
  readonly breakerFailures: number;
  readonly breakerOpenMs: number;
  /** A probe without a result for this long counts as lost, and another may leave, ms. */
  readonly probeTimeoutMs: number;
  /** After this many cooldowns in a row the hint is shown. */
  readonly hintAfterStrikes: number;
  readonly hint: string;
  /** When a held pool probes by itself; absent: only an operator ends a hold for refused credentials. */
  readonly recheck?: RecheckPolicy;
}

/** What stops several pools at once. */
export interface PoolOrganization {
  /** Key of its own row in `pools`. */
  readonly key: string;
  readonly policy: PoolPolicy;
}

/** Waits double from probe to probe, ms. */
export interface RecheckPolicy {
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
