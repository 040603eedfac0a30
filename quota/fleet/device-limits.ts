/** Limits of a fleet as planning needs them: their keys, and how many calls each device has left today. */
import type { CalendarUnit } from '../calendar';
import { DAY_MS, HOUR_MS } from '../durations';
import { type LimitTemplate, type Priority, resolveLimits } from '../limits/limit';

/** What of an account its limits depend on. */
export interface DeviceAccount {
  readonly name: string;
  readonly vendor: { readonly id: string };
  readonly limits: readonly LimitTemplate[];
  readonly attributes?: Readonly<Record<string, string>>;
  readonly fleet: { readonly deviceAttribute: string };
}

/** The key under which the gateway charges a limit. @param deviceId for limits of one device. */
export function limitKey(account: DeviceAccount, template: LimitTemplate, deviceId?: string): string {
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
export function deviceLimits(account: DeviceAccount, operation: string): readonly LimitTemplate[] {
  const scope = `{${account.fleet.deviceAttribute}}`;
  return account.limits.filter(
    (limit) =>
      limit.mode === 'enforce' &&
      limit.scope.includes(scope) &&
      (limit.operations === '*' || limit.operations.includes(operation)),
  );
}

/** @param boundary epoch ms at which its window ends, where nothing is known of it. */
export function deviceAllowance(
  template: LimitTemplate,
  level: { readonly limit: number; readonly used: number; readonly resetsAt: number | null } | undefined,
  boundary: number,
  priority: Priority,
): DeviceAllowanceNow {
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
