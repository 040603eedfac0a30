/** What can be explained, in the terms that all kinds of work share. */
import type { Standstill } from '../../../quota/pools/standstill';
import type { CausedSpan } from '../../../quota/time-shares';

/** By whose word it waits. */
export interface WaitEvidence {
  /** Key of the pool or of the limit. */
  readonly pool: string | null;
  readonly limit: string | null;
  /** The vendor's words, or an operator's. */
  readonly words: string;
  readonly code: string | null;
  /** The vendor's, to quote in a support case. */
  readonly requestId: string | null;
}

/** What is explained, as its own use case tells of it. */
export interface Subject {
  readonly id: string;
  readonly kind: 'batch' | 'item' | 'sync' | 'backfill' | 'audit' | 'window' | 'command' | 'read';
  readonly state: string;
  readonly from: number;
  readonly to: number | null;
  readonly wait: Standstill | null;
  readonly account: string;
  /** What it waits for by itself, besides its pool. */
  readonly spans: readonly CausedSpan[];
  /** As it is named in waits for limits. */
  readonly caller: string | null;
  readonly rest?: 'calling' | 'idle';
  /** Of its own, where the pool and the limits do not stand in the way. */
  readonly evidence?: WaitEvidence;
}
