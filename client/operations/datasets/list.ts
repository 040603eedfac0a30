/** What the settings name: accounts, and datasets that are kept complete. */
import { z } from 'zod';
import { fleetKindOf, type Settings } from '../../../settings';
import { findAccount } from '../../../settings/accounts/accounts';
import { name } from '../fields';
import { operation } from '../operation';
import { chooseNamedAccount } from '../settings/choose';

export interface NamedAccount {
  readonly account: string;
  readonly vendor: string;
  readonly enabled: boolean;
  readonly pool: string;
  /** Key of the pool that stops it together with others; null for none. */
  readonly organization: string | null;
  readonly datasets: readonly string[];
  readonly limits: readonly string[];
}

export const listAccounts = operation({
  about: 'accounts of the settings',
  input: z.strictObject({}),
  run: async ({ settings }): Promise<readonly NamedAccount[]> =>
    Object.keys(settings.accounts).map((account) => describe(settings, account)),
});

export const showAccount = operation({
  about: 'one account of the settings; never its secrets',
  input: z.strictObject({ account: name }),
  run: async ({ settings }, given): Promise<NamedAccount> =>
    describe(settings, chooseNamedAccount(settings, given.account)),
});

function describe(settings: Settings, account: string): NamedAccount {
  const { vendor, poolKey, organization, limits } = findAccount(settings, account);
  return {
    account,
    vendor: vendor.id,
    enabled: settings.accounts[account]?.enabled ?? true,
    pool: poolKey,
    organization: organization?.key ?? null,
    datasets: settings.datasets.filter((one) => one.account === account).map(({ dataset }) => dataset),
    limits: limits.map((limit) => limit.name),
  };
}

export interface NamedDataset {
  readonly dataset: string;
  readonly account: string;
  readonly enabled: boolean;
  /** How it comes: as reports, or device by device. */
  readonly kind: 'reports' | 'fleet';
}

export const listDatasets = operation({
  about: 'datasets of the settings',
  input: z.strictObject({}),
  run: async ({ settings }): Promise<readonly NamedDataset[]> =>
    settings.datasets.map(({ dataset, account, enabled }) => ({
      dataset,
      account,
      enabled,
      kind: fleetKindOf(dataset) === null ? 'reports' : 'fleet',
    })),
});
