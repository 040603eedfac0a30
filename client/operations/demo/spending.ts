/** Who has spent the calls of a demo, and how much of each limit. */
import type { Pool } from 'pg';
import { MINUTE_MS } from '../../../quota/durations';
import { findAccount } from '../../../settings/accounts/accounts';
import { readCallCounts } from '../../../store/permits/call-counts';
import { listLimits } from '../../../store/permits/permits';
import type { Backend } from '../backend/backend';
import { type LimitUse, limitsSeen, limitUse } from '../pools/limit-use';
import { shares } from '../pools/spending';

export interface FunctionUse {
  readonly name: string;
  readonly calls: number;
  /** Of all calls, in percent. */
  readonly percent: number;
  readonly refused: number;
  readonly operations: readonly string[];
}

export interface Spending {
  readonly limits: readonly LimitUse[];
  readonly functions: readonly FunctionUse[];
}

/** @param simulatorUrl null: the vendor cannot be asked what it has counted. */
export async function spendingOf(
  db: Pool,
  poolKey: string,
  simulatorUrl: string | null,
  sinceMs: number,
): Promise<Spending> {
  const seen = simulatorUrl === null ? null : await limitsSeen(simulatorUrl);
  return {
    limits: limitUse(await listLimits(db, poolKey), seen),
    functions: await spent(db, poolKey, sinceMs),
  };
}

/** As `spendingOf`, of an account of the settings. */
export async function accountSpending(
  backend: Backend,
  account: string,
  simulatorUrl: string,
  sinceMs: number,
): Promise<Spending> {
  const { poolKey } = findAccount(backend.settings, account);
  return backend.database((db) => spendingOf(db, poolKey, simulatorUrl, sinceMs));
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
