/** Limits of a fleet as planning needs them: their keys, and how many calls each device has left today. */
import type { Pool } from 'pg';
import { DAY_MS, HOUR_MS } from '../../quota/durations';
import { type LimitTemplate, matches, type Priority, resolveLimits } from '../../quota/limits/limit';
import type { FleetAccount } from '../../settings/accounts/fleet';
import { readLimitLevels } from '../../store/permits/limit-levels';
import { type CalendarUnit, nextBoundary } from '../../vendors/calendar';

/** The key under which the gateway charges a limit. @param deviceId for limits of one device. */
export function limitKey(account: FleetAccount, template: LimitTemplate, deviceId?: string): string {
  const attributes = {
    ...account.attributes,
    ...(deviceId === undefined ? {} : { [account.fleet.deviceAttribute]: deviceId }),
    vendor: account.vendor.id,
    account: account.name,
  };
  const whole: LimitTemplate = { ...template, operations: '*', match: {} };
  const [limit] = resolveLimits(account.vendor.id, [whole], '', attributes);
  if (limit === undefined) throw new Error(`limit ${template.name} has no key`);
  return limit.key;
}

export interface DeviceAllowanceNow {
  /** Calls a day that this priority may make; Infinity when no limit of devices holds. */
  readonly callsADay: number;
  readonly callsLeft: number;
  /** Epoch ms at which its calls are whole again. */
  readonly resetsAt: number;
}

/** Templates of limits that count each device for itself. */
export function deviceLimits(account: FleetAccount, operation: string): readonly LimitTemplate[] {
  const scope = `{${account.fleet.deviceAttribute}}`;
  return account.limits.filter(
    (limit) =>
      limit.mode === 'enforce' &&
      limit.scope.includes(scope) &&
      (limit.operations === '*' || limit.operations.includes(operation)),
  );
}

/** What each device may still be asked with `operation` at this priority, in the order of `deviceIds`. */
export async function deviceAllowances(
  db: Pool,
  account: FleetAccount,
  operation: string,
  priority: Priority,
  deviceIds: readonly string[],
  now: number,
): Promise<readonly DeviceAllowanceNow[]> {
  const templates = deviceLimits(account, operation);
  const ofDevice = (limit: LimitTemplate, deviceId: string) =>
    matches(limit, { ...account.attributes, [account.fleet.deviceAttribute]: deviceId });
  const keys = deviceIds.map((deviceId) =>
    templates.map((limit) => (ofDevice(limit, deviceId) ? limitKey(account, limit, deviceId) : null)),
  );
  const levels = await readLimitLevels(
    db,
    keys.flat().filter((key) => key !== null),
  );
  const boundaries = templates.map(({ window }) =>
    window.kind === 'calendar' ? nextBoundary(now, window.per, window.zone) : now + DAY_MS,
  );
  return keys.map((own) =>
    own
      .flatMap((key, i) =>
        key === null
          ? []
          : [allowance(templates[i], levels.get(key), boundaries[i] ?? now + DAY_MS, priority)],
      )
      .reduce((least, one) => (one.callsLeft < least.callsLeft ? one : least), {
        callsADay: Number.POSITIVE_INFINITY,
        callsLeft: Number.POSITIVE_INFINITY,
        resetsAt: now + DAY_MS,
      }),
  );
}

function allowance(
  template: LimitTemplate | undefined,
  level: { readonly limit: number; readonly used: number; readonly resetsAt: number | null } | undefined,
  boundary: number,
  priority: Priority,
): DeviceAllowanceNow {
  if (template === undefined) throw new Error('a key without its limit');
  const capacity = level?.limit ?? capacityOf(template);
  const share = 1 - (priority === 'interactive' ? 0 : (template.reserve?.[priority] ?? 0));
  // As in the database: a reserve does not make impossible what the limit as such could hold.
  const own = Math.max(capacity * share, Math.min(1, capacity));
  const left = Math.floor(own - (level?.used ?? 0) + ROUNDING);
  return {
    callsADay: (own * DAY_MS) / windowMs(template),
    callsLeft: Math.max(0, left),
    resetsAt: level?.resetsAt ?? boundary,
  };
}

const ROUNDING = 1e-6;
const UNIT_MS: Readonly<Record<CalendarUnit, number>> = {
  minute: 60_000,
  hour: HOUR_MS,
  day: DAY_MS,
  month: 30 * DAY_MS,
};

export function capacityOf({ window }: LimitTemplate): number {
  switch (window.kind) {
    case 'token-bucket':
      return window.burst;
    case 'spacing':
      return 1;
    default:
      return window.count;
  }
}

/** The time in which a limit's capacity comes back, ms. */
export function windowMs({ window }: LimitTemplate): number {
  switch (window.kind) {
    case 'token-bucket':
      return (window.burst * 1000) / window.ratePerSecond;
    case 'spacing':
    case 'rolling':
      return window.ms;
    case 'calendar':
      return UNIT_MS[window.per];
    case 'vendor-reset':
      return DAY_MS;
  }
}
