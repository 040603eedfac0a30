/** What travels between the report workflows and their activities: references and counts, never data or secrets. */

import type { Priority } from '../quota/limit';
import type { Evidence } from '../quota/verdict';
import type { Span } from '../vendors/chunks';

/** Which dataset of which account. */
export interface DatasetRef {
  readonly dataset: string;
  readonly account: string;
}

export type Purpose = 'backfill' | 'sync' | 'daily_audit' | 'weekly_audit';

/** One report to get: a span of one series. */
export interface Chunk extends Span {
  readonly seriesId: number;
  readonly purpose: Purpose;
}

export interface PlanInput extends DatasetRef {
  readonly purpose: Purpose;
  /** Epoch ms; null for as far as the dataset's lookback and lag allow. */
  readonly from: number | null;
  readonly to: number | null;
  /** Fixed chunk length in hours; null for the dataset's policy. */
  readonly chunkHours: number | null;
}

export interface WorkPlan {
  readonly chunks: readonly Chunk[];
  /** Pool that governs the account. */
  readonly poolKey: string;
  readonly poll: PollPolicy;
  readonly priority: Priority;
}

export interface PollPolicy {
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

export interface ChunkCall extends DatasetRef {
  readonly chunk: Chunk;
  readonly priority: Priority;
}

export interface ChunkFailure extends DatasetRef {
  readonly chunk: Chunk;
  readonly reason: string;
  readonly evidence?: Evidence | undefined;
  /** True when asking again is no use: its job ends, and nobody asks until a person does. */
  readonly final?: boolean;
}

export type RequestOutcome =
  | { readonly kind: 'requested'; readonly jobId: number; readonly adopted: boolean }
  /** The same window was asked for too recently: not before this, epoch ms. */
  | { readonly kind: 'too-soon'; readonly notBefore: number };

export interface JobCall extends DatasetRef {
  readonly jobId: number;
  readonly priority: Priority;
}

export type PollOutcome =
  | { readonly kind: 'pending' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'cancelled'; readonly reason: string }
  /** FATAL; its document is read by `explainFatal` when there is one. */
  | { readonly kind: 'fatal'; readonly hasDocument: boolean }
  /** The vendor no longer knows the report: ask for it again. */
  | { readonly kind: 'gone'; readonly reason: string };

export type FetchOutcome =
  | { readonly kind: 'ingested'; readonly rows: number; readonly empty: boolean }
  /** The document is bad and kept as evidence; the window is marked failed. */
  | { readonly kind: 'rejected'; readonly reason: string }
  | { readonly kind: 'gone'; readonly reason: string };

export interface FatalOutcome {
  readonly class: 'not-yet' | 'configuration' | 'unknown';
  readonly text: string;
  /** Smaller spans worth trying instead; null when there are none. */
  readonly halves: readonly Span[] | null;
}

export interface CyclePlan {
  readonly poolKey: string;
  readonly poolClosed: { readonly until: number | null; readonly reason: string } | null;
  readonly intervalMs: number;
  readonly dailyAuditDue: boolean;
  readonly weeklyAuditDue: boolean;
}
