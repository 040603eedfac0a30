/** Inputs and results of the batch activities. */

import type { BatchState } from '../../store/batches/batches';
import type { BatchCounts } from '../../store/batches/items';

export interface BatchRef {
  readonly batchId: number;
}

export interface PageInput extends BatchRef {
  /** Calls in flight to begin with; null for the least. */
  readonly concurrency: number | null;
  /** Longest time for which calls are begun, ms. */
  readonly maxMs: number;
}

export interface PageOutcome {
  /**
   * `refused`: the vendor refuses what all items have in common, e.g. the model; the batch is paused.
   * `not running`: the batch is paused or cancelled.
   */
  readonly end: 'nothing due' | 'time is over' | 'stopped' | 'not running' | 'refused';
  readonly counts: BatchCounts;
  /** To begin the next page with. */
  readonly concurrency: number;
  readonly detail: string;
  /** By files only: those that the vendor or we have not done with. */
  readonly openParts?: number;
  /** By files only: the vendor's queue takes none, and items wait for that. */
  readonly queueFull?: boolean;
}

export interface BatchSnapshot {
  readonly state: BatchState;
  readonly reason: string;
  readonly items: number;
  readonly kind: string;
  readonly account: string;
  readonly model: string;
  readonly inputName: string;
  readonly counts: BatchCounts;
  /** Items go by files, or some are still on their way so. */
  readonly byFiles?: boolean;
}
