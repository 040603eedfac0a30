/**
 * The lease of a stream, held by renewing it beside whatever its holder does: a call that takes long must not let another
 * process in while the connection stands.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { renewStream } from '../../store/streams/streams';

export interface LeaseTerms {
  readonly account: string;
  readonly owner: string;
  /** Without a renewal the lease is free after this, ms; the holder gives up two ticks before. */
  readonly leaseMs: number;
  /** Between renewals, ms. */
  readonly tickMs: number;
}

/** Another process has it, or may have it soon. */
export type LeaseEnd = { readonly kind: 'lease' } | { readonly kind: 'lost'; readonly reason: string };

export class StreamLease {
  /** Resolves when it is lost; never after `stop`. */
  readonly lost: Promise<LeaseEnd>;
  /** Whether Postgres took the last renewal. */
  renewed = true;
  /** How it was lost; null while it is held. */
  ending: LeaseEnd | null = null;
  private readonly over = new AbortController();
  private tell: (end: LeaseEnd) => void = () => undefined;
  private deadline: NodeJS.Timeout | undefined;

  /** @param claimedAt monotonic ms before it was claimed. */
  constructor(
    private readonly db: Pool,
    private readonly terms: LeaseTerms,
    claimedAt: number,
  ) {
    this.lost = new Promise((resolve) => {
      this.tell = resolve;
    });
    this.heldFrom(claimedAt);
    void this.keep();
  }

  /** Renews it no more. */
  stop(): void {
    this.over.abort();
    clearTimeout(this.deadline);
  }

  private async keep(): Promise<void> {
    const { account, owner, leaseMs, tickMs } = this.terms;
    const { signal } = this.over;
    for (;;) {
      await delay(tickMs, null, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      const asked = performance.now();
      const renewed = await renewStream(this.db, account, owner, leaseMs).catch(() => null);
      if (signal.aborted) return;
      this.renewed = renewed === true;
      if (renewed === false) this.end({ kind: 'lease' });
      else if (renewed) this.heldFrom(asked);
    }
  }

  /** By a timer of its own: a renewal that is never answered ends it, too. */
  private heldFrom(at: number): void {
    const { leaseMs, tickMs } = this.terms;
    clearTimeout(this.deadline);
    const reason = 'Postgres does not answer, so the connection is given up';
    const left = at + leaseMs - 2 * tickMs - performance.now();
    this.deadline = setTimeout(() => this.end({ kind: 'lost', reason }), Math.max(0, left)).unref();
  }

  private end(ending: LeaseEnd): void {
    this.ending = ending;
    this.stop();
    this.tell(ending);
  }
}
