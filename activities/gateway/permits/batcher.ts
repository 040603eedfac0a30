/** Batches the permit requests of this process: requests that come together share one round trip and one commit. */
import type { Pool } from 'pg';
import { isUnexpectedClock, isUnregistered } from '../../../store/permits/permit-errors';
import { type PermitDecision, type PermitRequest, takePermits } from '../../../store/permits/permits';
import type { DbClock } from './db-clock';

interface Asking {
  readonly request: PermitRequest;
  readonly order: number;
  readonly resolve: (decision: PermitDecision) => void;
  readonly reject: (error: unknown) => void;
}

/** One that works and one that gathers behind it; more would wait for each other's row locks. */
const MAX_BATCHES_IN_FLIGHT = 2;
const MAX_CLOCK_READINGS = 2;

/** What there is to do when the database's clock steps. */
export interface ClockSteps {
  /** Looks at that clock. */
  check(): Promise<void>;
  /** Sees to it that the books follow the steps that were seen; null when there are none. */
  moveBooks(): Promise<void> | null;
}

export class PermitBatcher {
  private queue: Asking[] = [];
  private inFlight = 0;
  private scheduled = false;

  constructor(
    private readonly db: Pool,
    private readonly clock: DbClock,
    private readonly leadMs: number,
    private readonly maxBatch: number,
    private readonly steps: ClockSteps,
  ) {}

  /** The database's decision. Rejects with what the database throws. */
  ask(request: PermitRequest, order: number): Promise<PermitDecision> {
    return new Promise((resolve, reject) => {
      this.queue.push({ request, order, resolve, reject });
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.scheduled || this.queue.length === 0 || this.inFlight >= MAX_BATCHES_IN_FLIGHT) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      void this.flush();
    });
  }

  private async flush(): Promise<void> {
    if (this.queue.length === 0 || this.inFlight >= MAX_BATCHES_IN_FLIGHT) return;
    // Oldest first, so that a caller that has waited is not overtaken by one that has just come.
    this.queue.sort((a, b) => a.order - b.order);
    const batch = this.queue.splice(0, this.maxBatch);
    this.inFlight++;
    try {
      await this.decide(batch);
    } finally {
      this.inFlight--;
      this.schedule();
    }
  }

  private async decide(batch: readonly Asking[], tries = 1): Promise<void> {
    try {
      const moving = this.steps.moveBooks();
      if (moving !== null) await moving;
      const askedAt = performance.now();
      const decisions = await takePermits(
        this.db,
        batch.map((a) => a.request),
        this.leadMs,
        // A slow database looks like a clock that has gone ahead: then reading its clock is all that helps.
        tries <= MAX_CLOCK_READINGS ? this.clock.now() : Number.NaN,
      );
      const answeredAt = performance.now();
      batch.forEach((asking, i) => {
        const decision = decisions[i];
        if (decision === undefined) {
          asking.reject(new Error('the database answered fewer permits than were requested'));
          return;
        }
        if (i === 0) this.clock.observe(askedAt, answeredAt, decision.now);
        asking.resolve(decision);
      });
    } catch (error) {
      if (isUnexpectedClock(error)) {
        try {
          await this.steps.check();
        } catch (failed) {
          for (const asking of batch) asking.reject(failed);
          return;
        }
        await this.decide(batch, tries + 1);
        return;
      }
      if (batch.length > 1 && isUnregistered(error)) {
        // One request names what is not there; the others must not fail with it.
        for (const asking of batch) await this.decide([asking]);
        return;
      }
      for (const asking of batch) asking.reject(error);
    }
  }
}
