/**
 * GPS51: what may be called how often. Four scopes hold at once: the egress IP, the account, the device and the
 * account's whitelist. The vendor says that the numbers may change without notice; each can be changed, relaxed or
 * shadowed in the settings, for the platform is white-labelled.
 *
 * Sources: GPS51 Open API, "API Call Instructions"; the rules of operation (5 calls a second, 200 ms apart).
 */
import { HOUR_MS, MINUTE_MS } from '../../quota/durations';
import type { LimitTemplate } from '../../quota/limits/limit';
import type { PoolPolicy } from '../../quota/pools/state';
import type { RetryPolicies } from '../../quota/retry-delay';
import type { VendorRules } from '../contract';

const PAGE = 'GPS51 Open API, API Call Instructions';
const RULES = 'rules of operation: 5 calls a second, 200 ms apart';

/** Devices that one reading of positions asks for: the vendor names no most, and takes whole fleets. */
export const GPS51_DEVICES_A_CALL = 500;

/** The vendor's clock. */
export const GPS51_ZONE = 'Asia/Shanghai';

/** Calls a day that an account has without any device, and those that each valid device adds. */
const ACCOUNT_CALLS_A_DAY = 1440;
const CALLS_A_DAY_PER_DEVICE = 5;

/** Calls made with our own account; those of an end user (`user-…`) are counted against that user's. */
const OWN_OPERATIONS = [
  'login',
  'querymonitorlist',
  'lastposition',
  'querytrips',
  'querytracks',
  'sendcmd',
  'sendcommand',
  'querycommand',
] as const;

const USER_OPERATIONS = ['user-login', 'user-querymonitorlist'] as const;
const DEVICE_OPERATIONS = ['querytrips', 'querytracks', 'sendcmd', 'sendcommand'] as const;

export const GPS51_OPERATIONS: readonly string[] = [...OWN_OPERATIONS, ...USER_OPERATIONS, 'editwhitelist'];

export const gps51Attributes: VendorRules['attributes'] = {
  egressIp: { of: 'account', about: "the account's `egressIp`" },
  deviceId: { of: DEVICE_OPERATIONS, about: 'the device that the call is about' },
  userClass: { of: USER_OPERATIONS, about: 'one of 256 classes of end users' },
};

/** @param zone of the vendor's days, an IANA name. */
export function gps51Limits(zone: string): readonly LimitTemplate[] {
  return [
    {
      name: 'spacing',
      operations: '*',
      scope: '{egressIp}',
      unit: 'calls',
      window: { kind: 'spacing', ms: 200 },
      mode: 'enforce',
      source: RULES,
    },
    {
      name: 'per-second',
      operations: '*',
      scope: '{egressIp}',
      unit: 'calls',
      window: { kind: 'rolling', count: 5, ms: 1000 },
      mode: 'enforce',
      source: RULES,
    },
    {
      name: 'ip-per-minute',
      operations: '*',
      scope: '{egressIp}',
      unit: 'calls',
      window: { kind: 'rolling', count: 10, ms: 60_000 },
      // Of 10 slots history leaves 2 to the rest, trips leave 1 to positions and commands.
      reserve: { background: 0.2, scheduled: 0.1 },
      mode: 'enforce',
      source: PAGE,
    },
    {
      name: 'account-per-day',
      operations: OWN_OPERATIONS,
      scope: '{account}',
      unit: 'calls',
      // Until the devices are known, as if there were none.
      window: { kind: 'calendar', count: ACCOUNT_CALLS_A_DAY, per: 'day', zone },
      // Positions are polled 1440 times a day, and trajectory calls cannot crowd them out: 5 a device is also all
      // that the device's own limit allows. `live` must leave 1440 of the smallest budget, one device's 1445, so at
      // most 5/1445. Lists (four a day) and logins live on what trajectories leave; where every device's calls are
      // used, which leaves nothing, they cost the day's last positions.
      reserve: { background: 0.25, scheduled: 0.1, live: 0.003 },
      mode: 'enforce',
      source: PAGE,
    },
    {
      name: 'user-per-day',
      operations: USER_OPERATIONS,
      // End users fall into classes, so that the rows do not grow with them.
      scope: '{account}/{userClass}',
      unit: 'calls',
      window: { kind: 'calendar', count: ACCOUNT_CALLS_A_DAY, per: 'day', zone },
      mode: 'enforce',
      source: PAGE,
    },
    {
      name: 'device-trajectory-per-day',
      operations: ['querytracks', 'querytrips'],
      scope: '{account}/{deviceId}',
      unit: 'calls',
      window: { kind: 'calendar', count: 5, per: 'day', zone },
      // History leaves 2 of a device's 5 calls to trips.
      reserve: { background: 0.4 },
      mode: 'enforce',
      source: PAGE,
    },
    {
      name: 'whitelist-per-day',
      operations: ['editwhitelist'],
      scope: '{account}',
      unit: 'calls',
      window: { kind: 'calendar', count: 5, per: 'day', zone },
      mode: 'enforce',
      source: PAGE,
    },
  ];
}

/** @param validDevices devices whose subscription has not run out. */
export function callsADay(validDevices: number): number {
  return ACCOUNT_CALLS_A_DAY + CALLS_A_DAY_PER_DEVICE * validDevices;
}

/** A quota ends with the vendor's day, which classify states; what is unknown is probed hourly at the latest. */
export const gps51Pool: PoolPolicy = {
  unknownQuotaMs: 15 * MINUTE_MS,
  unknownQuotaFactor: 2,
  unknownQuotaMaxMs: HOUR_MS,
  // A day has 25 hours at most; nothing of the vendor's lasts longer.
  absurdWaitMs: 48 * HOUR_MS,
  breakerFailures: 5,
  breakerOpenMs: MINUTE_MS,
  probeTimeoutMs: 2 * MINUTE_MS,
  hintAfterStrikes: 3,
  hint: 'the calls of several days were used up: check who else uses the account, and how many devices are valid',
};

/** Rules of operation: 1, 2, 4, 8, 16, 30 s for every caller behind the IP, at most 3 retries of a call. */
export const gps51Retry: RetryPolicies = {
  rate: { baseMs: 1000, maxMs: 30_000, attempts: 4, shared: true },
  server: { baseMs: 500, maxMs: 4000, attempts: 4 },
};
