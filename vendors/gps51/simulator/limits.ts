/** GPS51's published limits, and the two faster ones that careful callers keep, as the kit counts them. */
import type { VendorLimit } from '../../kit/judge/limit-book';
import { CODES } from './answers/codes';
import type { Gps51Scenario } from './options';

export const TRAJECTORY_ACTIONS = ['querytracks', 'querytrips'] as const;
export const WHITELIST_ACTIONS = ['editwhitelist'] as const;

/**
 * Every call carries the attributes `egressIp`, `account`, `deviceId` and `action`.
 * @param validDevices of the account that a call is charged to.
 */
export function gps51Limits(
  scenario: Gps51Scenario,
  validDevices: (account: string) => number,
): VendorLimit[] {
  const { rules, days } = scenario;
  const day = (count: number) => ({ kind: 'calendar', count, per: days.per, zone: days.zone }) as const;
  const dailyOf = (account: string) => rules.accountBase + rules.accountPerDevice * validDevices(account);
  const limits: VendorLimit[] = [
    {
      name: 'spacing',
      operations: '*',
      scope: '{egressIp}',
      window: { kind: 'spacing', ms: 200 },
      enforced: rules.fast === 'enforced',
    },
    {
      name: 'per-second',
      operations: '*',
      scope: '{egressIp}',
      window: { kind: 'rolling', count: 5, ms: 1000 },
      enforced: rules.fast === 'enforced',
    },
    {
      name: 'ip-per-minute',
      operations: '*',
      scope: '{egressIp}',
      window: { kind: 'rolling', count: rules.ipPerMinute, ms: 60_000 },
    },
    {
      name: 'account-per-day',
      operations: '*',
      scope: '{account}',
      window: day(rules.accountBase),
      countOf: (call) => Math.floor(dailyOf(call.attributes.account ?? '')),
    },
    {
      name: 'device-action-per-day',
      operations: TRAJECTORY_ACTIONS,
      scope: '{account}/{deviceId}/{action}',
      window: day(rules.trajectoryPerDay),
      enforced: !rules.trajectoryShared,
    },
    {
      name: 'device-trajectory-per-day',
      operations: TRAJECTORY_ACTIONS,
      scope: '{account}/{deviceId}',
      window: day(rules.trajectoryPerDay),
      enforced: rules.trajectoryShared,
    },
    {
      name: 'whitelist-per-day',
      operations: WHITELIST_ACTIONS,
      scope: '{account}',
      window: day(rules.whitelistPerDay),
    },
  ];
  return limits.map((limit) => ({ ...limit, countsRefused: rules.countRefusedCalls }));
}

/** The code and cause with which a limit refuses; an injected refusal is the address's. */
export function refusalOf(
  limit: string | null,
  scenario: Gps51Scenario,
  who: { readonly ip: string; readonly account: string; readonly deviceId: string },
): { readonly code: number; readonly cause: string } {
  switch (limit) {
    case 'account-per-day':
      return { code: CODES.callsUsedUp, cause: `account limit:${who.account}` };
    case 'device-action-per-day':
    case 'device-trajectory-per-day':
      return { code: scenario.rules.trajectoryCode, cause: `device limit:${who.deviceId}` };
    case 'whitelist-per-day':
      return { code: scenario.rules.whitelistCode, cause: `whitelist limit:${who.account}` };
    default:
      return { code: CODES.ipFrequency, cause: `ip limit:${who.ip}` };
  }
}
