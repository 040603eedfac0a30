/** Deletes old rows at intervals. Runs in every worker; an advisory lock lets one at a time do it. */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { logEvent } from '../activities/log/emit';
import { HOUR_MS } from '../quota/durations';
import { PRUNED_KINDS, prune, type Retention } from '../store/prune';

/** A worker that has just started has better things to do. */
const FIRST_MS = 120_000;

export interface PrunerOptions {
  readonly db: Pool;
  /** `everyHours` 0: never. */
  readonly retention: Retention & { readonly everyHours: number };
  readonly log: Logger;
  /** Until the first time, ms. */
  readonly firstMs?: number;
}

export interface Pruner {
  /** Resolves when the rows that are being deleted are gone. */
  stop(): Promise<void>;
}

export function startPruner({ db, retention, log, firstMs = FIRST_MS }: PrunerOptions): Pruner {
  const over = new AbortController();
  let timer: NodeJS.Timeout | null = null;
  let running: Promise<void> = Promise.resolve();

  const run = async (): Promise<void> => {
    try {
      const counts = await prune(db, retention, { signal: over.signal });
      if (counts !== null && PRUNED_KINDS.some((kind) => counts[kind] > 0)) {
        logEvent(log, 'rows.pruned', counts, 'old rows were deleted');
      }
    } catch (error) {
      log.warn({ error: String(error) }, 'old rows could not be deleted; the next time will do');
    }
    if (!over.signal.aborted) schedule(retention.everyHours * HOUR_MS);
  };
  const schedule = (ms: number): void => {
    timer = setTimeout(() => {
      running = run();
    }, ms).unref();
  };

  if (retention.everyHours > 0) schedule(firstMs);
  return {
    stop: async () => {
      over.abort();
      if (timer !== null) clearTimeout(timer);
      await running;
    },
  };
}
