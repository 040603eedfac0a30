/**
 * Amazon SP-API, Reports API 2021-06-30: what may be called how often. Each operation is a token bucket per
 * application and selling partner: accounts that say which those are share their buckets. Amazon also
 * speaks of limits over an account and an application as a whole, without numbers: a 429 is how they show.
 *
 * Source: developer-docs.amazon.com/sp-api, "Reports API v2021-06-30 reference", usage plans (default rates).
 */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../quota/durations';
import type { LimitTemplate, Reserve } from '../../quota/limits/limit';
import type { PoolPolicy } from '../../quota/pools/state';
import type { RetryPolicies } from '../../quota/retry-delay';
import type { VendorRules } from '../contract';
import { RT_INVENTORY, RT_SALES, RT_TRAFFIC } from './datasets';
import type { AmazonAccount } from './settings';

/** Operations with a usage plan, then those without a limit of Amazon's that is known. */
export const AMAZON_OPERATIONS = [
  'getReports',
  'createReport',
  'getReport',
  'cancelReport',
  'getReportDocument',
  'login',
  'downloadDocument',
] as const;
export type AmazonOperation = (typeof AMAZON_OPERATIONS)[number];

const SOURCE = 'Amazon SP-API, Reports API v2021-06-30 usage plan';

/** One of 15 tokens. A backfill spends a minute's tokens each minute, and the live hour must not wait behind it. */
const ONE_TOKEN_FOR_THE_LIVE_HOUR: Reserve = { background: 1 / 15 };

function usagePlan(
  operation: AmazonOperation,
  ratePerSecond: number,
  burst: number,
  reserve?: Reserve,
): LimitTemplate {
  return {
    // The template bears the operation's name, so that a response's header teaches the right one.
    name: operation,
    operations: [operation],
    scope: '{account}',
    unit: 'calls',
    window: { kind: 'token-bucket', ratePerSecond, burst },
    ...(reserve && { reserve }),
    mode: 'enforce',
    source: SOURCE,
  };
}

/** `login` and `downloadDocument` have none: Login with Amazon publishes no rate, and documents lie in S3. */
export const amazonLimits: readonly LimitTemplate[] = [
  usagePlan('getReports', 0.0222, 10),
  usagePlan('createReport', 0.0167, 15, ONE_TOKEN_FOR_THE_LIVE_HOUR),
  usagePlan('getReport', 2, 15),
  usagePlan('cancelReport', 0.0222, 10),
  usagePlan('getReportDocument', 0.0167, 15, ONE_TOKEN_FOR_THE_LIVE_HOUR),
];

export const amazonAttributes: VendorRules['attributes'] = {
  sellerId: { of: 'account', about: "the account's `sellerId`" },
  reportType: {
    of: AMAZON_OPERATIONS.filter((operation) => operation !== 'login'),
    about: 'the type of the report that the call is about, e.g. GET_VENDOR_REAL_TIME_SALES_REPORT',
    values: [RT_SALES, RT_TRAFFIC, RT_INVENTORY].map(({ reportType }) => reportType),
  },
};

/**
 * Whose the vendor's buckets are: the selling partner's and the application's, where the account says so. An account
 * that does not has its own. No two of the forms make the same key.
 */
export function amazonScope({
  sellerId,
  application,
}: Pick<AmazonAccount, 'sellerId' | 'application'>): string {
  if (sellerId === undefined) return '{account}';
  return application === undefined ? 'seller/{sellerId}' : '{application}/seller/{sellerId}';
}

/** Amazon names no end to a quota; QUOTA_COOLDOWN_MINUTES overrides the first pause. */
export const amazonPool: PoolPolicy = {
  unknownQuotaMs: 30 * MINUTE_MS,
  unknownQuotaFactor: 2,
  // A quota may last for days; one probe each 8 hours costs 3 calls a day and finds its end within a third of one.
  unknownQuotaMaxMs: 8 * HOUR_MS,
  absurdWaitMs: 7 * DAY_MS,
  breakerFailures: 5,
  breakerOpenMs: MINUTE_MS,
  probeTimeoutMs: 2 * MINUTE_MS,
  // Refused credentials are probed about as often as a quota; an odd answer soon, for it may be a passing proxy.
  recheck: { credentialsMs: 15 * MINUTE_MS, configurationMs: MINUTE_MS, maxMs: 8 * HOUR_MS },
  hintAfterStrikes: 5,
  hint: 'the quota error has outlasted 5 cooldowns: check role and report type, Amazon also answers so to what an account may not request',
};

/** `rate` is met at login and at documents only: the Reports API's own 429 is a quota. */
export const amazonRetry: RetryPolicies = {
  rate: { baseMs: MINUTE_MS, maxMs: 5 * MINUTE_MS, attempts: 4 },
  server: { baseMs: 500, maxMs: 4_000, attempts: 4 },
};
