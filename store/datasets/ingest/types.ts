/** Input and result of an ingest. */
import type { BadRowPolicy } from '../../../quota/windows/bad-rows';
import type { RestatementPolicy } from '../../../quota/windows/restatement';
import type { DatasetTable } from '../datasets';
import type { JobPurpose, JobState } from '../jobs/job';
import type { Span } from '../span';
import type { ArrivingDocument } from './document-spool';
import type { DocumentProblem } from './incoming';

/** Where the rows come from; kept with the window. Nothing secret. */
export interface Evidence {
  readonly reportId?: string;
  readonly requestId?: string;
  readonly documentId?: string;
}

export interface Ingest {
  readonly dataset: DatasetTable;
  readonly seriesId: number;
  readonly span: Span;
  /** The vendor job that made the document, if there is one; ended together with the ingest. */
  readonly jobId?: number;
  readonly purpose: JobPurpose;
  readonly document: ArrivingDocument;
  readonly evidence: Evidence;
  /** Epoch milliseconds at which the document was fetched. */
  readonly now: number;
  /** Pool of the account, under which events are listed. */
  readonly poolKey?: string;
  readonly badRows?: BadRowPolicy;
  readonly restatement?: RestatementPolicy;
  /** Longest document, bytes of its text. */
  readonly maxBytes?: number;
  /** Ends the ingest before anything is changed. */
  readonly signal?: AbortSignal;
}

/** Hours whose known rows were kept, because the document reported far fewer. */
export interface DoubtedSummary {
  readonly hours: number;
  readonly known: number;
  readonly reported: number;
  /** Epoch milliseconds of the first check. */
  readonly recheckAt: number;
}

export type IngestResult =
  | {
      readonly outcome: 'ingested';
      readonly state: 'done' | 'empty_provisional';
      /** Rows of the document that are in. */
      readonly rows: number;
      /** Rows that the span had before and that are gone. */
      readonly replaced: number;
      readonly digest: string;
      /** Rows of the document that were set aside. */
      readonly setAside: number;
      readonly doubted: DoubtedSummary | null;
    }
  /** The document must not be ingested. The window and the job are marked as failed, the old rows stay. */
  | { readonly outcome: 'rejected'; readonly problem: DocumentProblem; readonly retryAt: number | null }
  /** The job had ended already: a late duplicate. Nothing was read or changed. */
  | { readonly outcome: 'stale'; readonly jobState: JobState };
