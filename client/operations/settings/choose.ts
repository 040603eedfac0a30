/** Finds accounts, datasets and pools of the settings by their names. Pure; problems name the field. */

import type { PoolOrganization } from '../../../quota/pools/state';
import { fleetKindOf, type Settings } from '../../../settings';
import { type Account, findAccount } from '../../../settings/accounts/accounts';
import {
  type CommandAccount,
  type EndUserAccount,
  findCommandAccount,
  findEndUserAccount,
} from '../../../settings/accounts/commands';
import { findDataset } from '../../../settings/datasets/datasets';
import { type FleetContext, fleetContext } from '../../../settings/datasets/fleet-context';
import { type DatasetContext, datasetContext } from '../../../settings/datasets/report-context';
import { findVendor, vendors } from '../../../vendors/registry';
import { asField, invalid } from '../errors';

/** The account given, or the vendor's only one. */
export function chooseAccount(settings: Settings, vendor: string, given: string | undefined): string {
  if (given !== undefined) {
    asField('account', () => findAccount(settings, given));
    return given;
  }
  const names = Object.entries(settings.accounts)
    .filter(([, account]) => account.vendor === vendor)
    .map(([name]) => name);
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  throw names.length === 0
    ? invalid(
        'account',
        `the settings have no account of ${vendor}; add one under accounts in sluice.yaml`,
        'UNKNOWN_NAME',
      )
    : invalid(
        'account',
        `there are several accounts of ${vendor}; give one of ${names.join(', ')}`,
        'AMBIGUOUS_NAME',
      );
}

/** An account by its name, or by its vendor's: then the account given, or the vendor's only one. */
export function chooseLogin(settings: Settings, text: string, given: string | undefined): Account {
  const isAccount = Object.hasOwn(settings.accounts, text) && given === undefined;
  const isVendor = Object.values(settings.accounts).some(({ vendor }) => vendor === text);
  const name = isAccount || (!isVendor && given === undefined) ? text : chooseAccount(settings, text, given);
  const account = asField('account', () => findAccount(settings, name));
  if (isAccount || given === undefined || account.vendor.id === text) return account;
  throw invalid('account', `"${name}" is of ${account.vendor.id}, not of ${text}`, 'NOT_APPLICABLE');
}

/** An account by its name. */
export function chooseNamedAccount(settings: Settings, given: string): string {
  asField('account', () => findAccount(settings, given));
  return given;
}

/** Dataset and account together, as the settings list them. */
export function chooseDataset(
  settings: Settings,
  dataset: string,
  account: string | undefined,
): DatasetContext {
  const description = asField('dataset', () => findDataset(dataset));
  const name = chooseAccount(settings, description.vendor, account);
  return asField('account', () => datasetContext(settings, dataset, name));
}

/** A fleet's dataset, and an account of its vendor. */
export function chooseFleet(settings: Settings, dataset: string, account: string | undefined): FleetContext {
  const [vendor = ''] = dataset.split('/');
  const name = chooseAccount(settings, vendor, account);
  return asField('account', () => fleetContext(settings, { dataset, account: name }));
}

/** Account of a dataset that is kept complete: as the settings list it, or of a fleet's. */
export function chooseSynced(settings: Settings, dataset: string, account: string | undefined): string {
  return fleetKindOf(dataset) === null
    ? chooseDataset(settings, dataset, account).account.name
    : chooseFleet(settings, dataset, account).account.name;
}

/** The account given, or the vendor's only one, which must take commands. */
export function chooseCommandAccount(
  settings: Settings,
  vendor: string,
  given: string | undefined,
): CommandAccount {
  const name = chooseOfVendor(settings, vendor, given);
  return asField('vendor', () => findCommandAccount(settings, name));
}

/** The account given, or the vendor's only one, whose end users can be checked. */
export function chooseEndUserAccount(
  settings: Settings,
  vendor: string,
  given: string | undefined,
): EndUserAccount {
  const name = chooseOfVendor(settings, vendor, given);
  return asField('vendor', () => findEndUserAccount(settings, name));
}

export function isVendor(id: string): boolean {
  return findVendor(id) !== undefined;
}

/** The account given, or the only one of a vendor that there is. */
export function chooseOfVendor(settings: Settings, vendor: string, given: string | undefined): string {
  if (findVendor(vendor) === undefined) {
    throw invalid(
      'vendor',
      `"${vendor}" is unknown; there are ${vendors()
        .map(({ id }) => id)
        .join(', ')}`,
      'UNKNOWN_NAME',
    );
  }
  const name = chooseAccount(settings, vendor, given);
  const account = settings.accounts[name];
  if (account?.vendor === vendor) return name;
  throw invalid('account', `"${name}" is of ${account?.vendor}, not of ${vendor}`, 'NOT_APPLICABLE');
}

/** An account's pool, or an organization's. */
export type PoolChoice =
  | { readonly kind: 'account'; readonly account: string }
  | { readonly kind: 'organization'; readonly organization: PoolOrganization };

/** The account behind `openai/texts` or `texts`, or an organization by its key, `openai/organization/org-acme`. */
export function choosePool(settings: Settings, given: string | undefined): PoolChoice {
  const organizations = Object.keys(settings.accounts).flatMap(
    (name) => findAccount(settings, name).organization ?? [],
  );
  const organization = organizations.find(({ key }) => key === given);
  return organization
    ? { kind: 'organization', organization }
    : { kind: 'account', account: choosePoolAccount(settings, given) };
}

/** The account behind `amazon/acme` or `acme`; without a name the only account there is. */
export function choosePoolAccount(settings: Settings, given: string | undefined): string {
  const names = Object.keys(settings.accounts);
  const keys = () => names.map((name) => findAccount(settings, name).poolKey).join(', ');
  if (given === undefined) {
    const [only] = names;
    if (only !== undefined && names.length === 1) return only;
    throw names.length === 0
      ? invalid(
          'pool',
          'the settings have no accounts, so there are no pools; add one under accounts in sluice.yaml',
          'UNKNOWN_NAME',
        )
      : invalid('pool', `give one of ${keys()}`, 'AMBIGUOUS_NAME');
  }
  const found = names.find((name) => name === given || findAccount(settings, name).poolKey === given);
  if (found !== undefined) return found;
  throw invalid('pool', `"${given}" is unknown (pools: ${keys() || 'none are set up'})`, 'UNKNOWN_NAME');
}
