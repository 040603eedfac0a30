/**
 * MyBMW counts calls by user agent, whoever's they are: all accounts of a deployment share one quota. How large it is, the
 * vendor does not say and has changed; so calls are counted here, and stopped by what the answers say. `limits` of the
 * settings enforce a number that is known. All calls count: each question for a command's result, too.
 *
 * Source: answers of the platform's gateway since 2025-09; its users' measurements (a pause of 13 minutes to 2.5 hours).
 */
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../quota/durations';
import type { LimitTemplate } from '../../quota/limits/limit';
import type { RetryPolicies } from '../../quota/retry-delay';
import type { VendorRules } from '../contract';

export const QUOTA_LIMIT = 'user-agent-per-day';

export const OPERATIONS = {
  login: 'login',
  refresh: 'token-refresh',
  vehicles: 'vehicleList',
  profile: 'profile',
  state: 'state',
  charging: 'chargingSettings',
  command: 'command',
  eventStatus: 'eventStatus',
  eventPosition: 'eventPosition',
} as const;

/**
 * Of the services; the login answers elsewhere. It is not declared as outside the metered API (`unmetered`) all the same, and
 * so a quota's pause holds logins and refreshes as well: they carry the user agent whose quota is used up, one of a login's
 * requests is the services', and users have met the quota's 403 at the login. Nothing is lost by it: a pause takes hours at
 * most, a refresh token lasts far longer, and no stream needs a token meanwhile.
 */
const API_OPERATIONS = [
  OPERATIONS.vehicles,
  OPERATIONS.profile,
  OPERATIONS.state,
  OPERATIONS.charging,
  OPERATIONS.command,
  OPERATIONS.eventStatus,
  OPERATIONS.eventPosition,
] as const;

export const MYBMW_OPERATIONS: readonly string[] = Object.values(OPERATIONS);

export const mybmwAttributes: VendorRules['attributes'] = {
  userAgent: { of: 'account', about: "the user agent's prefix, the account's `userAgentPrefix`" },
  region: { of: 'account', about: "the account's `region`" },
  vin: {
    of: [OPERATIONS.profile, OPERATIONS.state, OPERATIONS.charging, OPERATIONS.command],
    about: 'the vehicle that the call is about',
  },
};

export const mybmwLimits: readonly LimitTemplate[] = [
  {
    name: QUOTA_LIMIT,
    operations: API_OPERATIONS,
    scope: '{userAgent}/{region}',
    unit: 'calls',
    window: { kind: 'rolling', count: 1000, ms: DAY_MS },
    mode: 'shadow',
    source: 'not published: counted, not enforced',
  },
];

/** Calls are scarce: what fails is tried again a few times, and not at once. */
export const mybmwRetry: RetryPolicies = {
  rate: { baseMs: 10 * SECOND_MS, maxMs: 5 * MINUTE_MS, attempts: 3, shared: true },
  server: { baseMs: 2 * SECOND_MS, maxMs: 30 * SECOND_MS, attempts: 3 },
};
