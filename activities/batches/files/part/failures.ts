/** What follows when a part's step fails: it is tried again later, recut, uploaded again, or shown to an operator. */
import { retryDelayMs } from '../../../../quota/retry-delay';
import { type BatchPart, changePart, partFailed, readPart } from '../../../../store/batches/parts';
import { CallFailed } from '../../../gateway/call-errors';
import { emit, logEvent } from '../../../log/emit';
import { afterCreateRefusal } from '../answers';
import type { QueueDesk } from '../queue';
import {
  type BatchApiContext,
  type BatchApiDeps,
  type BrokenAnswer,
  type CreateRefused,
  DoubtfulAnswer,
  NeedsOperator,
} from '../types';
import { MAX_TROUBLES } from './poll';
import { type PartRecord, RELEASED } from './record';

/** A vendor that stays down is asked again this often at the least, ms. */
const LONGEST_TROUBLE_MS = 600_000;

export class PartFailures {
  constructor(
    private readonly deps: BatchApiDeps,
    private readonly context: BatchApiContext,
    private readonly queue: QueueDesk,
    private readonly record: PartRecord,
  ) {}

  /** After a call that failed, or an answer that cannot be used. @throws NeedsOperator. */
  async afterFailure(part: BatchPart, error: CallFailed | BrokenAnswer): Promise<BatchPart | null> {
    const { db } = this.deps;
    const now = await readPart(db, part.id);
    if (now === null || now.state === 'settled') return null;
    const text = error.message;
    if (error instanceof CallFailed) {
      const { kind } = error.verdict;
      if (kind === 'gone' || kind === 'invalid') {
        // Nothing was made of it, and sending it again would not help.
        if (now.state === 'cut' || now.state === 'uploaded') await this.record.settle(now, RELEASED, text);
        throw new NeedsOperator(text);
      }
      await this.tryLater(now, error.waitMs, text);
    } else {
      const isEnough = !(error instanceof DoubtfulAnswer) && this.record.isBelieved(now);
      if (isEnough && now.state !== 'creating') {
        await partFailed(db, part.id, 0, text, true);
        throw new NeedsOperator(`${now.vendorId ?? `part ${now.id}`}: ${text}`);
      }
      await this.tryLater(now, this.modelledMs(now), text, true);
    }
    return readPart(db, part.id);
  }

  /** After a refusal to make a batch: the same upload is tried again for as long as that may help. @throws NeedsOperator. */
  async afterRefusal(part: BatchPart, { message, refusal }: CreateRefused): Promise<BatchPart | null> {
    const now = await readPart(this.deps.db, part.id);
    if (now === null || now.state !== 'uploaded') return now;
    const follows = afterCreateRefusal(now, refusal, this.record.isBelieved(now));
    if (refusal.kind === 'queue full') {
      if (follows === 'recut') {
        await this.record.settle(now, RELEASED, message);
        await this.queue.refused(now.tokens, refusal.limit, refusal.text);
        return null;
      }
      if (now.failures === 0) await this.queue.refused(now.tokens, refusal.limit, refusal.text, true);
    }
    if (follows === 'operator') {
      await this.record.settle(now, RELEASED, refusal.text);
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

  /** Stores a failed call with the part, and reports it once for each reason. */
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
    const line = `batch ${batch}: ${vendorId ?? `part ${id}`} makes no progress: ${reason}`;
    if (reason !== part.note || failures + 1 === MAX_TROUBLES) {
      await emit(this.deps, 'batch.part_failed', pool, about, line);
    } else logEvent(this.deps.log, 'batch.part_failed', about, line);
  }

  /** Grows with the failures: a vendor that stays down is not asked every few seconds for a day. */
  private waitMs(modelled: number, failures: number): number {
    const maxMs = Math.min(this.context.api.poll.maxMs, LONGEST_TROUBLE_MS);
    return Math.max(modelled, Math.min(maxMs, modelled * 2 ** Math.max(0, Math.min(20, failures - 3))));
  }
}
