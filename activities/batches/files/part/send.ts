/** Sends a part: uploads its file, and has the vendor make a batch of it, or finds the one that was made. */
import { describeEvidence } from '../../../../quota/verdict';
import { type BatchPart, changePart } from '../../../../store/batches/parts';
import type { BatchRefusal, VendorBatch } from '../../../../vendors/capabilities/text-batches';
import type { CallResult } from '../../../../vendors/contract';
import { CallFailed } from '../../../gateway/call-errors';
import { logEvent } from '../../../log/emit';
import { isRefusal, statusOf, unsettledMs } from '../answers';
import type { BatchApiCalls } from '../calls';
import type { PartCutter } from '../cut';
import { type BatchApiContext, type BatchApiDeps, CreateRefused, PartMoved } from '../types';
import { type PartRecord, RELEASED, type Step } from './record';

export class PartSender {
  constructor(
    private readonly deps: BatchApiDeps,
    private readonly context: BatchApiContext,
    private readonly calls: BatchApiCalls,
    private readonly cutter: PartCutter,
    private readonly record: PartRecord,
  ) {}

  async upload(part: BatchPart): Promise<Step> {
    const size = { changed: false };
    try {
      const fileId = await this.calls.upload(part, () => this.exactly(part, size));
      return await this.record.change(part, 'cut', {
        state: 'uploaded',
        file_id: fileId,
        uploads: part.uploads + 1,
      });
    } catch (error) {
      if (!size.changed) throw error;
      return this.record.settle(part, RELEASED, 'its requests are no longer what they were when it was cut');
    }
  }

  /** The part's lines; breaks off when they are not of the size that was announced. */
  private async *exactly(part: BatchPart, size: { changed: boolean }): AsyncGenerator<string> {
    let bytes = 0;
    for await (const line of this.cutter.lines(part)) {
      bytes += Buffer.byteLength(line);
      if (bytes > part.bytes) break;
      yield line;
    }
    if (bytes === part.bytes) return;
    size.changed = true;
    throw new Error(`part ${part.id} holds ${bytes} bytes instead of ${part.bytes}`);
  }

  async create(part: BatchPart): Promise<Step> {
    let answer: CallResult | null = null;
    try {
      const made = await this.calls.create(
        part,
        part.fileId ?? '',
        async () => {
          const begun = { state: 'creating' } as const;
          if (!(await changePart(this.deps.db, part.id, 'uploaded', begun, true))) throw new PartMoved();
        },
        (result) => {
          answer = result;
        },
      );
      return await this.adopt(part, made, 'made');
    } catch (error) {
      // A refusal is certain. After any other answer a batch may have been made: it is looked up.
      if (!isRefusal(answer)) {
        if (answer !== null) {
          await changePart(this.deps.db, part.id, 'creating', { answered: true }, true).catch(() => null);
        }
        throw error;
      }
      await changePart(this.deps.db, part.id, 'creating', { state: 'uploaded' }, true);
      const refusal = this.refusalIn(answer, error);
      throw refusal === null ? error : new CreateRefused(refusal);
    }
  }

  /** Why the vendor makes no batch of the file; null when it is not about the file, e.g. that calls are too many. */
  private refusalIn(answer: CallResult | null, error: unknown): BatchRefusal | null {
    if (answer?.kind !== 'response' || !(error instanceof CallFailed)) return null;
    const { kind, evidence } = error.verdict;
    const refusal = this.context.api.parseRefusal(answer.response.body);
    if (kind === 'rate') return refusal.kind === 'queue full' ? refusal : null;
    // With a wrong base URL every request is refused.
    if (kind === 'gone' && refusal.kind === 'unknown') return { ...refusal, kind: 'refused' };
    // Without the request's id: the same refusal is reported once.
    const { requestId: _, ...refused } = evidence;
    return kind === 'gone' || kind === 'invalid' ? { ...refusal, text: describeEvidence(refused) } : null;
  }

  async find(part: BatchPart): Promise<Step> {
    const found = await this.calls.find(part);
    if (found) return this.adopt(part, found, 'adopted');
    const { settleMs, timeoutMs } = this.context.api;
    const left = unsettledMs(part, settleMs, this.deps.connectTimeoutMs + timeoutMs);
    if (left > 0) return { part, more: false };
    return this.record.change(part, 'creating', { state: 'uploaded', remade: true, twins_sought: false });
  }

  private async adopt(part: BatchPart, made: VendorBatch, how: 'made' | 'adopted'): Promise<Step> {
    const { part: next } = await this.record.change(part, 'creating', {
      state: 'created',
      vendor_id: made.id,
      ...statusOf(made),
    });
    logEvent(
      this.deps.log,
      'batch.vendor_batch',
      { batch: part.batchId, part: part.id, vendorBatch: made.id, items: part.items },
      `batch ${part.batchId}: ${made.id} is ${how} for ${part.items} items`,
    );
    return { part: next, more: how === 'adopted' };
  }
}
