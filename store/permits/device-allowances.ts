/** How many calls each device of a fleet has left today, by the limits as they stand. */
import type { Pool } from 'pg';
import { nextBoundary } from '../../quota/calendar';
import { DAY_MS } from '../../quota/durations';
import {
  type DeviceAccount,
  type DeviceAllowanceNow,
  deviceAllowance,
  deviceLimits,
  fleetLimitKey,
} from '../../quota/fleet/device-limits';
import { matches, type Priority } from '../../quota/limits/limit';
import { readLimitLevels } from './limit-levels';

/** How many calls of `operation` each device has left at this priority, in the order of `deviceIds`. */
export async function deviceAllowances(
  db: Pool,
  account: DeviceAccount,
  operation: string,
  priority: Priority,
  deviceIds: readonly string[],
  now: number,
): Promise<readonly DeviceAllowanceNow[]> {
  const templates = deviceLimits(account, operation);
  const keys = deviceIds.map((deviceId) =>
    templates
      .filter((limit) => matches(limit, { ...account.attributes, [account.fleet.deviceAttribute]: deviceId }))
      .map((limit) => ({ limit, key: fleetLimitKey(account, limit, deviceId) })),
  );
  const levels = await readLimitLevels(
    db,
    keys.flat().map(({ key }) => key),
  );
  const boundaries = new Map(
    templates.map((limit) => [
      limit,
      limit.window.kind === 'calendar'
        ? nextBoundary(now, limit.window.per, limit.window.zone)
        : now + DAY_MS,
    ]),
  );
  return keys.map((own) =>
    own
      .map(({ limit, key }) =>
        deviceAllowance(limit, levels.get(key), boundaries.get(limit) ?? now + DAY_MS, priority),
      )
      .reduce((least, one) => (one.callsLeft < least.callsLeft ? one : least), {
        callsADay: Number.POSITIVE_INFINITY,
        callsLeft: Number.POSITIVE_INFINITY,
        resetsAt: now + DAY_MS,
      }),
  );
}
