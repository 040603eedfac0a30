/** What the vendor's answers mean for a part. Pure. */
import type { PartChange } from '../store/batch-parts';
import { toTimestamptz } from '../store/db';
import type { CallResult } from '../vendors/contract';
import type { BatchProblem, VendorBatch } from '../vendors/text-batches';

/** As it is kept of a vendor's batch. */
export function statusOf(batch: VendorBatch): PartChange {
  const { status, total, completed, failed, outputFileId, errorFileId, expiresAt } = batch;
  return {
    ...{ status, total, completed, failed },
    output_file_id: outputFileId,
    error_file_id: errorFileId,
    ...(expiresAt === null ? {} : { expires_at: toTimestamptz(expiresAt) }),
  };
}

/** True when the vendor has answered that it did not do what was asked. */
export function isRefusal(answer: CallResult | null): boolean {
  if (answer === null) return false;
  if (answer.kind === 'transport') return !answer.error.mayHaveBeenSent;
  const { status } = answer.response;
  return status >= 400 && status < 500 && status !== 408 && status !== 409;
}

/**
 * True of a batch that has ended and counts answers, but does not name the file that holds them: the name may come a
 * moment after the end, and to take the answers for lost would pay for them twice.
 */
export function awaitsFiles(batch: VendorBatch): boolean {
  const { end, completed, failed, outputFileId, errorFileId } = batch;
  if (end === null || end === 'failed' || outputFileId !== null) return false;
  return completed > 0 || (failed > 0 && errorFileId === null);
}

const WORST_FIRST: readonly BatchProblem['kind'][] = ['billing', 'refused', 'queue full', 'line', 'service'];

export function worstProblem(problems: readonly BatchProblem[]): BatchProblem {
  const [first] = [...problems].sort((a, b) => WORST_FIRST.indexOf(a.kind) - WORST_FIRST.indexOf(b.kind));
  return first ?? { kind: 'service', text: 'the batch failed without a reason' };
}
