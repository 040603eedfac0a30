/** A job as it is stored: one report requested from a vendor. jobs.ts says how it gets from state to state. */
import type { Span } from '../span';

export type JobPurpose = 'backfill' | 'sync' | 'daily_audit' | 'weekly_audit';
export type JobState = 'intended' | 'requested' | 'ready' | 'ingested' | 'failed' | 'cancelled';

export const LIVE_STATES = ['intended', 'requested', 'ready'] as const satisfies readonly JobState[];

export interface Job {
  readonly id: number;
  readonly seriesId: number;
  readonly span: Span;
  readonly purpose: JobPurpose;
  readonly state: JobState;
  /** Create calls that left, or may have left. */
  readonly attempts: number;
  /** Epoch milliseconds of the last create call; null when it is certain that none arrived. */
  readonly requestedAt: number | null;
  /** A create call may have arrived and its answer was lost: look the report up before creating another. */
  readonly ambiguous: boolean;
  readonly reportId: string | null;
  readonly requestId: string | null;
  readonly documentId: string | null;
  /** Pre-signed: whoever has it can read the report. Must never be logged. */
  readonly documentUrl: string | null;
  readonly urlExpiresAt: number | null;
  readonly reason: string | null;
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** As `JOB_COLUMNS` select it. */
export interface JobRow {
  id: number;
  series_id: number;
  from_time: number;
  to_time: number;
  purpose: JobPurpose;
  state: JobState;
  attempts: number;
  requested_at: number | null;
  report_id: string | null;
  request_id: string | null;
  document_id: string | null;
  document_url: string | null;
  url_expires_at: number | null;
  reason: string | null;
  evidence: Record<string, unknown>;
  created_at: number;
  updated_at: number;
}

export const JOB_COLUMNS = `id, series_id, lower(span) as from_time, upper(span) as to_time, purpose, state, attempts,
  requested_at, report_id, request_id, document_id, document_url, url_expires_at, reason, evidence,
  created_at, updated_at`;

export function toJob(row: JobRow): Job {
  return {
    id: row.id,
    seriesId: row.series_id,
    span: { from: row.from_time, to: row.to_time },
    purpose: row.purpose,
    state: row.state,
    attempts: row.attempts,
    requestedAt: row.requested_at,
    ambiguous: row.state === 'intended' && row.requested_at !== null,
    reportId: row.report_id,
    requestId: row.request_id,
    documentId: row.document_id,
    documentUrl: row.document_url,
    urlExpiresAt: row.url_expires_at,
    reason: row.reason,
    evidence: row.evidence,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
