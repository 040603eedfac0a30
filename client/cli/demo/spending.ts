/** What demos show of the calls that they have made. */
import { setTimeout as delay } from 'node:timers/promises';
import type { FunctionUse } from '../../operations/demo/spending';
import { ClientError } from '../../operations/errors';
import type { LimitUse } from '../../operations/pools/limit-use';
import { countText } from '../../operations/time-text';
import { table } from '../output';

const WORKER_START_MS = 60_000;

export async function untilWorker(polls: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + WORKER_START_MS;
  while (!signal.aborted && !(await polls())) {
    if (Date.now() > deadline)
      throw new ClientError('the worker does not start; its log is in the state folder');
    await delay(100);
  }
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
