/** Collects the results of a part whose batch has ended at the vendor, and settles the part. */
import { putBack } from '../../../../store/batches/alike';
import type { BatchPart } from '../../../../store/batches/parts';
import { alikeReason } from '../../alike-watch';
import { isMissing, itemsExpected, wasCancelledElsewhere } from '../answers';
import type { BatchApiCalls, ResultFile } from '../calls';
import { type AlikeItems, ResultReader, type ResultsRead } from '../results';
import { type BatchApiContext, type BatchApiDeps, BrokenAnswer, NeedsOperator } from '../types';
import { type PartRecord, RELEASED, SETTLED, type Step } from './record';

const CANCELLED_ELSEWHERE =
  'was cancelled at the vendor, and not by Sluice; resuming sends again what it has not answered';
const FAILED_UNDER_WAY =
  'has failed at the vendor after some answers; look there for the reason, then resume: what it has not answered is sent again';

export class PartCollector {
  constructor(
    private readonly deps: BatchApiDeps,
    private readonly context: BatchApiContext,
    private readonly calls: BatchApiCalls,
    private readonly record: PartRecord,
  ) {}

  /** Stores the results that there are; items without one go back. */
  async finish(part: BatchPart, winding: boolean): Promise<Step> {
    const reader = new ResultReader(this.deps, this.context);
    const output = await this.read(reader, part, part.outputFileId, part.outputRead);
    const isAll = part.outputRead || (output?.items ?? 0) >= part.completed;
    const usable = part.usable + (output?.usable ?? 0);
    // Otherwise it may speak of the whole account, which would be forgotten when the other file cannot be read.
    const isPlain = output !== null && output.usable > 0 && output.hold === null;
    if (isAll && isPlain) await this.record.change(part, 'ended', { output_read: true, usable });
    const errors = await this.read(reader, part, part.errorFileId, part.errorsRead);
    await this.missingItems(part, output, reader.items, winding);
    const inAll = part.usable + (errors?.usable ?? output?.usable ?? 0);
    const bothRead = { output_read: true, errors_read: true, usable: inAll };
    if (errors || output) await this.record.change(part, 'ended', bothRead);
    const complete = part.outcome === 'completed';
    const left = complete ? this.record.failedAttempt(1) : RELEASED;
    await this.record.settle(part, left, complete ? `${part.vendorId} has no line for it` : part.status);
    const hold = output?.hold ?? errors?.hold;
    if (hold) throw await this.deps.gateway.apply(this.calls.terms(this.context.texts.operation, part), hold);
    const refused = output?.refused ?? errors?.refused;
    if (refused) throw new NeedsOperator(refused);
    const alike = reader.ofAll(inAll);
    if (alike) throw await this.allAlike(part, alike);
    if (!winding && wasCancelledElsewhere(part)) {
      throw new NeedsOperator(`${part.vendorId} ${CANCELLED_ELSEWHERE}`);
    }
    if (!winding && part.outcome === 'failed' && part.completed < part.items) {
      throw new NeedsOperator(`${part.vendorId} ${FAILED_UNDER_WAY}`);
    }
    return SETTLED;
  }

  /**
   * All items were answered alike, so no item is to blame: refused ones are put back. Answers have been paid for, and
   * are kept as they are. @returns the error that stops the pool or the batch.
   */
  private async allAlike(part: BatchPart, { key, seqs, verdict, reason }: AlikeItems): Promise<Error> {
    if (verdict !== null) await putBack(this.deps.db, part.batchId, seqs);
    if (verdict?.kind === 'blocked' || verdict?.kind === 'quota') {
      return this.deps.gateway.apply(this.calls.terms(this.context.texts.operation, part), verdict);
    }
    return new NeedsOperator(alikeReason(key, seqs.length, reason));
  }

  /** The vendor counts more items than there are lines for, in whichever of its files. */
  private async missingItems(
    part: BatchPart,
    output: ResultsRead | null,
    items: number,
    winding: boolean,
  ): Promise<void> {
    const { vendorId, completed, outputFileId } = part;
    const expected = itemsExpected(part);
    if (items >= expected) return;
    if (outputFileId === null) {
      if (items < completed) {
        await this.record.resultsGone(part, 'the vendor has not named the file of its answers');
      }
      return;
    }
    this.record.doubt(part, `${vendorId} has ${items} results of ${expected}`);
    // What is gone was reported, and what was refused has cost nothing.
    if (output === null || items >= completed) return;
    if (output.items === 0 && completed > 1 && !winding) {
      // A proxy's or a login's page, or nothing: nothing says that the answers are lost, and all would be paid for again.
      throw new BrokenAnswer(
        `${outputFileId} holds none of its ${completed} results; find out what answers in its place and resume, or cancel the batch to give them up`,
      );
    }
    await this.record.resultsGone(part, `it has ${items} results of ${completed}`);
  }

  /** @returns null when there is nothing to read. */
  private async read(
    reader: ResultReader,
    part: BatchPart,
    fileId: string | null,
    done: boolean,
  ): Promise<ResultsRead | null> {
    if (done || fileId === null) return null;
    let file: ResultFile;
    try {
      file = await this.calls.download(part, fileId);
    } catch (error) {
      if (!isMissing(error)) throw error;
      this.record.doubt(part, `${fileId} is not to be found`);
      // With a wrong base URL nothing is found at all: then this call throws.
      await this.calls.get(part, part.vendorId ?? '', () => undefined);
      await this.record.resultsGone(part, `its file ${fileId} is gone`);
      return null;
    }
    return reader.read(part, file, this.record.isBelieved(part));
  }
}
