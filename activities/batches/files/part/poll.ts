/** Polls the vendor's batch of a part until it ends, and cancels it where nothing more is to be begun. */
import { type BatchPart, changePart } from '../../../../store/batches/parts';
import type { VendorBatch } from '../../../../vendors/capabilities/text-batches';
import type { CallResult } from '../../../../vendors/contract';
import { CallFailed } from '../../../gateway/call-errors';
import { awaitsFiles, isMissing, statusOf, unsettledMs, whyStalled, worstProblem } from '../answers';
import type { BatchApiCalls } from '../calls';
import type { QueueDesk } from '../queue';
import { seekTwins } from '../twins';
import { type BatchApiContext, type BatchApiDeps, NeedsOperator } from '../types';
import { type PartRecord, SETTLED, type Step } from './record';

/** Vendor's own failures to make a batch of a file, in a row, that an operator should know of. */
export const MAX_TROUBLES = 5;

export class PartPoller {
  constructor(
    private readonly deps: BatchApiDeps,
    private readonly context: BatchApiContext,
    private readonly calls: BatchApiCalls,
    private readonly queue: QueueDesk,
    private readonly record: PartRecord,
  ) {}

  async poll(part: BatchPart, winding: boolean): Promise<Step> {
    const id = part.vendorId ?? '';
    let answer: CallResult | null = null;
    let now: VendorBatch;
    try {
      now = await this.calls.get(part, id, (result) => {
        answer = result;
      });
      if (winding && !now.ending) now = await this.cancel(part, id, now);
    } catch (error) {
      // An answer that says how this batch has failed counts, whatever verdict the call got.
      const ended = this.failedIn(answer);
      if (ended) await this.failed(part, ended);
      else if (isMissing(error)) return this.missing(part, id);
      throw error;
    }
    const { settleMs, timeoutMs } = this.context.api;
    const settled = unsettledMs(part, settleMs, this.deps.connectTimeoutMs + timeoutMs) <= 0;
    if (part.remade && !part.twinsSought && (settled || now.end !== null)) {
      await seekTwins(this.deps, this.calls, part);
    }
    if (awaitsFiles(now))
      this.record.doubt(part, `${id} is ${now.status}, and does not name the file of its answers yet`);
    if (now.end === 'failed') return this.failed(part, now);
    if (now.begun && !part.begun) await this.queue.accepted();
    if (now.end !== null) await this.queue.hasRoom();
    const state = now.end === null ? 'created' : 'ended';
    const note = (await this.reportStalled(part, now)) ?? '';
    const { part: next } = await this.record.change(part, 'created', { state, note, ...statusOf(now) });
    return { part: next, more: now.end !== null };
  }

  /** A batch that was there. Its items are asked for again only when the list does not know it either. */
  private async missing(part: BatchPart, id: string): Promise<Step> {
    this.record.doubt(part, `${id} is not to be found`);
    if (await this.calls.find(part)) {
      throw new NeedsOperator(`${id} is in the vendor's list, and is not to be found by its id`);
    }
    await this.record.resultsGone(part, 'it is gone');
    return this.record.settle(part, this.record.failedAttempt(1), `${id} is gone, and its results with it`);
  }

  /** Reported once for each reason, and again after a poll that failed. @returns the reason; null when there is none. */
  private async reportStalled(part: BatchPart, now: VendorBatch): Promise<string | null> {
    const reason = whyStalled(now, Date.now());
    if (reason !== null && reason !== part.note) await this.record.report('batch.stalled', part, reason);
    return reason;
  }

  private async cancel(part: BatchPart, id: string, now: VendorBatch): Promise<VendorBatch> {
    // Before it leaves: a cancellation whose answer is lost is ours all the same.
    await this.record.change(part, 'created', { cancel_asked: true });
    try {
      return await this.calls.cancel(part, id);
    } catch (error) {
      // It has ended meanwhile; the next poll shows how.
      if (error instanceof CallFailed && error.verdict.kind === 'invalid') return now;
      throw error;
    }
  }

  private failedIn(answer: CallResult | null): VendorBatch | null {
    if (answer?.kind !== 'response' || answer.response.status !== 200) return null;
    const parsed = this.context.api.parseBatch(answer.response.body);
    return parsed.ok && parsed.value.end === 'failed' ? parsed.value : null;
  }

  /**
   * The vendor would not begin the batch: nothing was paid, and what follows depends on why. One that failed later has
   * answers, which are collected.
   */
  private async failed(part: BatchPart, ended: VendorBatch): Promise<Step> {
    if (ended.outputFileId !== null) {
      return this.record.change(part, 'created', { state: 'ended', note: '', ...statusOf(ended) });
    }
    const problem = worstProblem(ended.problems);
    const lines = ended.problems.filter((p) => p.kind === 'line');
    await changePart(this.deps.db, part.id, 'created', statusOf(ended));
    const faults = problem.kind === 'line' ? lines : [];
    const faulty = await this.record.settleFaulty(part, faults, problem.text);
    if (problem.kind === 'queue full') await this.queue.refused(part.tokens, problem.limit, problem.text);
    if (problem.kind === 'refused') throw new NeedsOperator(`${ended.id}: ${problem.text}`);
    // Lines that are none of ours: the same file would be refused again and again.
    const isTrouble = problem.kind === 'service' || (problem.kind === 'line' && faulty === 0);
    if (isTrouble && (await this.queue.troubled(problem.text)) >= MAX_TROUBLES) {
      throw new NeedsOperator(`the vendor has failed ${MAX_TROUBLES} files in a row: ${problem.text}`);
    }
    return SETTLED;
  }
}
