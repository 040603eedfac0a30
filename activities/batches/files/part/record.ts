/** A part's row as its steps change it, and what is reported of the part. */
import { retryDelayMs } from '../../../../quota/retry-delay';
import {
  type BatchPart,
  changePart,
  type PartChange,
  type Rest,
  settlePart,
} from '../../../../store/batches/parts';
import { emit, logEvent } from '../../../log/emit';
import { isBelieved } from '../answers';
import { type BatchApiContext, type BatchApiDeps, DoubtfulAnswer, PartMoved } from '../types';

/** A part after a step. `more`: another step can be taken at once. */
export interface Step {
  readonly part: BatchPart | null;
  readonly more: boolean;
}

export const SETTLED: Step = { part: null, more: false };
/** The part's items go back to where they came from, and no attempt is counted. */
export const RELEASED: Rest = { kind: 'released' };

export class PartRecord {
  constructor(
    private readonly deps: Pick<BatchApiDeps, 'db' | 'log'>,
    private readonly context: Pick<BatchApiContext, 'account' | 'api'>,
  ) {}

  /** @throws PartMoved when the part is not in state `from` any more. */
  async change(part: BatchPart, from: BatchPart['state'], change: PartChange): Promise<Step> {
    const next = await changePart(this.deps.db, part.id, from, change);
    if (!next) throw new PartMoved();
    return { part: next, more: true };
  }

  /** Ends the part. @param rest what becomes of items without a result. @param note why, for people. */
  async settle(part: BatchPart, rest: Rest, note: string): Promise<Step> {
    const { left } = await settlePart(this.deps.db, part, rest, note);
    this.logSettled(part, note, left);
    return SETTLED;
  }

  /** Ends the part; the items of faulty lines fail. @returns how many these are. */
  async settleFaulty(
    part: BatchPart,
    faults: Parameters<typeof settlePart>[4],
    note: string,
  ): Promise<number> {
    const { left, faulty } = await settlePart(this.deps.db, part, RELEASED, note, faults);
    this.logSettled(part, note, left);
    return faulty;
  }

  private logSettled(part: BatchPart, note: string, items: number): void {
    logEvent(
      this.deps.log,
      'batch.part_settled',
      { batch: part.batchId, part: part.id, status: part.status, left: items },
      `batch ${part.batchId}: ${part.vendorId ?? `part ${part.id}`} is settled (${note}), ${items} items left`,
    );
  }

  /** For items that have used up an attempt. */
  failedAttempt(attempt: number): Rest {
    const { server } = this.context.account.retry;
    const waitMs = retryDelayMs(server, attempt, null, Math.random() * 2 - 1);
    return { kind: 'failed attempt', maxAttempts: server.attempts, waitMs };
  }

  /** Whether an answer that seems impossible has come so often that it is taken as it is. */
  isBelieved(part: BatchPart): boolean {
    return isBelieved(part, this.context.api.settleMs);
  }

  /** @throws DoubtfulAnswer until it is to be believed. */
  doubt(part: BatchPart, text: string): void {
    if (!this.isBelieved(part)) throw new DoubtfulAnswer(text);
  }

  /** Answers are lost, which costs money: somebody may want to know. */
  async resultsGone(part: BatchPart, why: string): Promise<void> {
    const reason = `${part.vendorId}: ${why}, and the answers with it; its items are asked for again`;
    await this.report('batch.results_gone', part, reason);
  }

  async report(kind: 'batch.results_gone' | 'batch.stalled', part: BatchPart, reason: string): Promise<void> {
    const { batchId: batch, pool, items } = part;
    await emit(this.deps, kind, pool, { batch, items, reason }, reason);
  }
}
