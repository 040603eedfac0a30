/** The longest that any call may take under these settings, and how long a worker's shutdown takes because of it. */

import { findAccount } from './accounts/accounts';
import type { Settings } from './types';

/** ms: a connection, and the longest wait for an answer among the accounts. */
function longestCallMs(settings: Settings): number {
  const { connectTimeoutMs, timeoutMs } = settings.http;
  const waits = Object.keys(settings.accounts).flatMap((name) => {
    const { texts, textBatches, fleet, commands, endUsers, vehicles } = findAccount(settings, name).parts;
    return [texts, textBatches, fleet, commands, endUsers, vehicles].map((api) => api?.timeoutMs ?? 0);
  });
  return connectTimeoutMs + Math.max(timeoutMs, ...waits);
}

/** What has begun may need a permit or the database besides its longest call, ms. */
const BESIDE_CALL_MS = 10_000;

/** How long a worker that is to end goes on with what it has begun, ms: the longest call and a little more. */
export function workerGraceMs(settings: Settings): number {
  return longestCallMs(settings) + BESIDE_CALL_MS;
}

/** How long whoever stops a worker waits for it, ms: one that is at its end is cancelled, and closes. */
export function workerStopMs(settings: Settings): number {
  return workerGraceMs(settings) + 2 * BESIDE_CALL_MS;
}
