/** The batch object as the API shows it. */
import type { BatchState, SimBatch, Verdict } from './state';

export function viewBatch(
  batch: SimBatch,
  verdict: Verdict | undefined,
  { status, run, at }: BatchState,
  results: {
    /** How many of the requests run so far failed. */
    readonly failed: number;
    readonly outputFileId: string | null;
    readonly errorFileId: string | null;
    /** Sent for ids that are not there. */
    readonly noId: '' | null;
  },
): unknown {
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    ...(verdict && verdict.model !== '' ? { model: verdict.model } : {}),
    errors: status === 'failed' ? { object: 'list', data: verdict?.errors ?? [] } : null,
    input_file_id: batch.inputFileId,
    completion_window: '24h',
    status,
    output_file_id: results.outputFileId ?? results.noId,
    error_file_id: results.errorFileId ?? results.noId,
    created_at: Math.floor(batch.createdAt / 1000),
    in_progress_at: seconds(at.in_progress),
    expires_at: Math.floor(batch.expiresAt / 1000),
    finalizing_at: seconds(at.finalizing),
    completed_at: seconds(at.completed),
    failed_at: seconds(at.failed),
    expired_at: seconds(at.expired),
    cancelling_at: seconds(at.cancelling),
    cancelled_at: seconds(at.cancelled),
    request_counts: {
      total: status === 'validating' || status === 'failed' ? 0 : (verdict?.total ?? 0),
      completed: run - results.failed,
      failed: results.failed,
    },
    metadata: results.noId === null ? batch.metadata : null,
  };
}

function seconds(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.floor(ms / 1000);
}
