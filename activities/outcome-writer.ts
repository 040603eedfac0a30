/**
 * Stores what became of a page's items: results that come together travel together, and nothing is stored twice at
 * once. While Postgres is away, results are kept and tried again: each of them was paid for.
 */
import { setTimeout as delay } from 'node:timers/promises';

interface Waiting<T> {
  readonly outcome: T;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** Results wait for each other this long, ms. */
const GATHER_MS = 50;
const MAX_AT_ONCE = 500;
/** How long Postgres may be away before results are given up, ms. */
const PATIENCE_MS = 60_000;

export class OutcomeWriter<T> {
  private waiting: Waiting<T>[] = [];
  private working: Promise<void> | null = null;
  /** Work on the same rows, one after the other: two statements would wait for each other's locks crosswise. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly store: (outcomes: readonly T[]) => Promise<unknown>) {}

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
    const giveUpAt = performance.now() + PATIENCE_MS;
    for (let waitMs = 100; ; waitMs = Math.min(2000, waitMs * 2)) {
      try {
        await this.store(outcomes);
        return;
      } catch (error) {
        if (performance.now() > giveUpAt || isOurFault(error)) throw error;
        await delay(waitMs);
      }
    }
  }
}

/** Classes 22, 23 and 42: what is wrong with the statement or its data stays wrong. */
function isOurFault(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^(?:22|23|42)\w{3}$/.test(code);
}
