/**
 * Asks the database for permits on behalf of every caller of this process. Requests that come together travel
 * together; a permit is used at its departure time and not before; what is due soon is waited for here, anything
 * longer is handed back so that a workflow sleeps.
 */
import type { Pool } from 'pg';
import {
  type DeniedPermit,
  type GrantedPermit,
  type PermitDecision,
  type PermitRequest,
  restampPermit,
  takePermits,
} from '../store/permits';
import { releaseProbe } from '../store/pools';
import { DbClock } from './db-clock';

export interface GateOptions {
  /** Permits may be granted this long before they are due, so that the round trip is not part of the spacing. */
  readonly leadMs: number;
  readonly maxBatch?: number;
}

export interface AcquireOptions {
  /** How long to wait here in all before handing a denial back, ms. */
  readonly inlineWaitMs: number;
  readonly signal?: AbortSignal;
  /** The least slack of the limits charged, ms: a permit that is later than this is moved, not used. */
  readonly slackMs: number;
}

export interface HeldPermit {
  readonly granted: true;
  readonly epoch: number;
  readonly probe: boolean;
  readonly failures: number;
  /** Database time at which the call leaves. */
  readonly departAt: number;
}

interface Waiting {
  readonly request: PermitRequest;
  readonly order: number;
  readonly resolve: (decision: PermitDecision) => void;
  readonly reject: (error: unknown) => void;
}

const MAX_BATCHES_IN_FLIGHT = 2;

export class PermitGate {
  readonly clock = new DbClock();
  private queue: Waiting[] = [];
  private inFlight = 0;
  private scheduled = false;
  private order = 0;

  constructor(
    private readonly db: Pool,
    private readonly options: GateOptions,
  ) {}

  /**
   * A permit to call now, or the denial when it is not due within `inlineWaitMs`, or when the pool is closed.
   * Cancelled by the signal, with the signal's reason. Throws what the database throws.
   */
  async acquire(request: PermitRequest, options: AcquireOptions): Promise<HeldPermit | DeniedPermit> {
    const order = this.order++;
    let giveUpAt = Number.NaN;
    for (;;) {
      options.signal?.throwIfAborted();
      const decision = await this.ask(request, order);
      if (Number.isNaN(giveUpAt)) giveUpAt = decision.now + options.inlineWaitMs;
      if (!decision.granted) {
        const poolSaysNo = decision.deniedBy === 'pool' || decision.deniedBy === 'probe';
        if (poolSaysNo || decision.retryAt === null || decision.retryAt > giveUpAt) return decision;
        await this.sleepUntil(decision.retryAt - this.options.leadMs * 0.75, options.signal);
        continue;
      }
      const departAt = await this.departOrRelease(request, decision, options);
      if (departAt === null) continue;
      return {
        granted: true,
        epoch: decision.epoch,
        probe: decision.probe,
        failures: decision.failures,
        departAt,
      };
    }
  }

  /** A probe that does not leave must not keep the others waiting for what it would have told. */
  private async departOrRelease(
    request: PermitRequest,
    permit: GrantedPermit,
    options: AcquireOptions,
  ): Promise<number | null> {
    let departAt: number | null = null;
    try {
      departAt = await this.depart(request, permit, options);
    } finally {
      if (departAt === null && permit.probe && request.pool !== null) {
        await releaseProbe(this.db, request.pool, permit.epoch);
      }
    }
    return departAt;
  }

  /** Waits for the departure; moves the permit when this process was too late for it. Null: spent, ask anew. */
  private async depart(
    request: PermitRequest,
    permit: GrantedPermit,
    options: AcquireOptions,
  ): Promise<number | null> {
    const tolerance = Math.max(2, options.slackMs * 0.6);
    const aheadMs = Math.min(15, this.options.leadMs);
    const pool = request.pool === null ? null : { key: request.pool, epoch: permit.epoch };
    let departAt: number | null = permit.departAt;
    for (;;) {
      await this.sleepUntil(departAt, options.signal);
      if (this.clock.now() - departAt <= tolerance) return departAt;
      if (request.charges.length === 0 && pool === null) return departAt;
      departAt = await restampPermit(this.db, request.charges, departAt, aheadMs, pool);
      if (departAt === null) return null;
    }
  }

  private ask(request: PermitRequest, order: number): Promise<PermitDecision> {
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
    const batch = this.queue.splice(0, this.options.maxBatch ?? 64);
    this.inFlight++;
    try {
      await this.decide(batch);
    } finally {
      this.inFlight--;
      this.schedule();
    }
  }

  private async decide(batch: readonly Waiting[]): Promise<void> {
    const askedAt = performance.now();
    try {
      const decisions = await takePermits(
        this.db,
        batch.map((w) => w.request),
        this.options.leadMs,
      );
      const answeredAt = performance.now();
      batch.forEach((waiting, i) => {
        const decision = decisions[i];
        if (decision === undefined) {
          waiting.reject(new Error('the database answered fewer permits than were asked for'));
          return;
        }
        if (i === 0) this.clock.observe(askedAt, answeredAt, decision.now);
        waiting.resolve(decision);
      });
    } catch (error) {
      if (batch.length > 1 && isNotRegistered(error)) {
        // One request names what is not there; the others must not fail with it.
        for (const waiting of batch) await this.decide([waiting]);
        return;
      }
      for (const waiting of batch) waiting.reject(error);
    }
  }

  /** Sleeps to a database time; the last millisecond is spent yielding, for timers are coarse. */
  private async sleepUntil(dbTime: number, signal?: AbortSignal): Promise<void> {
    for (;;) {
      const left = dbTime - this.clock.now();
      if (left <= 0.2) return;
      if (left > 1.5) await sleep(left - 1, signal);
      else await new Promise<void>((resolve) => setImmediate(resolve));
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

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      },
      Math.min(ms, 2 ** 31 - 1),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
