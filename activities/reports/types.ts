/** What travels between the report workflows and their activities: references and counts, never data or secrets. */

import type { Priority } from '../../quota/limits/limit';
import type { WindowCause } from '../../quota/windows/window-retry';
import type { JobPurpose } from '../../store/datasets/jobs/job';
import type { Chunk } from '../../store/datasets/plan';
import type { FatalClass } from '../../vendors/capabilities/reports';

/** Which dataset of which account. */
export interface DatasetRef {
  readonly dataset: string;
  readonly account: string;
}

export interface PlanInput extends DatasetRef {
  readonly purpose: JobPurpose;
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
  /** Where there are several series: each one's name, by its id. Left out by workers of earlier versions. */
  readonly seriesNames?: Readonly<Record<number, string>>;
  /** The grid that windows are cut on, ms. */
  readonly gridMs: number;
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
  readonly cause: WindowCause;
  readonly reason: string;
  readonly evidence?: Readonly<Record<string, unknown>> | undefined;
  /** Epoch ms of the next try; default: by the cause and the tries so far. */
  readonly retryAt?: number;
  /** True when its job cannot go on either, and ends. */
  readonly endsJob?: boolean;
}

/** What was recorded of a window that failed. */
export interface RecordedChunk {
  readonly tries: number;
  /** Epoch ms; null when the window counts as empty. */
  readonly retryAt: number | null;
  /** The answers mean that there is no data. */
  readonly empty: boolean;
}

export type RequestOutcome =
  | { readonly kind: 'requested'; readonly jobId: number; readonly adopted: boolean }
  /** The same window was requested too recently: not before this, epoch ms. */
  | { readonly kind: 'too-soon'; readonly notBefore: number }
  /** An earlier request's answer was lost, and the vendor's list is not to be believed before this, epoch ms. */
  | {
      readonly kind: 'settling';
      readonly until: number;
      /** Epoch ms of that request, and what became of it. */
      readonly since: number;
      readonly reason: string;
    }
  /** Several requests brought neither an answer nor a report. */
  | { readonly kind: 'unanswered'; readonly reason: string }
  /** Failing windows have used up their share of the day's calls: not before this, epoch ms. */
  | { readonly kind: 'held'; readonly notBefore: number; readonly reason: string };

export interface JobCall extends DatasetRef {
  readonly jobId: number;
  readonly priority: Priority;
}

export type PollOutcome =
  /** With the time since it was requested, and the vendor's name for its state (`said`). */
  | { readonly kind: 'pending'; readonly ageMs?: number; readonly said?: string; readonly reportId?: string }
  | { readonly kind: 'ready' }
  | { readonly kind: 'cancelled'; readonly reason: string }
  /** FATAL; its document is read by `explainFatal` when there is one. */
  | { readonly kind: 'fatal'; readonly hasDocument: boolean }
  /** The vendor no longer knows the report: ask for it again. */
  | { readonly kind: 'gone'; readonly reason: string };

export type FetchOutcome =
  | {
      readonly kind: 'ingested';
      readonly rows: number;
      readonly empty: boolean;
      /** What was not stored as it came, for people. */
      readonly note?: string;
    }
  /** The document is bad and kept as evidence; the window is marked failed. */
  | { readonly kind: 'rejected'; readonly reason: string; readonly retryAt: number | null }
  | { readonly kind: 'gone'; readonly reason: string };

export interface FatalOutcome {
  readonly class: FatalClass;
  readonly text: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

export interface AuditDue {
  readonly purpose: 'daily_audit' | 'weekly_audit';
  readonly seriesId: number;
}

export interface CyclePlan {
  readonly poolKey: string;
  readonly poolClosed: { readonly until: number | null; readonly reason: string } | null;
  readonly intervalMs: number;
  /** Series by series: one that does not get on keeps no other from its audit. */
  readonly auditsDue: readonly AuditDue[];
}
