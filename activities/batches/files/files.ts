/**
 * Runs a batch by files. One sweep takes every open part one step further: it stores results, polls the vendor, sends
 * files, and cuts the remaining items into new files while the vendor's queue has room. Then the workflow sleeps.
 *
 * Nothing is lost if a sweep crashes: part/part.ts says what survives each step. A paused batch leaves its parts with the
 * vendor. A cancelled batch, and one whose delivery mode changes, has them cancelled and keeps the answers.
 */
import { pollDelayMs } from '../../../quota/batches/queue';
import { dayZone, fileCap, runTerms } from '../../../quota/batches/run-terms';
import { limitsOfCall } from '../../../settings/accounts/accounts';
import { readBatch, setBatchState } from '../../../store/batches/batches';
import { countItems } from '../../../store/batches/items';
import {
  type BatchPart,
  beginPart,
  changePart,
  dropPart,
  hasDueItems,
  openParts,
} from '../../../store/batches/parts';
import { logEventOnce } from '../../log/warn-once';
import { BatchQuota } from '../quota';
import type { PageOutcome } from '../types';
import { unsettledMs } from './answers';
import { PartCutter } from './cut';
import { PartSteps } from './part/part';
import { QueueDesk } from './queue';
import { type BatchApiContext, type BatchApiDeps, NeedsOperator } from './types';

const TICK_MS = 1000;
/** A part that could go on, but for some other work of this sweep, ms. */
const SOON_MS = 500;
/** A cancelled batch whose files the vendor would not let be cancelled or read, ms. */
const CANCEL_AGAIN_MS = 60_000;

/** `winding down`: nothing more is begun. */
type Mode = 'working' | 'winding down' | 'paused';

export class BatchApiSweep {
  private readonly cutter: PartCutter;
  private readonly queue: QueueDesk;
  private readonly steps: PartSteps;
  private readonly quota: BatchQuota;
  /** When the next sweep is due, ms from now. */
  private nextMs = Number.POSITIVE_INFINITY;
  private detail = '';
  private queueFull = false;

  constructor(
    private readonly deps: BatchApiDeps,
    private readonly context: BatchApiContext,
  ) {
    this.cutter = new PartCutter(deps.db, context);
    this.queue = new QueueDesk(deps, context);
    this.steps = new PartSteps(deps, context, this.cutter, this.queue);
    const { batch, account, texts } = context;
    const cap = fileCap(account.limits, texts, batch.options, batch.priority);
    this.quota = new BatchQuota(deps, {
      batch: batch.id,
      pool: account.poolKey,
      terms: runTerms(texts, batch.options),
      charged: new Set(
        limitsOfCall(account, texts.operation, texts.attributes(batch.model)).map(({ key }) => key),
      ),
      cap,
      files: { zone: dayZone(account.limits), cap },
    });
  }

  /**
   * @param maxMs no file is begun after this. @param onProgress called every second.
   * @throws PermitWait, PoolClosed, and failures of the surroundings: all of it can be done again.
   */
  async run(maxMs: number, onProgress: (progress: { readonly part: string }) => void): Promise<PageOutcome> {
    let at = '';
    const timer = setInterval(() => onProgress({ part: at }), TICK_MS);
    const endAt = performance.now() + maxMs;
    try {
      return await this.sweep(endAt, (part) => {
        at = `${part.id} ${part.state}`;
      });
    } catch (error) {
      if (!(error instanceof NeedsOperator)) throw error;
      await this.stop(error.message);
      return await this.outcome('refused', error.message);
    } finally {
      clearInterval(timer);
      await this.quota.watch().catch(() => undefined);
    }
  }

  private async sweep(endAt: number, onPart: (part: BatchPart) => void): Promise<PageOutcome> {
    const { db } = this.deps;
    const { batch, ending } = this.context;
    for (const part of await openParts(db, batch.id)) {
      const mode = await this.mode();
      if (mode === 'paused') return this.outcome('not running', '');
      if (ending.aborted) return this.outcome('stopped', '');
      onPart(part);
      const winding = mode === 'winding down';
      this.waitFor(await this.steps.advance(part, winding), winding);
    }
    while ((await this.mode()) === 'working') {
      if (ending.aborted) return this.outcome('stopped', '');
      if (performance.now() > endAt) return this.outcome('time is over', '');
      const part = await this.cut(onPart);
      if (part === null) break;
      const after = await this.steps.advance(part, false);
      if (after?.state === 'created') await this.quota.going();
      this.waitFor(after, false);
      // Its items were given back at once: cutting them again right away would go in circles.
      if (after === null) {
        this.waitAtMost(SOON_MS, '');
        break;
      }
    }
    return this.outcome('nothing due', this.detail);
  }

  /** Pauses the batch. One that is being cancelled stays so, and is tried again later. */
  private async stop(reason: string): Promise<void> {
    const { batch, account } = this.context;
    const now = await readBatch(this.deps.db, batch.id);
    if (now?.state === 'cancelled') {
      const about = { batch: batch.id, reason };
      logEventOnce(this.deps.log, 'batch.cancel_fails', about, reason, { of: batch.id, why: reason });
      this.waitAtMost(CANCEL_AGAIN_MS, reason);
    } else {
      const changed = { by: 'vendor', pool: account.poolKey };
      await setBatchState(this.deps.db, batch.id, 'paused', reason, changed);
    }
  }

  private async mode(): Promise<Mode> {
    const now = await readBatch(this.deps.db, this.context.batch.id);
    if (now?.state === 'paused') return 'paused';
    return now?.state === 'running' && now.via === 'batch-api' ? 'working' : 'winding down';
  }

  /** The next file's worth of items; null when there are none, or no room for them. */
  private async cut(onPart: (part: BatchPart) => void): Promise<BatchPart | null> {
    const { db } = this.deps;
    const { batch, account, signal } = this.context;
    if (!(await hasDueItems(db, batch.id))) return null;
    const calls = Math.floor(await this.quota.room());
    if (calls < 1) {
      const wait = await this.quota.wait();
      // Files that the vendor has are polled meanwhile.
      if ((await openParts(db, batch.id)).length === 0) throw wait;
      this.waitAtMost(wait.details.until - Date.now(), wait.details.reason ?? '');
      return null;
    }
    const room = await this.queue.room();
    this.queueFull = room.tokens <= 0;
    if (this.queueFull) {
      this.waitAtMost(room.waitMs, room.reason);
      return null;
    }
    const begun = await beginPart(db, batch, account.poolKey);
    onPart(begun);
    const { requests, bytes, tokens } = await this.cutter.cut(begun, { ...room, calls }, signal);
    if (requests === 0) {
      await dropPart(db, begun.id);
      return null;
    }
    return changePart(db, begun.id, 'cutting', { state: 'cut', items: requests, bytes, tokens });
  }

  /** @param winding its cancellation was requested, so it ends soon. */
  private waitFor(part: BatchPart | null, winding: boolean): void {
    if (part === null) return;
    const { poll, settleMs, timeoutMs } = this.context.api;
    if (part.dueInMs > 0) this.waitAtMost(part.dueInMs, part.note);
    else if (part.state === 'creating') {
      const left = Math.min(
        unsettledMs(part, settleMs, this.deps.connectTimeoutMs + timeoutMs),
        pollDelayMs(part.askedAgoMs, poll),
      );
      this.waitAtMost(left, 'a creation without an answer is looked up');
    } else if (part.state === 'created') {
      const counted = part.total > 0 ? `, ${part.completed + part.failed} of ${part.total}` : '';
      // By its age and not its last change: otherwise each new status would start the intervals over.
      const nextMs = pollDelayMs(winding ? part.unchangedMs : part.askedAgoMs, poll);
      const expiresMs = (part.expiresAt ?? 0) - Date.now() + poll.firstMs;
      const pollMs = expiresMs > 0 ? Math.min(nextMs, expiresMs) : nextMs;
      this.waitAtMost(pollMs, `${part.vendorId} is ${part.status}${counted}`);
    } else this.waitAtMost(SOON_MS, '');
  }

  private waitAtMost(ms: number, detail: string): void {
    this.nextMs = Math.min(this.nextMs, Math.max(SOON_MS / 10, ms));
    this.detail ||= detail;
  }

  private async outcome(end: PageOutcome['end'], detail: string): Promise<PageOutcome> {
    const { db } = this.deps;
    const { id } = this.context.batch;
    const [counts, open] = await Promise.all([countItems(db, id), openParts(db, id)]);
    const now = Date.now();
    // A retry that is due and still there waits for something else.
    const retryAt =
      counts.nextDueAt !== null && counts.nextDueAt > now ? counts.nextDueAt : Number.POSITIVE_INFINITY;
    const dueAt = Math.min(retryAt, now + this.nextMs);
    return {
      end,
      counts: { ...counts, nextDueAt: Number.isFinite(dueAt) ? dueAt : null },
      concurrency: this.context.texts.concurrency.min,
      detail,
      openParts: open.length,
      queueFull: this.queueFull,
    };
  }
}
