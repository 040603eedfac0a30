/** Limits of a fleet as planning needs them: their keys, and how many calls each device has left today. */
import { DAY_MS } from '../durations';
import {
  capacityOf,
  charges,
  type LimitTemplate,
  limitKey,
  type Priority,
  usableCapacity,
  usableShare,
  windowMs,
} from '../limits/limit';

/** What of an account its limits depend on. */
export interface DeviceAccount {
  readonly name: string;
  readonly vendor: { readonly id: string };
  readonly limits: readonly LimitTemplate[];
  readonly attributes?: Readonly<Record<string, string>>;
  readonly fleet: { readonly deviceAttribute: string };
}

/** The key under which the gateway charges a limit. @param deviceId for limits of one device. */
export function fleetLimitKey(account: DeviceAccount, template: LimitTemplate, deviceId?: string): string {
  return limitKey(account.vendor.id, template, {
    ...account.attributes,
    ...(deviceId === undefined ? {} : { [account.fleet.deviceAttribute]: deviceId }),
    vendor: account.vendor.id,
    account: account.name,
  });
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
    (limit) => limit.mode === 'enforce' && limit.scope.includes(scope) && charges(limit, operation),
  );
}

/** @param boundary epoch ms at which its window ends, where nothing is known of it. */
export function deviceAllowance(
  template: LimitTemplate,
  level: { readonly limit: number; readonly used: number; readonly resetsAt: number | null } | undefined,
  boundary: number,
  priority: Priority,
): DeviceAllowanceNow {
  const capacity = level?.limit ?? capacityOf(template.window);
  const own = usableCapacity(capacity, usableShare(template, priority));
  const left = Math.floor(own - (level?.used ?? 0) + ROUNDING);
  return {
    callsADay: (own * DAY_MS) / windowMs(template.window),
    callsLeft: Math.max(0, left),
    resetsAt: level?.resetsAt ?? boundary,
  };
}

const ROUNDING = 1e-6;
