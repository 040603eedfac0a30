/**
 * The life of a part: cut, uploaded, creating, created, ended, settled. Each step may be repeated after a crash.
 *
 * `creating` is written right before the call that creates the vendor's batch. Whoever finds a part in that state
 * looks for the batch in the vendor's list and adopts it. The batch is created again only when the list has not shown
 * it for a while, so that nothing is paid for twice.
 */
import { retryDelayMs } from '../../../quota/retry-delay';
import { describeEvidence } from '../../../quota/verdict';
import { putBack } from '../../../store/batches/alike';
import {
  type BatchPart,
  changePart,
  type PartChange,
  partFailed,
  type Rest,
  readPart,
  settlePart,
} from '../../../store/batches/parts';
import type { BatchRefusal, VendorBatch } from '../../../vendors/capabilities/text-batches';
import type { CallResult } from '../../../vendors/contract';
import { CallFailed } from '../../gateway/call-errors';
import { emit, logEvent } from '../../log/emit';
import { sayAlike } from '../alike-watch';
import {
  afterCreateRefusal,
  awaitsFiles,
  isBelieved,
  isMissing,
  isRefusal,
  statusOf,
  unsettledMs,
  wasCancelledElsewhere,
  whyStalled,
  worstProblem,
} from './answers';
import { BatchApiCalls, type ResultFile } from './calls';
import type { PartCutter } from './cut';
import type { QueueDesk } from './queue';
import { type AlikeItems, ResultReader, type ResultsRead } from './results';
import { seekTwins } from './twins';
import {
  type BatchApiContext,
  type BatchApiDeps,
  BrokenAnswer,
  CreateRefused,
  DoubtfulAnswer,
  NeedsOperator,
  PartMoved,
} from './types';

/** A part after a step. `more`: another step can be taken at once. */
interface Step {
  readonly part: BatchPart | null;
  readonly more: boolean;
}

/** Vendor's own failures to make a batch of a file, in a row, that an operator should know of. */
const MAX_TROUBLES = 5;
/** A vendor that stays down is asked again this often at the least, ms. */
const LONGEST_TROUBLE_MS = 600_000;
const CANCELLED_ELSEWHERE =
  'was cancelled at the vendor, and not by Sluice; resuming sends again what it has not answered';
const SETTLED: Step = { part: null, more: false };
const RELEASED: Rest = { kind: 'released' };

export class PartSteps {
  private readonly calls: BatchApiCalls;

  constructor(
    private readonly deps: BatchApiDeps,
    private readonly context: BatchApiContext,
    private readonly cutter: PartCutter,
    private readonly queue: QueueDesk,
  ) {
    this.calls = new BatchApiCalls(deps, context);
  }

  /**
   * Takes a part as far as it goes now.
   * @param winding nothing more is to be begun: what can be is cancelled, and results are kept.
   * @returns the part as it stands; null when it is settled.
   * @throws PoolClosed, PermitWait, NeedsOperator; what a call failed with is noted with the part.
   */
  async advance(part: BatchPart, winding: boolean): Promise<BatchPart | null> {
    for (let current = part; ; ) {
      if (current.dueInMs > 0) return current;
      try {
        const step = await this.step(current, winding);
        if (step.part === null || !step.more) return step.part;
        current = step.part;
      } catch (error) {
        if (error instanceof PartMoved) return readPart(this.deps.db, current.id);
        if (error instanceof CreateRefused) return this.afterRefusal(current, error);
        if (!(error instanceof CallFailed) && !(error instanceof BrokenAnswer)) throw error;
        return this.afterFailure(current, error);
      }
    }
  }

  private async step(part: BatchPart, winding: boolean): Promise<Step> {
    switch (part.state) {
      case 'cutting':
        return this.settle(part, RELEASED, 'its cutting was broken off');
      case 'cut':
        return winding ? this.settle(part, RELEASED, 'not sent any more') : this.upload(part);
      case 'uploaded':
        return winding ? this.settle(part, RELEASED, 'not asked for any more') : this.create(part);
      case 'creating':
        return this.find(part);
      case 'created':
        return this.poll(part, winding);
      case 'ended':
        return this.finish(part, winding);
      case 'settled':
        return SETTLED;
    }
  }

  private async upload(part: BatchPart): Promise<Step> {
    const size = { changed: false };
    try {
      const fileId = await this.calls.upload(part, () => this.exactly(part, size));
      return await this.change(part, 'cut', {
        state: 'uploaded',
        file_id: fileId,
        uploads: part.uploads + 1,
      });
    } catch (error) {
      if (!size.changed) throw error;
      return this.settle(part, RELEASED, 'its requests are written otherwise than when it was cut');
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

  private async create(part: BatchPart): Promise<Step> {
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
      // An answer that says no is certain; any other leaves a batch that may have been made: it is looked for.
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
    // A base URL that is wrong refuses whatever is asked of it.
    if (kind === 'gone' && refusal.kind === 'unknown') return { ...refusal, kind: 'refused' };
    // Without the request's id: the same refusal is told once.
    const { requestId: _, ...told } = evidence;
    return kind === 'gone' || kind === 'invalid' ? { ...refusal, text: describeEvidence(told) } : null;
  }

  private async find(part: BatchPart): Promise<Step> {
    const found = await this.calls.find(part);
    if (found) return this.adopt(part, found, 'adopted');
    const { settleMs, timeoutMs } = this.context.api;
    const left = unsettledMs(part, settleMs, this.deps.connectTimeoutMs + timeoutMs);
    if (left > 0) return { part, more: false };
    return this.change(part, 'creating', { state: 'uploaded', remade: true, twins_sought: false });
  }

  private async adopt(part: BatchPart, made: VendorBatch, how: 'made' | 'adopted'): Promise<Step> {
    const { part: next } = await this.change(part, 'creating', {
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

  private async poll(part: BatchPart, winding: boolean): Promise<Step> {
    const id = part.vendorId ?? '';
    let answer: CallResult | null = null;
    let now: VendorBatch;
    try {
      now = await this.calls.get(part, id, (result) => {
        answer = result;
      });
      if (winding && !now.ending) now = await this.cancel(part, id, now);
    } catch (error) {
      // That somebody has to pay is thrown, and also how this batch has ended.
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
    if (now.end === 'failed') return this.failed(part, now);
    if (awaitsFiles(now))
      this.doubt(part, `${id} is ${now.status}, and does not name the file of its answers yet`);
    if (now.begun && !part.begun) await this.queue.accepted();
    if (now.end !== null) await this.queue.hasRoom();
    const state = now.end === null ? 'created' : 'ended';
    const note = (await this.tellStalled(part, now)) ?? '';
    const { part: next } = await this.change(part, 'created', { state, note, ...statusOf(now) });
    return { part: next, more: now.end !== null };
  }

  /** A batch that was there. Its items are asked for again only when the list does not know it either. */
  private async missing(part: BatchPart, id: string): Promise<Step> {
    this.doubt(part, `${id} is not to be found`);
    if (await this.calls.find(part)) {
      throw new NeedsOperator(`${id} is in the vendor's list, and is not to be found by its id`);
    }
    await this.resultsGone(part, 'it is gone');
    return this.settle(part, this.failedAttempt(1), `${id} is gone, and its results with it`);
  }

  /** Told once for each reason, and again after a look that failed. @returns the reason; null when there is none. */
  private async tellStalled(part: BatchPart, now: VendorBatch): Promise<string | null> {
    const reason = whyStalled(now, Date.now());
    if (reason !== null && reason !== part.note) await this.tell('batch.stalled', part, reason);
    return reason;
  }

  private async cancel(part: BatchPart, id: string, now: VendorBatch): Promise<VendorBatch> {
    // Before it leaves: a cancellation without an answer is ours all the same.
    await this.change(part, 'created', { cancel_asked: true });
    try {
      return await this.calls.cancel(part, id);
    } catch (error) {
      // It has ended meanwhile; the next look shows how.
      if (error instanceof CallFailed && error.verdict.kind === 'invalid') return now;
      throw error;
    }
  }

  private failedIn(answer: CallResult | null): VendorBatch | null {
    if (answer?.kind !== 'response' || answer.response.status !== 200) return null;
    const parsed = this.context.api.parseBatch(answer.response.body);
    return parsed.ok && parsed.value.end === 'failed' ? parsed.value : null;
  }

  /** The vendor would not begin the batch: nothing was paid, and what follows depends on why. */
  private async failed(part: BatchPart, ended: VendorBatch): Promise<Step> {
    const problem = worstProblem(ended.problems);
    const lines = ended.problems.filter((p) => p.kind === 'line');
    await changePart(this.deps.db, part.id, 'created', statusOf(ended));
    const faults = problem.kind === 'line' ? lines : [];
    const faulty = await this.settleFaulty(part, faults, problem.text);
    if (problem.kind === 'queue full') await this.queue.refused(part.tokens, problem.limit, problem.text);
    if (problem.kind === 'refused') throw new NeedsOperator(`${ended.id}: ${problem.text}`);
    // Lines that are none of ours: the same file would be refused again, at once and for ever.
    const isTrouble = problem.kind === 'service' || (problem.kind === 'line' && faulty === 0);
    if (isTrouble && (await this.queue.troubled(problem.text)) >= MAX_TROUBLES) {
      throw new NeedsOperator(`the vendor has failed ${MAX_TROUBLES} files in a row: ${problem.text}`);
    }
    return SETTLED;
  }

  /** Stores the results that there are; what has none goes back. */
  private async finish(part: BatchPart, winding: boolean): Promise<Step> {
    const reader = new ResultReader(this.deps, this.context);
    const output = await this.read(reader, part, part.outputFileId, part.outputRead);
    const isAll = part.outputRead || (output?.lines ?? 0) >= part.completed;
    const usable = part.usable + (output?.usable ?? 0);
    if (output && isAll) await this.change(part, 'ended', { output_read: true, usable });
    const errors = await this.read(reader, part, part.errorFileId, part.errorsRead);
    if (!isAll) await this.missingLines(part, (output?.lines ?? 0) + (errors?.lines ?? 0));
    const inAll = part.usable + (errors?.usable ?? output?.usable ?? 0);
    const bothRead = { output_read: true, errors_read: true, usable: inAll };
    if (errors || output) await this.change(part, 'ended', bothRead);
    const complete = part.outcome === 'completed';
    const left = complete ? this.failedAttempt(1) : RELEASED;
    await this.settle(part, left, complete ? `${part.vendorId} has no line for it` : part.status);
    const hold = output?.hold ?? errors?.hold;
    if (hold) throw await this.deps.gateway.apply(this.calls.terms(this.context.texts.operation, part), hold);
    const refused = output?.refused ?? errors?.refused;
    if (refused) throw new NeedsOperator(refused);
    const alike = reader.ofAll(inAll);
    if (alike) throw await this.allAlike(part, alike);
    if (!winding && wasCancelledElsewhere(part)) {
      throw new NeedsOperator(`${part.vendorId} ${CANCELLED_ELSEWHERE}`);
    }
    return SETTLED;
  }

  /**
   * What the items of a file were told is none of theirs: those that were refused are put back. Answers have been paid
   * for, and are kept as they are. @returns what follows.
   */
  private async allAlike(part: BatchPart, { key, seqs, verdict, reason }: AlikeItems): Promise<Error> {
    if (verdict !== null) await putBack(this.deps.db, part.batchId, seqs);
    if (verdict?.kind === 'blocked' || verdict?.kind === 'quota') {
      return this.deps.gateway.apply(this.calls.terms(this.context.texts.operation, part), verdict);
    }
    return new NeedsOperator(sayAlike(key, seqs.length, reason));
  }

  /** The vendor counts more answers than there are lines, in whichever of its files. */
  private async missingLines(part: BatchPart, lines: number): Promise<void> {
    const { vendorId, completed, outputFileId } = part;
    if (lines >= completed) return;
    if (outputFileId === null) {
      await this.resultsGone(part, 'the vendor has not named the file of its answers');
    } else this.doubt(part, `${vendorId} has ${lines} results of ${completed}`);
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
      this.doubt(part, `${fileId} is not to be found`);
      // Is it the file alone? A base URL that has become wrong loses everything at once.
      await this.calls.get(part, part.vendorId ?? '', () => undefined);
      await this.resultsGone(part, `its file ${fileId} is gone`);
      return null;
    }
    return reader.read(part, file, this.isBelieved(part));
  }

  /** Costs money: somebody may want to know. */
  private async resultsGone(part: BatchPart, why: string): Promise<void> {
    const reason = `${part.vendorId}: ${why}, and the answers with it; its items are asked for again`;
    await this.tell('batch.results_gone', part, reason);
  }

  private async tell(
    kind: 'batch.results_gone' | 'batch.stalled',
    part: BatchPart,
    reason: string,
  ): Promise<void> {
    const { batchId: batch, pool, items } = part;
    await emit(this.deps, kind, pool, { batch, items, reason }, reason);
  }

  private isBelieved(part: BatchPart): boolean {
    return isBelieved(part, this.context.api.settleMs);
  }

  /** @throws DoubtfulAnswer until it is to be believed. */
  private doubt(part: BatchPart, text: string): void {
    if (!this.isBelieved(part)) throw new DoubtfulAnswer(text);
  }

  private async afterFailure(part: BatchPart, error: CallFailed | BrokenAnswer): Promise<BatchPart | null> {
    const { db } = this.deps;
    const now = await readPart(db, part.id);
    if (now === null || now.state === 'settled') return null;
    const text = error.message;
    if (error instanceof CallFailed) {
      const { kind } = error.verdict;
      if (kind === 'gone' || kind === 'invalid') {
        // Nothing was made of it, and sending it again would not help.
        if (now.state === 'cut' || now.state === 'uploaded') await this.settle(now, RELEASED, text);
        throw new NeedsOperator(text);
      }
      await this.tryLater(now, error.waitMs, text);
    } else {
      const isEnough = !(error instanceof DoubtfulAnswer) && this.isBelieved(now);
      if (isEnough && now.state !== 'creating') {
        await partFailed(db, part.id, 0, text, true);
        throw new NeedsOperator(`${now.vendorId ?? `part ${now.id}`}: ${text}`);
      }
      await this.tryLater(now, this.modelledMs(now), text, true);
    }
    return readPart(db, part.id);
  }

  /** The same upload is tried again for as long as the refusal may pass. */
  private async afterRefusal(
    part: BatchPart,
    { message, refusal }: CreateRefused,
  ): Promise<BatchPart | null> {
    const now = await readPart(this.deps.db, part.id);
    if (now === null || now.state !== 'uploaded') return now;
    const follows = afterCreateRefusal(now, refusal, this.isBelieved(now));
    if (refusal.kind === 'queue full') {
      if (follows === 'recut') {
        await this.settle(now, RELEASED, message);
        await this.queue.refused(now.tokens, refusal.limit, refusal.text);
        return null;
      }
      if (now.failures === 0) await this.queue.refused(now.tokens, refusal.limit, refusal.text, true);
    }
    if (follows === 'operator') {
      await this.settle(now, RELEASED, refusal.text);
      throw new NeedsOperator(refusal.text);
    }
    if (follows === 'upload') {
      await changePart(this.deps.db, now.id, 'uploaded', { state: 'cut', note: message });
    } else await this.tryLater(now, this.modelledMs(now), message, follows === 'doubt');
    return readPart(this.deps.db, now.id);
  }

  private modelledMs({ failures }: BatchPart): number {
    const { server } = this.context.account.retry;
    return retryDelayMs(server, failures + 1, null, Math.random() * 2 - 1);
  }

  /** Notes a failed call with the part, and tells of it once for each reason. */
  private async tryLater(
    part: BatchPart,
    modelledMs: number,
    reason: string,
    doubted = false,
  ): Promise<void> {
    const waitMs = this.waitMs(modelledMs, part.failures);
    await partFailed(this.deps.db, part.id, waitMs, reason, doubted);
    const { batchId: batch, id, pool, state, vendorId, failures } = part;
    const about = {
      ...{ batch, part: id, state, reason, failures: failures + 1 },
      since: Date.now() - part.unchangedMs,
      until: Date.now() + waitMs,
    };
    const line = `batch ${batch}: ${vendorId ?? `part ${id}`} does not get on: ${reason}`;
    if (reason !== part.note || failures + 1 === MAX_TROUBLES) {
      await emit(this.deps, 'batch.part_failed', pool, about, line);
    } else logEvent(this.deps.log, 'batch.part_failed', about, line);
  }

  /** A vendor that stays down is not asked every few seconds for a day. */
  private waitMs(modelled: number, failures: number): number {
    const maxMs = Math.min(this.context.api.poll.maxMs, LONGEST_TROUBLE_MS);
    return Math.max(modelled, Math.min(maxMs, modelled * 2 ** Math.max(0, Math.min(20, failures - 3))));
  }

  private failedAttempt(attempt: number): Rest {
    const { server } = this.context.account.retry;
    const waitMs = retryDelayMs(server, attempt, null, Math.random() * 2 - 1);
    return { kind: 'failed attempt', maxAttempts: server.attempts, waitMs };
  }

  private async settle(part: BatchPart, rest: Rest, note: string): Promise<Step> {
    const { left } = await settlePart(this.deps.db, part, rest, note);
    this.tellSettled(part, note, left);
    return SETTLED;
  }

  /** @returns how many items have failed for their lines. */
  private async settleFaulty(
    part: BatchPart,
    faults: Parameters<typeof settlePart>[4],
    note: string,
  ): Promise<number> {
    const { left, faulty } = await settlePart(this.deps.db, part, RELEASED, note, faults);
    this.tellSettled(part, note, left);
    return faulty;
  }

  private tellSettled(part: BatchPart, note: string, items: number): void {
    logEvent(
      this.deps.log,
      'batch.part_settled',
      { batch: part.batchId, part: part.id, status: part.status, left: items },
      `batch ${part.batchId}: ${part.vendorId ?? `part ${part.id}`} is settled (${note}), ${items} items left`,
    );
  }

  private async change(part: BatchPart, from: BatchPart['state'], change: PartChange): Promise<Step> {
    const next = await changePart(this.deps.db, part.id, from, change);
    if (!next) throw new PartMoved();
    return { part: next, more: true };
  }
}
