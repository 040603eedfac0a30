/** The longest that any call of these settings may take from its departure to its answer. */
import type { Settings } from '../settings';
import { findAccount } from './accounts';

/**
 * ms: a connection, and the longest wait for an answer among the accounts. A worker that is told to end waits so long for
 * what it has begun, and whoever stops it waits a little longer.
 */
export function longestCallMs(settings: Settings): number {
  const { connectTimeoutMs, timeoutMs } = settings.http;
  const waits = Object.keys(settings.accounts).flatMap((name) => {
    const { texts, textBatches, fleet } = findAccount(settings, name).parts;
    return [texts, textBatches, fleet].map((api) => api?.timeoutMs ?? 0);
  });
  return connectTimeoutMs + Math.max(timeoutMs, ...waits);
}
