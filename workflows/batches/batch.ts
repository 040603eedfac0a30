/**
 * Runs a batch to its end: pages of items as activities; pauses of the pool and waits for retries as durable sleeps. A
 * page runs for minutes, so a thousand items cost a few dozen events.
 */
import { condition, continueAsNew, proxyActivities, setHandler } from '@temporalio/workflow';
import type { BatchActivities } from '../../activities/batches/batch';
import type { BatchRef, BatchSnapshot, PageOutcome } from '../../activities/batches/types';
import { MINUTE_MS } from '../../quota/durations';
import { activitiesFor } from '../activity-queues';
import { showDetails } from '../details';
import { type HistoryLimit, isHistoryLong } from '../history';
import {
  type BatchStatus,
  batchStatusQuery,
  cancelSignal,
  itemsDueSignal,
  orderReason,
  pauseSignal,
  resumeSignal,
} from '../messages';
import { HistoryIsFull, PoolGate } from '../pools/pool-gate';

/** A page that is silent for this long is taken for dead, and its items are handed out again. */
const { runBatchPage } = activitiesFor<BatchActivities>('texts', {
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});
const { setBatchState, readBatchSnapshot } = proxyActivities<BatchActivities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

const PAGE_MS = 10 * MINUTE_MS;
/** A page leaves some ten events. */
const EVENTS_BEFORE_CONTINUE = 4000;
/** Waits between two pages, ms: the shortest, and the one where nobody knows when there is something to do. */
const LEAST_WAIT_MS = 500;
const UNKNOWN_WAIT_MS = 10_000;

export interface BatchInput extends BatchRef, HistoryLimit {
  /** Calls in flight that the last history's pages ended well with. */
  readonly concurrency?: number;
  /** It is being cancelled, for this reason; carried over continue-as-new. */
  readonly cancelling?: string;
}

export interface BatchSummary {
  readonly items: number;
  readonly done: number;
  readonly failed: number;
  readonly cancelled: boolean;
}

/** What an operator, or the vendor's refusal of all items, has the batch do. */
interface Order {
  readonly state: 'running' | 'paused' | 'cancelled';
  readonly reason: string;
}

const RUN: Order = { state: 'running', reason: '' };

/** A wait between pages: for retries, or for the vendor to get on with files. */
interface Wait {
  /** Epoch ms. */
  readonly until: number;
  readonly reason: string;
}

export async function batch(input: BatchInput): Promise<BatchSummary> {
  return new BatchRun(input).run();
}

class BatchRun {
  private readonly gate: PoolGate;
  /** What is wanted now; signals change it. */
  private order: Order = RUN;
  /** The state in Postgres, which pages follow; null while it is being written. */
  private stored: Order | null = RUN;
  /** Null until it has been read. */
  private batch: BatchSnapshot | null = null;
  private concurrency: number | null;
  /** Items are at the vendor in files, or may be. */
  private byFiles = false;
  private wait: Wait | null = null;
  /** Signals so far to check again what is due, and to resume. */
  private wakings = 0;
  private resumes = 0;
  /** A resume has come after a cancellation: the batch is to start over. */
  private isRevived = false;

  constructor(private readonly input: BatchInput) {
    this.concurrency = input.concurrency ?? null;
    this.gate = new PoolGate('wait', () => this.show(), input.eventsBeforeContinue);
    setHandler(pauseSignal, (pause) => {
      if (!this.isCancelled) this.order = { state: 'paused', reason: orderReason(pause) };
    });
    setHandler(resumeSignal, () => {
      this.resumes++;
      this.isRevived = this.isCancelled;
      if (!this.isCancelled) this.order = RUN;
    });
    setHandler(cancelSignal, (cancel) => {
      this.order = { state: 'cancelled', reason: orderReason(cancel) };
      this.gate.nudge();
    });
    setHandler(itemsDueSignal, () => {
      this.wakings++;
      this.gate.nudge();
    });
    setHandler(batchStatusQuery, () => this.status());
  }

  async run(): Promise<BatchSummary> {
    await this.begin();
    await Promise.race([this.work(), this.keepStored()]);
    this.show();
    const { items, counts } = this.known;
    return { items, done: counts.done, failed: counts.failed, cancelled: this.isCancelled };
  }

  /** Takes over the state in Postgres, unless an operator has sent an order since. */
  private async begin(): Promise<void> {
    const { batchId, cancelling } = this.input;
    const batch = await readBatchSnapshot({ batchId });
    this.batch = batch;
    this.byFiles = batch.byFiles === true;
    this.stored = { state: batch.state, reason: batch.reason };
    if (cancelling !== undefined && !this.isRevived) {
      this.order = { state: 'cancelled', reason: cancelling };
    } else if (batch.state === 'paused' && this.order === RUN && this.resumes === 0) {
      this.order = { state: 'paused', reason: batch.reason };
    }
  }

  private async work(): Promise<void> {
    await this.runPages();
    if (this.isCancelled) await this.cancel();
  }

  /** Returns when all items have ended, or at a cancellation. */
  private async runPages(): Promise<void> {
    for (;;) {
      this.show();
      // A page must not begin before Postgres says that it may.
      await condition(() => this.isCancelled || (this.isRunning && this.stored?.state === 'running'));
      if (this.isCancelled) return;
      if (isHistoryLong(this.input.eventsBeforeContinue ?? EVENTS_BEFORE_CONTINUE)) {
        await this.continue(null);
      }
      const { wakings, resumes } = this;
      const page = await this.page();
      if (page === null) continue;
      this.take(page);
      if (page.end === 'refused') this.stopAsRefused(page.detail, resumes);
      else if (isOver(this.known)) return;
      else if (page.end === 'nothing due') await this.sleep(page, wakings);
    }
  }

  /** @returns null when none was run: the batch is not to run any more, or the history is full. */
  private page(): Promise<PageOutcome | null> {
    const { batchId } = this.input;
    const page = async () =>
      this.isRunning ? runBatchPage({ batchId, concurrency: this.concurrency, maxMs: PAGE_MS }) : null;
    // A cancelled batch does not wait for its pool to open.
    const cancelled = condition(() => this.isCancelled && this.gate.closed !== null).then(() => null);
    return Promise.race([this.gate.run(page).catch(nullWhenFull), cancelled]);
  }

  private take(page: PageOutcome): void {
    this.concurrency = page.concurrency;
    this.batch = { ...this.known, counts: page.counts };
    this.byFiles = page.openParts !== undefined;
  }

  /**
   * The vendor refuses what all items have in common, and Postgres has paused the batch before this history knows.
   * @param resumesBefore resumes before the page; whoever resumed since has seen the pause.
   */
  private stopAsRefused(reason: string, resumesBefore: number): void {
    const refused: Order = { state: 'paused', reason };
    this.stored = refused;
    if (!this.isCancelled && this.resumes === resumesBefore) this.order = refused;
  }

  private async sleep({ counts, detail }: PageOutcome, wakingsBefore: number): Promise<void> {
    const until = counts.nextDueAt;
    this.wait = until === null ? null : { until, reason: detail };
    this.show();
    await condition(() => !this.isRunning || this.wakings > wakingsBefore, waitMs(until));
    this.wait = null;
  }

  /** What has been answered stays; what is at the vendor in files is cancelled there first. */
  private async cancel(): Promise<void> {
    const { batchId } = this.input;
    const { reason } = this.order;
    if (this.stored?.state !== 'cancelled') await setBatchState({ batchId, state: 'cancelled', reason });
    while (this.byFiles) {
      const { wakings } = this;
      const page = await Promise.race([
        this.gate
          .run(() => runBatchPage({ batchId, concurrency: this.concurrency, maxMs: PAGE_MS }))
          .catch(nullWhenFull),
        condition(() => this.isRevived).then(() => null),
      ]);
      if (this.isRevived) return this.continue(null);
      if (page === null) return this.continue(reason);
      this.batch = { ...this.known, counts: page.counts };
      this.show();
      if ((page.openParts ?? 0) === 0) return;
      await condition(() => this.isRevived || this.wakings > wakings, waitMs(page.counts.nextDueAt));
    }
  }

  /** Postgres follows what is wanted here, as soon as it is wanted. */
  private async keepStored(): Promise<never> {
    const { batchId } = this.input;
    for (;;) {
      const { order } = this;
      if (this.stored?.state !== order.state || this.stored.reason !== order.reason) {
        this.stored = null;
        await setBatchState({ batchId, ...order });
        this.stored = order;
        this.show();
      }
      await condition(() => this.stored?.state !== this.order.state);
    }
  }

  /** @param cancelling why the batch is being cancelled, if it is. */
  private continue(cancelling: string | null): Promise<never> {
    const { cancelling: _, ...input } = this.input;
    return continueAsNew<typeof batch>({
      ...input,
      ...(this.concurrency !== null && { concurrency: this.concurrency }),
      ...(cancelling !== null && { cancelling }),
    });
  }

  private get known(): BatchSnapshot {
    if (this.batch === null) throw new Error('the batch has not been read yet');
    return this.batch;
  }

  private get isRunning(): boolean {
    return this.order.state === 'running';
  }

  private get isCancelled(): boolean {
    return this.order.state === 'cancelled';
  }

  private phase(): BatchStatus['phase'] {
    const { order, batch } = this;
    if (order.state !== 'running') return order.state;
    if (batch === null) return 'starting';
    if (isOver(batch)) return 'done';
    if (this.gate.block !== null) return 'waiting for quota';
    if (this.wait === null) return 'running';
    return this.byFiles ? 'waiting for the vendor' : 'waiting for retries';
  }

  private status(): BatchStatus {
    const { order, batch } = this;
    const why = order.state === 'running' ? (this.gate.block ?? this.wait) : null;
    return {
      phase: this.phase(),
      detail: why?.reason ?? order.reason,
      until: why?.until ?? null,
      items: batch?.items ?? 0,
      done: batch?.counts.done ?? 0,
      failed: batch?.counts.failed ?? 0,
    };
  }

  private show(): void {
    if (this.batch === null) return;
    const { kind, account, inputName, model } = this.batch;
    const s = this.status();
    const head = `**Batch ${this.input.batchId}**: ${kind} for ${account}, ${inputName}, model ${model}`;
    showDetails([head, `${s.done}/${s.items} done, ${s.failed} failed: **${s.phase}**`], s);
  }
}

function isOver({ items, counts }: BatchSnapshot): boolean {
  return counts.done + counts.failed >= items;
}

/** @param dueAt epoch ms at which there is something to do; null where nobody knows. */
function waitMs(dueAt: number | null): number {
  return Math.max(LEAST_WAIT_MS, (dueAt ?? Date.now() + UNKNOWN_WAIT_MS) - Date.now());
}

/** Null where the gate has waited so long that a new history is to go on. */
function nullWhenFull(error: unknown): null {
  if (error instanceof HistoryIsFull) return null;
  throw error;
}
