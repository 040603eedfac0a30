/** Sluice beside an Amazon simulator: see core-stack.ts. */
import {
  type AmazonScenarioInput,
  type AmazonSimulator,
  startAmazonSimulator,
} from '../../../vendors/amazon/simulator';
import { type CoreStack, startCore } from './core-stack';
import { steadyLagMinutes } from './due-hours';
import { uniqueName } from './embedded';

export const DATASET = 'amazon/rt-sales';
export const MARKETPLACE = 'ATVPDKIKX0DER';

/** Amazon's limits, quick enough for a test; the burst is Amazon's. */
export const QUICK_LIMITS = {
  createReport: { ratePerSecond: 4, burst: 15 },
  getReportDocument: { ratePerSecond: 4, burst: 15 },
  getReport: { ratePerSecond: 40, burst: 60 },
  getReports: { ratePerSecond: 1, burst: 10 },
};

export interface StackOptions {
  readonly scenario?: AmazonScenarioInput;
  readonly limits?: Readonly<Record<string, { ratePerSecond: number; burst: number }>>;
  /** Keys of the account, e.g. `pool`. */
  readonly account?: Record<string, unknown>;
  /** Keys of the dataset. */
  readonly dataset?: Record<string, unknown>;
  readonly datasetId?: string;
}

export interface Stack extends CoreStack {
  /** Unique, for pools and workflows are named after it and the Temporal server is shared. */
  readonly account: string;
  readonly pool: string;
  readonly simulator: AmazonSimulator;
}

export interface AmazonAddress {
  readonly url: string;
  readonly tokenUrl: string;
}

const tokenName = (account: string) => `TEST_REFRESH_TOKEN_${account.slice(-12)}`;

/** The refresh token of a simulated seller. */
export const refreshToken = (account: string) => `Atzr|${account}`;

/** What the settings of these accounts refer to, beside TEST_ENV. */
export function refreshTokens(accounts: readonly string[]): Record<string, string> {
  return Object.fromEntries(accounts.map((account) => [tokenName(account), refreshToken(account)]));
}

/** An account as a user would write it for a simulator (or any other server that speaks the Reports API). */
export function amazonAccount(
  { url, tokenUrl }: AmazonAddress,
  account: string,
  keys: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    vendor: 'amazon',
    baseUrl: url,
    tokenUrl,
    credentials: {
      clientId: 'env:TEST_CLIENT_ID',
      clientSecret: 'env:TEST_CLIENT_SECRET',
      refreshToken: `env:${tokenName(account)}`,
    },
    marketplaces: [MARKETPLACE],
    currency: 'USD',
    ...keys,
  };
}

/** Settings with one account and one dataset. */
export function settingsFor(
  simulator: AmazonAddress,
  account: string,
  options: StackOptions = {},
): Record<string, unknown> {
  return {
    log: { level: 'warn' },
    reports: { settleSeconds: 1 },
    accounts: {
      [account]: amazonAccount(simulator, account, {
        limits: options.limits ?? QUICK_LIMITS,
        ...options.account,
      }),
    },
    datasets: [
      {
        dataset: options.datasetId ?? DATASET,
        account,
        safeMinutesLag: steadyLagMinutes(),
        poll: { initialSeconds: 0.3, factor: 1.5, maxSeconds: 2 },
        ...options.dataset,
      },
    ],
  };
}

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const account = uniqueName('acme');
  const { vendor: simulator, ...core } = await startCore({
    name: 'amazon',
    env: refreshTokens([account]),
    startVendor: () =>
      startAmazonSimulator({ ...options.scenario, limits: { ...QUICK_LIMITS, ...options.scenario?.limits } }),
    settings: (vendor) => settingsFor(vendor, account, options),
  });
  return { ...core, account, pool: `amazon/${account}`, simulator };
}
