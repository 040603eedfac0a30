/**
 * Reports what happens in a page of a batch: a log line for everything, under a stable `event`, and a row of `events`
 * for what an operator should see, such as a change of the concurrency or items that went to the retry queue.
 */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { ConcurrencyDecision } from '../../quota/batches/concurrency';
import { insertEvent } from '../../store/events/events';
import { emit, logEvent } from '../log/emit';
import { warnOnce } from '../log/warn-once';

/** Turns of the concurrency that come closer than this are for the log alone, ms. */
const TURNS_APART_MS = 60_000;
/** Reasons for retries that a row names; the log has each. */
const MOST_REASONS = 5;

export class BatchJournal {
  private direction: ConcurrencyDecision['change'] | null = null;
  private lastTurn = Number.NEGATIVE_INFINITY;
  private readonly reasons = new Map<string, number>();
  private nextDueAt = Number.POSITIVE_INFINITY;

  constructor(
    private readonly deps: { readonly db: Pool; readonly log: Logger },
    private readonly context: { readonly batch: number; readonly pool: string },
  ) {}

  /** The vendor refuses what all items have in common; its event is stored with the batch's state. */
  refused(reason: string): void {
    const { batch, pool } = this.context;
    const about = { batch, pool, by: 'vendor', reason, from: 'running' };
    logEvent(this.deps.log, 'batch.paused', about, `batch ${batch}: paused: ${reason}`);
  }

  progress(ended: number, inFlight: number): void {
    const { batch } = this.context;
    const about = { batch, ended, inFlight };
    logEvent(this.deps.log, 'batch.progress', about, `batch ${batch}: ${ended} items in this page`);
  }

  /** How many calls in flight a page begins with. */
  begins(start: number, reason: string): void {
    const { batch } = this.context;
    const about = { batch, concurrency: start, change: 'start', reason };
    logEvent(this.deps.log, 'batch.concurrency', about, reason);
  }

  /** On the way up a batch changes every few seconds; it is a turn that an operator wants to know of. */
  concurrency({ next, change, reason }: ConcurrencyDecision): void {
    const { batch, pool } = this.context;
    const about = { batch, concurrency: next, change, reason };
    logEvent(this.deps.log, 'batch.concurrency', about, reason);
    const turned = this.direction === null ? change === 'down' : change !== this.direction;
    this.direction = change;
    if (!turned || performance.now() - this.lastTurn < TURNS_APART_MS) return;
    this.lastTurn = performance.now();
    insertEvent(this.deps.db, 'batch.concurrency', pool, about).catch((error: unknown) =>
      warnOnce(this.deps.log, { batch }, error, 'an event could not be stored'),
    );
  }

  retry(
    item: { readonly externalId: string; readonly attempts: number },
    evidence: { readonly kind: string; readonly reason: string },
    waitMs: number,
  ): void {
    const { batch } = this.context;
    const { kind, reason } = evidence;
    this.nextDueAt = Math.min(this.nextDueAt, Date.now() + waitMs);
    this.reasons.set(kind, (this.reasons.get(kind) ?? 0) + 1);
    logEvent(
      this.deps.log,
      'batch.retry',
      {
        batch,
        item: item.externalId,
        attempts: item.attempts + (kind === 'rate' ? 0 : 1),
        waitMs,
        kind,
      },
      `${item.externalId} is tried again: ${reason}`,
    );
  }

  /** One row for all that this page sent to the retry queue. */
  async close(): Promise<void> {
    const counts = [...this.reasons].sort(([, a], [, b]) => b - a);
    if (counts.length === 0) return;
    const items = counts.reduce((sum, [, n]) => sum + n, 0);
    const shown = counts.slice(0, MOST_REASONS).map(([kind, n]) => `${n} × ${kind}`);
    const { batch, pool } = this.context;
    this.reasons.clear();
    const reason = `to be tried again, of this page's items: ${shown.join(', ')}`;
    const about = { batch, items, until: this.nextDueAt, reason };
    await emit(this.deps, 'batch.retry_queue', pool, about, reason);
  }
}
