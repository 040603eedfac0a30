/**
 * The life of a part: cut, uploaded, creating, created, ended, settled; each step may be taken again after a crash.
 *
 * `creating` is written right before the call that makes the vendor's batch leaves. Whoever finds a part in that state
 * looks for the batch in the vendor's list and adopts it; only when the list does not show it for a while is it made
 * again, so that nothing is paid twice.
 */
import { retryDelayMs } from '../quota/retry-delay';
import {
  type BatchPart,
  changePart,
  failLines,
  type PartChange,
  partFailed,
  type Rest,
  readPart,
  settlePart,
} from '../store/batch-parts';
import type { CallResult } from '../vendors/contract';
import type { VendorBatch } from '../vendors/text-batches';
import { awaitsFiles, isRefusal, statusOf, worstProblem } from './batch-api-answers';
import { BatchApiCalls } from './batch-api-calls';
import type { PartCutter } from './batch-api-cut';
import type { QueueDesk } from './batch-api-queue';
import { ResultReader, type ResultsRead } from './batch-api-results';
import {
  type BatchApiContext,
  type BatchApiDeps,
  BrokenAnswer,
  NeedsOperator,
  PartMoved,
} from './batch-api-types';
import { CallFailed } from './call-errors';

/** A part after a step. `more`: another step can be taken at once. */
interface Step {
  readonly part: BatchPart | null;
  readonly more: boolean;
}

/** Answers that are broken this often in a row are an operator's business. */
const MAX_BROKEN = 5;
/** Vendor's own failures to make a batch of a file, in a row, that an operator should know of. */
const MAX_TROUBLES = 5;
/** A vendor that stays down is asked again this often at the least, ms. */
const LONGEST_TROUBLE_MS = 600_000;
/**
 * Results fewer than the vendor counts, and lines that are none, are read again this often; then the count is not
 * believed, and those lines are passed over.
 */
const MAX_SHORT = 2;
const FILE_LOST = 'the uploaded file is gone';
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
        return this.look(part, winding);
      case 'ended':
        return this.finish(part);
      case 'settled':
        return SETTLED;
    }
  }

  private async upload(part: BatchPart): Promise<Step> {
    const size = { changed: false };
    try {
      const fileId = await this.calls.upload(part, () => this.exactly(part, size));
      return await this.change(part, 'cut', { state: 'uploaded', file_id: fileId });
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
          if (!(await changePart(this.deps.db, part.id, 'uploaded', { state: 'creating' })))
            throw new PartMoved();
        },
        (result) => {
          answer = result;
        },
      );
      return await this.adopt(part, made, 'made');
    } catch (error) {
      // An answer that says no is certain; any other leaves a batch that may have been made: it is looked for.
      const lost = error instanceof CallFailed && error.verdict.kind === 'gone';
      if (isRefusal(answer)) {
        await changePart(this.deps.db, part.id, 'creating', { state: lost ? 'cut' : 'uploaded' });
      }
      throw error;
    }
  }

  private async find(part: BatchPart): Promise<Step> {
    const found = await this.calls.find(part);
    if (found) return this.adopt(part, found, 'adopted');
    if (part.askedAgoMs < this.context.api.settleMs) return { part, more: false };
    return this.change(part, 'creating', { state: 'uploaded' });
  }

  private async adopt(part: BatchPart, made: VendorBatch, how: 'made' | 'adopted'): Promise<Step> {
    const { part: next } = await this.change(part, 'creating', {
      state: 'created',
      vendor_id: made.id,
      ...statusOf(made),
    });
    this.deps.log.info(
      {
        event: 'batch.vendor_batch',
        batch: part.batchId,
        part: part.id,
        vendorBatch: made.id,
        items: part.items,
      },
      `batch ${part.batchId}: ${made.id} is ${how} for ${part.items} items`,
    );
    return { part: next, more: how === 'adopted' };
  }

  private async look(part: BatchPart, winding: boolean): Promise<Step> {
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
      else if (error instanceof CallFailed && error.verdict.kind === 'gone') {
        return this.settle(part, this.failedAttempt(1), `${id} is gone, and its results with it`);
      }
      throw error;
    }
    if (now.end === 'failed') return this.failed(part, now);
    if (awaitsFiles(now) && part.failures < MAX_BROKEN - 1) {
      throw new BrokenAnswer(`${id} is ${now.status}, and does not name the file of its answers yet`);
    }
    if (now.status !== 'validating' && /^(?:validating)?$/.test(part.status)) await this.queue.accepted();
    if (now.end !== null) await this.queue.hasRoom();
    const state = now.end === null ? 'created' : 'ended';
    const { part: next } = await this.change(part, 'created', { state, ...statusOf(now) });
    return { part: next, more: now.end !== null };
  }

  private async cancel(part: BatchPart, id: string, now: VendorBatch): Promise<VendorBatch> {
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
    if (problem.kind === 'line') await failLines(this.deps.db, part, lines);
    await this.settle(part, RELEASED, problem.text);
    switch (problem.kind) {
      case 'queue full':
        await this.queue.refused(part.tokens, problem.limit, problem.text);
        break;
      case 'refused':
        throw new NeedsOperator(`${ended.id}: ${problem.text}`);
      case 'service':
        if ((await this.queue.troubled(problem.text)) >= MAX_TROUBLES) {
          throw new NeedsOperator(`the vendor has failed ${MAX_TROUBLES} files in a row: ${problem.text}`);
        }
        break;
      case 'billing':
      case 'line':
    }
    return SETTLED;
  }

  /** Stores the results that there are; what has none goes back. */
  private async finish(part: BatchPart): Promise<Step> {
    const output = await this.read(part, part.outputFileId, part.outputRead, part.completed);
    if (output) await this.change(part, 'ended', { output_read: true });
    const errors = await this.read(part, part.errorFileId, part.errorsRead, 0);
    if (errors) await this.change(part, 'ended', { errors_read: true });
    const complete = part.status === 'completed';
    const left = complete ? this.failedAttempt(1) : RELEASED;
    await this.settle(part, left, complete ? `${part.vendorId} has no line for it` : part.status);
    const hold = output?.hold ?? errors?.hold;
    if (hold) throw await this.deps.door.heed(this.calls.terms(this.context.texts.operation, part), hold);
    const refused = output?.refused ?? errors?.refused;
    if (refused) throw new NeedsOperator(refused);
    return SETTLED;
  }

  /** @param least results that the vendor counts. @returns null when there is nothing to read. */
  private async read(
    part: BatchPart,
    fileId: string | null,
    done: boolean,
    least: number,
  ): Promise<ResultsRead | null> {
    if (fileId === null || done) return null;
    let stream: Awaited<ReturnType<BatchApiCalls['download']>>;
    try {
      stream = await this.calls.download(part, fileId);
    } catch (error) {
      if (!(error instanceof CallFailed) || error.verdict.kind !== 'gone') throw error;
      this.deps.log.error(
        { event: 'batch.results_gone', batch: part.batchId, part: part.id, file: fileId },
        `batch ${part.batchId}: the results in ${fileId} are gone; their items are asked for again`,
      );
      return null;
    }
    const lenient = part.failures >= MAX_SHORT;
    const read = await new ResultReader(this.deps, this.context).read(part, stream, lenient);
    if (read.lines < least && part.failures < MAX_SHORT) {
      throw new BrokenAnswer(`${fileId} holds ${read.lines} results of ${least}`);
    }
    return read;
  }

  private async afterFailure(part: BatchPart, error: CallFailed | BrokenAnswer): Promise<BatchPart | null> {
    const { db } = this.deps;
    const now = await readPart(db, part.id);
    if (now === null || now.state === 'settled') return null;
    const text = error.message;
    if (error instanceof CallFailed) {
      const { kind } = error.verdict;
      const lost = kind === 'gone' && now.state === 'cut' && now.fileId !== null && now.note !== FILE_LOST;
      if ((kind === 'gone' && !lost) || kind === 'invalid') {
        // Nothing was made of it, and sending it again would not help.
        if (now.state === 'cut' || now.state === 'uploaded') await this.settle(now, RELEASED, text);
        throw new NeedsOperator(text);
      }
      await partFailed(db, part.id, this.waitMs(error.waitMs, now.failures), lost ? FILE_LOST : text);
    } else {
      if (now.failures + 1 >= MAX_BROKEN && now.state !== 'creating') {
        await partFailed(db, part.id, 0, text);
        throw new NeedsOperator(`${now.vendorId ?? `part ${now.id}`}: ${text}`);
      }
      const { server } = this.context.account.retry;
      const waitMs = retryDelayMs(server, now.failures + 1, null, Math.random() * 2 - 1);
      await partFailed(db, part.id, this.waitMs(waitMs, now.failures), text);
    }
    this.deps.log.warn(
      { event: 'batch.part_failed', batch: part.batchId, part: part.id, state: now.state },
      text,
    );
    return readPart(db, part.id);
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
    const items = await settlePart(this.deps.db, part, rest, note);
    this.deps.log.info(
      { event: 'batch.part_settled', batch: part.batchId, part: part.id, status: part.status, left: items },
      `batch ${part.batchId}: ${part.vendorId ?? `part ${part.id}`} is settled (${note}), ${items} items left`,
    );
    return SETTLED;
  }

  private async change(part: BatchPart, from: BatchPart['state'], change: PartChange): Promise<Step> {
    const next = await changePart(this.deps.db, part.id, from, change);
    if (!next) throw new PartMoved();
    return { part: next, more: true };
  }
}
