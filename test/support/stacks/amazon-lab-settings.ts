/** The settings of an Amazon lab: accounts with limits that are no obstacle, and datasets that are polled quickly. */
import { stringify } from 'yaml';
import { parseSettings, type Settings } from '../../../settings';
import { generateKey } from '../../../store/secrets/keyring';
import type { AmazonScenarioInput, AmazonSimulator } from '../../../vendors/amazon/simulator';

export const MARKETPLACE = 'ATVPDKIKX0DER';
export const SALES = 'amazon/rt-sales';

/** Limits that are no obstacle; the test of limits sets its own. */
const WIDE = { ratePerSecond: 50, burst: 50 };
export const WIDE_LIMITS = { createReport: WIDE, getReport: WIDE, getReportDocument: WIDE, getReports: WIDE };

export interface LabAccount {
  /** Keys of the account, e.g. `pool`, `retry`, `limits`. */
  readonly account?: Record<string, unknown>;
  /** Keys of its datasets, e.g. `minRerequestMinutes`. */
  readonly dataset?: Record<string, unknown>;
  /** Default: sales. */
  readonly datasets?: readonly string[];
}

export interface LabOptions<L extends string> {
  readonly accounts: Readonly<Record<L, LabAccount>>;
  readonly scenario?: AmazonScenarioInput;
  /** Top-level keys of the settings, e.g. `http`. */
  readonly settings?: Record<string, unknown>;
  readonly encryptPayloads?: boolean;
}

/** In no history, log line or row, whatever happens. */
export const SECRETS = {
  clientSecret: 'lab-client-secret-7f3a',
  vaultKey: generateKey(),
};

const envName = (account: string) => `LAB_REFRESH_TOKEN_${account.replace(/\W/g, '_')}`;

export function environment(names: Readonly<Record<string, string>>): Record<string, string> {
  return {
    LAB_CLIENT_ID: 'amzn1.application-oa2-client.lab',
    LAB_CLIENT_SECRET: SECRETS.clientSecret,
    SLUICE_VAULT_KEY: SECRETS.vaultKey,
    ...Object.fromEntries(Object.values(names).map((name) => [envName(name), `Atzr|${name}`])),
  };
}

export function settingsOf<L extends string>(
  options: LabOptions<L>,
  names: Readonly<Record<L, string>>,
  simulator: AmazonSimulator,
  taskQueue: string,
  datasetPatch: Record<string, unknown>,
  accountPatch: Readonly<Record<string, Record<string, unknown>>> = {},
): Settings {
  const entries = Object.entries<LabAccount>(options.accounts).map(
    ([label, account]) => [names[label as L], account, accountPatch[label]] as const,
  );
  const yaml = stringify({
    temporal: { taskQueue, encryptPayloads: options.encryptPayloads ?? false },
    reports: { settleSeconds: 1 },
    ...options.settings,
    accounts: Object.fromEntries(
      entries.map(([name, { account }, patch]) => [
        name,
        {
          vendor: 'amazon',
          baseUrl: simulator.url,
          tokenUrl: simulator.tokenUrl,
          credentials: {
            clientId: 'env:LAB_CLIENT_ID',
            clientSecret: 'env:LAB_CLIENT_SECRET',
            refreshToken: `env:${envName(name)}`,
          },
          marketplaces: [MARKETPLACE],
          currency: 'USD',
          limits: WIDE_LIMITS,
          ...account,
          ...patch,
        },
      ]),
    ),
    datasets: entries.flatMap(([name, { dataset, datasets = [SALES] }]) =>
      datasets.map((id) => ({
        dataset: id,
        account: name,
        lookbackDays: 1,
        poll: { initialSeconds: 0.1, factor: 1.5, maxSeconds: 0.4 },
        ...dataset,
        ...datasetPatch,
      })),
    ),
  });
  return parseSettings(yaml, { file: null, baseDir: process.cwd(), env: environment(names) });
}
