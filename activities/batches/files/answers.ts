/** What the vendor's answers mean for a part. Pure. */
import { HOUR_MS } from '../../../quota/durations';
import type { BatchPart, PartChange } from '../../../store/batches/parts';
import { toTimestamptz } from '../../../store/db';
import type { BatchProblem, BatchRefusal, VendorBatch } from '../../../vendors/capabilities/text-batches';
import type { CallResult } from '../../../vendors/contract';
import { CallFailed } from '../../gateway/call-errors';

/** As it is kept of a vendor's batch. */
export function statusOf(batch: VendorBatch): PartChange {
  const { status, begun, end, total, completed, failed, outputFileId, errorFileId, expiresAt } = batch;
  return {
    ...{ status, begun, outcome: end, total, completed, failed },
    output_file_id: outputFileId,
    error_file_id: errorFileId,
    ...(expiresAt === null ? {} : { expires_at: toTimestamptz(expiresAt) }),
  };
}

/** True when the vendor has certainly not done what was requested. */
export function isRefusal(answer: CallResult | null): boolean {
  if (answer === null) return false;
  if (answer.kind === 'transport') return !answer.error.mayHaveBeenSent;
  const { status } = answer.response;
  return status >= 400 && status < 500 && status !== 408 && status !== 409;
}

/**
 * Answers that cannot be right are requested again: at least this often, and for as many times the time in which a
 * vendor's list is to show a batch. Then broken ones are an operator's business, and what would cost the answers counts.
 */
const LEAST_DOUBTS = 3;
const DOUBTED_SETTLES = 5;

/** Whether what cannot be right has been answered for so long that it has to be taken as it is. */
export function isBelieved(part: Pick<BatchPart, 'doubts' | 'doubtedMs'>, settleMs: number): boolean {
  return part.doubts >= LEAST_DOUBTS && part.doubtedMs >= DOUBTED_SETTLES * settleMs;
}

/**
 * How much longer the vendor's list is not believed when it does not show a batch, ms: a creation whose outcome nobody
 * knows may arrive until its connection and its answer are given up, and the list shows it a while after that.
 * @param outstandingMs the longest that a creation may take from its departure to the end of its call.
 */
export function unsettledMs(
  part: Pick<BatchPart, 'answered' | 'askedAgoMs'>,
  settleMs: number,
  outstandingMs: number,
): number {
  return settleMs + (part.answered ? 0 : outstandingMs) - part.askedAgoMs;
}

/** True when what was requested is not there; a redirection or a forbidden call does not say so. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof CallFailed) || error.verdict.kind !== 'gone') return false;
  const { httpStatus } = error.verdict.evidence;
  return httpStatus === 404 || httpStatus === 410;
}

/**
 * True of a batch that has ended and counts answers, but does not name the file that holds them: the name may come a
 * moment after the end, and to take the answers for lost would pay for them twice.
 */
export function awaitsFiles(batch: VendorBatch): boolean {
  const { end, completed, failed, outputFileId, errorFileId } = batch;
  if (end === null || outputFileId !== null) return false;
  return completed > 0 || (end !== 'failed' && failed > 0 && errorFileId === null);
}

/**
 * How many items the files that are still to be read ought to have a line of. Some vendors count a failed item as
 * completed, too.
 */
export function itemsExpected(
  part: Pick<BatchPart, 'total' | 'completed' | 'failed' | 'errorFileId' | 'outputRead'>,
): number {
  const { total, completed, failed, errorFileId, outputRead } = part;
  const counted = completed + (errorFileId === null ? 0 : failed);
  return (total > 0 ? Math.min(total, counted) : counted) - (outputRead ? completed : 0);
}

/** A vendor that is this late, ms, is no longer just slow to say that the time is over. */
const OVERDUE_MS = HOUR_MS;

/** Why a person should look at a vendor's batch, though it may still end; null when there is no need. @param now epoch ms. */
export function whyStalled(batch: VendorBatch, now: number): string | null {
  const { id, status, end, strange, expiresAt } = batch;
  if (end !== null) return null;
  if (strange) return `${id} is "${status}", a state that is not known; it is polled until it ends`;
  if (expiresAt === null || now - expiresAt < OVERDUE_MS) return null;
  return `${id} was to end by ${new Date(expiresAt).toISOString()} and is ${status}; it is polled until it ends`;
}

/** True of a batch that was cancelled, and neither by us nor because its time was over. */
export function wasCancelledElsewhere({
  outcome,
  cancelAsked,
}: Pick<BatchPart, 'outcome' | 'cancelAsked'>): boolean {
  return outcome === 'cancelled' && !cancelAsked;
}

const WORST_FIRST: readonly BatchProblem['kind'][] = ['billing', 'refused', 'queue full', 'line', 'service'];

export function worstProblem(problems: readonly BatchProblem[]): BatchProblem {
  const [first] = [...problems].sort((a, b) => WORST_FIRST.indexOf(a.kind) - WORST_FIRST.indexOf(b.kind));
  return first ?? { kind: 'service', text: 'the batch failed without a reason' };
}

/** A queue that has not taken a file so often may never take one of its size. */
const MOST_QUEUE_TRIES = 8;
/** A file that is lost twice is no accident. */
const MOST_UPLOADS = 2;

/**
 * What follows when the vendor makes no batch of a file: the same upload is tried again later (`wait`; `doubt`: for as
 * long as it cannot be right), the file is sent once more (`upload`), cut again and smaller (`recut`), or left to an operator (`operator`).
 */
export function afterCreateRefusal(
  part: Pick<BatchPart, 'tokens' | 'failures' | 'uploads'>,
  refusal: BatchRefusal,
  believed: boolean,
): 'wait' | 'doubt' | 'upload' | 'recut' | 'operator' {
  switch (refusal.kind) {
    case 'refused':
      return 'operator';
    case 'queue full':
      return part.tokens > (refusal.limit ?? Number.POSITIVE_INFINITY) || part.failures >= MOST_QUEUE_TRIES
        ? 'recut'
        : 'wait';
    case 'file not ready':
      return 'wait';
    case 'file missing':
      if (!believed) return 'doubt';
      return part.uploads < MOST_UPLOADS ? 'upload' : 'operator';
    case 'unknown':
      return believed ? 'operator' : 'doubt';
  }
}
