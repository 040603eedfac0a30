/**
 * Work in Postgres that must be done even if Postgres is down: retried until it is back, and meanwhile kept on disk,
 * where there is a spool.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { MINUTE_MS } from '../../../quota/durations';
import type { Spool, Spooled } from './spool';

/** What is needed to keep something until Postgres has it. */
export interface KeepDeps {
  readonly db: Pool;
  /** Null: in memory only. */
  readonly spool: (Pick<Spool, 'put'> & Partial<Pick<Spool, 'collect'>>) | null;
  /** Aborted when the worker is to end. */
  readonly stopping: AbortSignal;
}

export interface HoldOptions {
  /**
   * Where it is kept when it takes long; null: in memory only. `atOnce`: before it is tried, for what is not to be had again
   * and comes so rarely that a file each time costs nothing.
   */
  readonly spool?: {
    readonly to: Pick<Spool, 'put'>;
    readonly kind: string;
    readonly data: unknown;
    readonly atOnce?: boolean;
  } | null;
  /** How long it is tried, ms. */
  readonly patienceMs?: number;
  /** Aborted when this process is to end: what is on disk is then left to the next one. */
  readonly stopping?: AbortSignal | undefined;
}

/** An outage of ten minutes, and the time after it in which everybody comes back at once. */
export const PATIENCE_MS = 30 * MINUTE_MS;
/** Shorter troubles, a restart say, leave nothing on disk. */
export const SPOOL_AFTER_MS = 3_000;
const LONGEST_PAUSE_MS = 1_000;

/** @throws at once what waiting cannot mend; after the patience, the last error of Postgres. */
export async function held<T>(work: () => Promise<T>, options: HoldOptions = {}): Promise<T> {
  const since = performance.now();
  const { spool, stopping, patienceMs = PATIENCE_MS } = options;
  const put = () => (spool ? spool.to.put(spool.kind, spool.data).catch(() => null) : null);
  let spooled: Spooled | null = spool?.atOnce ? await put() : null;
  for (let waitMs = 100; ; waitMs = Math.min(LONGEST_PAUSE_MS, waitMs * 2)) {
    try {
      const result = await work();
      await spooled?.done().catch(() => undefined);
      return result;
    } catch (error) {
      if (isOurFault(error)) {
        await spooled?.done().catch(() => undefined);
        throw error;
      }
      const elapsed = performance.now() - since;
      if (spool && spooled === null && (elapsed > SPOOL_AFTER_MS || stopping?.aborted)) {
        spooled = await put();
      }
      if (elapsed > patienceMs || (stopping?.aborted && spooled !== null)) {
        spooled?.leave();
        throw error;
      }
      await delay(waitMs);
    }
  }
}

/** SQLSTATE classes that say that the statement or its data is wrong, and those of our own functions: it stays wrong. */
const OURS = /^(?:0A|21|22|23|42|SL|P0)/;

/** True when waiting does not help: anything but a server, a network or a lock in the way. */
export function isOurFault(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string') return OURS.test(code);
  return error instanceof RangeError || error instanceof TypeError;
}
