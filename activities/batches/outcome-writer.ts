/**
 * Stores the results of a page's items. Results that arrive together are written together, and nothing is stored twice
 * at once. While Postgres is down, results are kept in memory, after some seconds on disk as well, and the write is
 * retried: each result has been paid for.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isOurFault, PATIENCE_MS, SPOOL_AFTER_MS } from '../gateway/spool/held';
import type { Spool, Spooled } from '../gateway/spool/spool';

interface Waiting<T> {
  readonly outcome: T;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export interface WriterOptions<T> {
  /** Where outcomes are kept while Postgres is away; null: in memory only. */
  readonly spool?: {
    readonly to: Spool;
    readonly kind: string;
    readonly wrap: (outcomes: readonly T[]) => unknown;
  } | null;
  /** Aborted when this process is to end: what is on disk is then left to the next one. */
  readonly stopping?: AbortSignal | undefined;
  readonly patienceMs?: number;
}

/** Results wait for each other this long, ms. */
const GATHER_MS = 50;
const MAX_AT_ONCE = 500;
const LONGEST_PAUSE_MS = 1_000;

export class OutcomeWriter<T> {
  private waiting: Waiting<T>[] = [];
  private working: Promise<void> | null = null;
  /** Work on the same rows, one after the other: two statements would wait for each other's locks crosswise. */
  private turn: Promise<unknown> = Promise.resolve();
  private onDisk: { readonly outcomes: Set<T>; readonly spooled: Spooled }[] = [];

  constructor(
    private readonly store: (outcomes: readonly T[]) => Promise<unknown>,
    private readonly options: WriterOptions<T> = {},
  ) {}

  /** Resolves when the outcome is stored. */
  write(outcome: T): Promise<void> {
    return new Promise((done, failed) => {
      this.waiting.push({ outcome, done, failed });
      this.working ??= this.work().finally(() => {
        this.working = null;
      });
    });
  }

  /** Runs other work on the same rows between two writes. */
  between<R>(work: () => Promise<R>): Promise<R> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async work(): Promise<void> {
    await delay(GATHER_MS);
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, MAX_AT_ONCE);
      try {
        await this.between(() => this.storePatiently(batch.map((w) => w.outcome)));
        for (const { done } of batch) done();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
      if (this.waiting.length > 0) await delay(GATHER_MS);
    }
  }

  private async storePatiently(outcomes: readonly T[]): Promise<void> {
    const since = performance.now();
    const { patienceMs = PATIENCE_MS, stopping } = this.options;
    for (let waitMs = 100; ; waitMs = Math.min(LONGEST_PAUSE_MS, waitMs * 2)) {
      try {
        await this.store(outcomes);
        await this.forget(outcomes);
        return;
      } catch (error) {
        if (isOurFault(error)) {
          await this.forget(outcomes);
          throw error;
        }
        const elapsed = performance.now() - since;
        if (elapsed > SPOOL_AFTER_MS || stopping?.aborted) await this.spool(outcomes);
        const isSafe = outcomes.every((one) => this.onDisk.some((file) => file.outcomes.has(one)));
        if (elapsed > patienceMs || (stopping?.aborted && isSafe)) {
          this.leave(outcomes);
          throw error;
        }
        await delay(waitMs);
      }
    }
  }

  /** These, and whatever has come meanwhile: it would be lost with this process otherwise. */
  private async spool(outcomes: readonly T[]): Promise<void> {
    const { spool } = this.options;
    if (!spool) return;
    const all = [...outcomes, ...this.waiting.map((w) => w.outcome)];
    const fresh = all.filter((one) => !this.onDisk.some((file) => file.outcomes.has(one)));
    if (fresh.length === 0) return;
    try {
      const spooled = await spool.to.put(spool.kind, spool.wrap(fresh));
      this.onDisk.push({ outcomes: new Set(fresh), spooled });
    } catch {
      // No disk: they are held in memory, as before.
    }
  }

  private async forget(outcomes: readonly T[]): Promise<void> {
    if (this.onDisk.length === 0) return;
    for (const file of this.onDisk) {
      for (const outcome of outcomes) file.outcomes.delete(outcome);
      if (file.outcomes.size === 0) await file.spooled.done().catch(() => undefined);
    }
    this.onDisk = this.onDisk.filter((file) => file.outcomes.size > 0);
  }

  private leave(outcomes: readonly T[]): void {
    for (const file of this.onDisk) if (outcomes.some((one) => file.outcomes.has(one))) file.spooled.leave();
  }
}
