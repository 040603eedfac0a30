/** A day of polling, call by call, before any call. */
import type { Pool } from 'pg';
import { z } from 'zod';
import { pollingOutlook } from '../../../activities/reads/polling/input';
import { planPolling } from '../../../quota/polling/plan';
import type { ItemOutlook, PlannedCall, PollingPlan } from '../../../quota/polling/types';
import { isBlocked, stopping } from '../../../quota/pools/pool';
import type { PoolState } from '../../../quota/pools/state';
import { readStoppingPools } from '../../../store/pools/pools';
import { invalid } from '../errors';
import { name, whole } from '../fields';
import { operation } from '../operation';
import { isoOrNull } from '../time-text';
import { choosePolled } from './accounts';

export interface PlannedDay extends PollingPlan {
  readonly account: string;
  readonly limit: string;
  /** Of the limit's units: all, those that are spent in the window that runs, and those that polling leaves to people. */
  readonly capacity: number;
  readonly used: number;
  readonly reserve: number;
  /** Calls that are left in the window that runs once the plan is carried out, the reserve included. */
  readonly leftAfter: number;
  /** Vehicles that nobody has listed yet, and that are planned for as if they were there. */
  readonly assumed: readonly string[];
  /** Why nothing is called now, and until when, epoch ms; null: until a person ends it, as `cause` says. Null where calls may be made. */
  readonly closed: Pick<PoolState, 'until' | 'reason' | 'cause'> | null;
}

export const planPollingDay = operation({
  about: 'what polling would call within a day, when, and how fresh answers become by it; asks nobody',
  input: z.strictObject({
    vendor: name.optional(),
    account: name.optional(),
    /** Where the account's vehicles are not known yet: as if it had so many. */
    vehicles: whole(1, 50).default(1),
  }),
  json: ({ from, to, calls, windows, items, closed, ...rest }: PlannedDay) => ({
    ...rest,
    closed: closed && { until: isoOrNull(closed.until), reason: closed.reason },
    from: isoOrNull(from),
    to: isoOrNull(to),
    calls: calls.map((call: PlannedCall) => ({ ...call, at: isoOrNull(call.at) })),
    windows: windows.map((one) => ({ ...one, from: isoOrNull(one.from), to: isoOrNull(one.to) })),
    items: items.map(({ vehicleId, read, calls: count, wishedMs, oldestMs, meanMs }: ItemOutlook) => ({
      vehicleId,
      read,
      calls: count,
      wishedSeconds: Math.round(wishedMs / 1000),
      oldestSeconds: oldestMs === null ? null : Math.round(oldestMs / 1000),
      meanSeconds: meanMs === null ? null : Math.round(meanMs / 1000),
    })),
  }),
  run: (backend, given): Promise<PlannedDay> => {
    const account = choosePolled(backend.settings, given.account, given.vendor);
    if (given.vendor !== undefined && account.vendor.id !== given.vendor) {
      throw invalid(
        'account',
        `"${account.name}" is of ${account.vendor.id}, not of ${given.vendor}`,
        'NOT_APPLICABLE',
      );
    }
    return backend.database(async (db) => {
      const { input, quota, assumed } = await pollingOutlook(db, account, {
        assumedVehicles: given.vehicles,
      });
      const closed = await closedNow(db, account.poolKey);
      const closedUntil = closed === null ? input.now : (closed.until ?? Number.POSITIVE_INFINITY);
      const plan = planPolling({ ...input, closedUntil });
      const planned = plan.windows[0]?.planned ?? 0;
      return {
        ...plan,
        account: account.name,
        limit: account.polling.limit,
        ...quota,
        leftAfter: Math.max(0, quota.capacity - quota.used - planned),
        assumed,
        closed,
      };
    });
  },
});

async function closedNow(db: Pool, poolKey: string): Promise<PlannedDay['closed']> {
  const now = Date.now();
  const found = stopping(await readStoppingPools(db, poolKey), now);
  if (found === null || !isBlocked(found.state, now)) return null;
  const { until, reason, cause = null } = found.state;
  return { until, reason, cause };
}
