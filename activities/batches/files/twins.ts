/**
 * Finds duplicate batches at the vendor. A batch is created again when the answer to its creation was lost and the
 * vendor's list does not show it; the first creation may still have succeeded. The duplicate, which has the same key
 * and would be paid for as well, is reported and cancelled.
 */
import { type BatchPart, changePart } from '../../../store/batches/parts';
import { CallFailed } from '../../gateway/call-errors';
import { emit } from '../../log/emit';
import type { BatchApiCalls } from './calls';
import type { BatchApiDeps } from './types';

export async function seekTwins(deps: BatchApiDeps, calls: BatchApiCalls, part: BatchPart): Promise<void> {
  for (const twin of await calls.twins(part)) {
    const before = twin.end === null ? 'cancelled' : `${twin.status} already, and paid for`;
    if (twin.end === null && !twin.ending) {
      try {
        await calls.cancel(part, twin.id);
      } catch (error) {
        // It has ended meanwhile: its status is reported as it is.
        if (!(error instanceof CallFailed) || error.verdict.kind !== 'invalid') throw error;
      }
    }
    const reason = `${twin.id} was made of the same file as ${part.vendorId}, whose creation was taken for lost; it is ${before}`;
    const about = { batch: part.batchId, items: part.items, reason };
    await emit(deps, 'batch.twin', part.pool, about, reason);
  }
  await changePart(deps.db, part.id, part.state, { twins_sought: true }, true);
}
