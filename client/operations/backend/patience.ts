/** What waits for long goes on when a server is away for a while, and says so. */
import { setTimeout as delay } from 'node:timers/promises';
import { OperationError } from '../errors';

export interface Patience {
  /** Told why it cannot see how things stand, and since when, epoch ms; null: it can again. */
  readonly onAway?: ((reason: string | null, since: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const AGAIN_MS = 1_000;
/** What `work` does for so long without an error has found its server, ms. */
const BACK_MS = 5_000;

/** @returns what `work` returns at last; null when the signal ended it while a server was away. */
export async function throughAbsence<T>(
  work: () => Promise<T>,
  { onAway, signal }: Patience,
): Promise<T | null> {
  let since: number | null = null;
  for (;;) {
    let back: NodeJS.Timeout | undefined;
    try {
      if (since !== null) {
        const awaySince: number = since;
        back = setTimeout(() => {
          since = null;
          onAway?.(null, awaySince);
        }, BACK_MS);
      }
      return await work();
    } catch (error) {
      if (!isAway(error)) throw error;
      since ??= Date.now();
      onAway?.(error.message, since);
    } finally {
      clearTimeout(back);
    }
    if (signal?.aborted) return null;
    await delay(AGAIN_MS, undefined, signal && { signal }).catch(() => undefined);
    if (signal?.aborted) return null;
  }
}

function isAway(error: unknown): error is OperationError {
  return error instanceof OperationError && AWAY.has(error.code);
}

const AWAY: ReadonlySet<string> = new Set(['TEMPORAL_UNAVAILABLE', 'DATABASE_UNAVAILABLE']);
