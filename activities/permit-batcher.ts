/** Requests of this process that come together travel to the database together: one round trip, one commit. */
import type { Pool } from 'pg';
import { type PermitDecision, type PermitRequest, takePermits } from '../store/permits';
import type { DbClock } from './db-clock';

interface Asking {
  readonly request: PermitRequest;
  readonly order: number;
  readonly resolve: (decision: PermitDecision) => void;
  readonly reject: (error: unknown) => void;
}

/** One that works and one that gathers behind it; more would wait for each other's row locks. */
const MAX_BATCHES_IN_FLIGHT = 2;

export class PermitBatcher {
  private queue: Asking[] = [];
  private inFlight = 0;
  private scheduled = false;

  constructor(
    private readonly db: Pool,
    private readonly clock: DbClock,
    private readonly leadMs: number,
    private readonly maxBatch: number,
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

  private async decide(batch: readonly Asking[]): Promise<void> {
    const askedAt = performance.now();
    try {
      const decisions = await takePermits(
        this.db,
        batch.map((a) => a.request),
        this.leadMs,
      );
      const answeredAt = performance.now();
      batch.forEach((asking, i) => {
        const decision = decisions[i];
        if (decision === undefined) {
          asking.reject(new Error('the database answered fewer permits than were asked for'));
          return;
        }
        if (i === 0) this.clock.observe(askedAt, answeredAt, decision.now);
        asking.resolve(decision);
      });
    } catch (error) {
      if (batch.length > 1 && isNotRegistered(error)) {
        // One request names what is not there; the others must not fail with it.
        for (const asking of batch) await this.decide([asking]);
        return;
      }
      for (const asking of batch) asking.reject(error);
    }
  }
}

/** SL001 and SL002: a pool or a limit that has no row. */
function isNotRegistered(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code.startsWith('SL0')
  );
}
