/** What can be explained, in the terms that all kinds of work share. */
import type { Standstill } from '../../../quota/pools/standstill';
import type { CausedSpan, Life } from '../../../quota/time-shares';

export const SUBJECT_KINDS = [
  ...(['batch', 'item', 'sync', 'backfill', 'audit', 'polling', 'window', 'command', 'read'] as const),
] as const;

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
  /** Who has paused it by hand, as they are known to the API or the machine. */
  readonly by: string | null;
}

/** What is explained, as its own use case describes it. */
export interface Subject {
  readonly id: string;
  readonly kind: (typeof SUBJECT_KINDS)[number];
  readonly state: string;
  readonly from: number;
  readonly to: number | null;
  readonly wait: Standstill | null;
  readonly account: string;
  /** What it waits for by itself, besides its pool. */
  readonly spans: readonly CausedSpan[];
  /** As it is named in waits for limits. */
  readonly caller: string | null;
  /** What its calls are of, where a vendor may refuse those alone: a report type. */
  readonly calls?: string | null;
  readonly rest?: 'calling' | 'idle';
  /** Times between in which there was nothing to do for it. */
  readonly resting?: readonly Life[];
  /** While it is paused by hand: the id under which that was noted. */
  readonly pausedAs?: string | null;
  /** Of its own, where the pool and the limits do not stand in the way. */
  readonly evidence?: WaitEvidence;
}
