/** What demos show of the calls that they have made. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { MINUTE_MS } from '../../../quota/durations';
import { readCallCounts } from '../../../store/permits/call-counts';
import { ClientError } from '../../operations/errors';
import type { LimitUse } from '../../operations/pools/limit-use';
import { shares } from '../../operations/pools/spending';
import { countText } from '../../operations/time-text';
import { table } from '../output';

const WORKER_START_MS = 60_000;

export interface FunctionUse {
  readonly name: string;
  readonly calls: number;
  /** Of all calls, in percent. */
  readonly percent: number;
  readonly refused: number;
  readonly operations: readonly string[];
}

export async function untilWorker(polls: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + WORKER_START_MS;
  while (!signal.aborted && !(await polls())) {
    if (Date.now() > deadline)
      throw new ClientError('the worker does not start; its log is in the state folder');
    await delay(100);
  }
}

/** Calls since the demo began, of a pool by function; whoever spent most comes first. */
export async function spent(db: Pool, poolKey: string, sinceMs: number): Promise<readonly FunctionUse[]> {
  const minute = Math.floor(sinceMs / MINUTE_MS) * MINUTE_MS;
  const counts = await readCallCounts(db, poolKey, minute);
  const all = shares(counts);
  return [...new Set(all.map((s) => s.caller))]
    .map((name) => {
      const own = all.filter((s) => s.caller === name);
      const refused = counts.filter((c) => c.caller === name && ['rate', 'quota'].includes(c.verdict));
      return {
        name,
        calls: own.reduce((sum, s) => sum + s.calls, 0),
        percent: Math.round(1000 * own.reduce((sum, s) => sum + s.share, 0)) / 10,
        refused: refused.reduce((sum, c) => sum + c.calls, 0),
        operations: own.map((s) => s.operation),
      };
    })
    .sort((a, b) => b.calls - a.calls);
}

export function limitsTable(limits: readonly LimitUse[]): string {
  const shown = (value: number | null) => (value === null ? '-' : countText(value));
  return table(
    ['limit', 'of', 'allowed', 'most in a window', 'arrived', 'refused', 'our permits'],
    limits.map((l) => [
      l.limit,
      l.scope,
      countText(l.allowed),
      shown(l.most),
      shown(l.arrived),
      shown(l.refused),
      countText(l.granted),
    ]),
  );
}

export function spentTable(functions: readonly FunctionUse[]): string {
  return table(
    ['function', 'calls', 'percent', 'refused', 'operations'],
    functions.map((f) => [
      f.name,
      countText(f.calls),
      f.percent.toFixed(1),
      String(f.refused),
      f.operations.join(', '),
    ]),
  );
}
