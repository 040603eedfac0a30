/** Accounts as they result from the settings: the vendor's rules with the settings' overrides, its API and its login. */
import {
  charges,
  fillScope,
  type LimitInstance,
  type LimitTemplate,
  matches,
  resolveLimits,
} from '../../quota/limits/limit';
import type { PoolOrganization, PoolPolicy } from '../../quota/pools/state';
import type { RetryPolicies } from '../../quota/retry-delay';
import type { ClientIdentity, VendorRules } from '../../vendors/contract';
import type { DatasetDescription } from '../../vendors/dataset';
import {
  type AccountParts,
  accountAttributes,
  accountParts,
  vendorOf,
  vendors,
} from '../../vendors/registry';
import { totalRules } from '../../vendors/total-rules';
import type { SettingsProblem } from '../problems';
import type { AccountSettings } from '../schema';
import type { Settings } from '../types';
import { effectiveLimits, effectivePool, effectiveRetry } from './effective';

/** An account as the gateway needs it: the vendor's rules with this account's overrides in place. */
export interface CallableAccount {
  readonly name: string;
  readonly vendor: VendorRules;
  /** Pool key, e.g. `amazon/acme`. */
  readonly poolKey: string;
  readonly limits: readonly LimitTemplate[];
  readonly pool: PoolPolicy;
  /** What stops this account together with others: an organization's limit. */
  readonly organization?: PoolOrganization;
  readonly retry: RetryPolicies;
  /** How its requests say which deployment they come from. */
  readonly identity?: ClientIdentity;
  /** True where tokens come from a person's login: refused ones are held for another login, and nothing else helps. */
  readonly loginByPerson?: boolean;
  /** What its calls can be about, by the settings: the report types of its datasets. */
  readonly subjects?: readonly string[];
  /** Whether one of these has several parts, as reports of several marketplaces are. */
  readonly hasParts?: boolean;
  /** What every call of the account is described with besides, for limit scopes, e.g. the egress IP. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** The vendor's rules, and what can be done with the account: each part only where the vendor offers it. */
export interface Account extends CallableAccount {
  readonly settings: AccountSettings;
  readonly parts: AccountParts;
}

/** An account of a vendor that makes reports. */
export interface ReportAccount extends Account {
  readonly login: NonNullable<AccountParts['login']>;
  readonly reports: NonNullable<AccountParts['reports']>;
  readonly partitions: NonNullable<AccountParts['partitions']>;
}

/** Pool key of an account, e.g. `amazon/acme`. */
export function poolKeyOf(settings: AccountSettings, name: string): string {
  const { rules } = vendorOf(settings.vendor);
  return `${rules.id}/${fillScope(rules.poolScope, { vendor: rules.id, account: name })}`;
}

/** Key of the pool that stops an organization's accounts together, e.g. `openai/organization/org-acme`. */
function organizationKey(vendor: string, organization: string): string {
  return `${vendor}/organization/${encodeURIComponent(organization)}`;
}

/** Comes right once the plugin does: unlike an account that nobody knows, its work is tried again. */
export class AccountLeftOut extends Error {
  override readonly name = 'AccountLeftOut';

  constructor(account: string, plugins: readonly SettingsProblem[]) {
    const which = plugins.map(({ where, what }) => `${where}: ${what}`).join('; ');
    super(`account "${account}" is left out, for want of a plugin that cannot be loaded: ${which}`);
  }
}

/** @throws RangeError that lists the accounts there are, AccountLeftOut. */
export function findAccount(settings: Settings, name: string): Account {
  const account = Object.hasOwn(settings.accounts, name) ? settings.accounts[name] : undefined;
  if (account === undefined) {
    const { leftOut, plugins } = settings.broken;
    if (leftOut.includes(name)) throw new AccountLeftOut(name, plugins);
    const known = Object.keys(settings.accounts).join(', ') || 'none are set up';
    throw new RangeError(`account "${name}" is not in the settings (accounts: ${known})`);
  }
  const parts = accountParts(account);
  const rules = parts.rules ?? vendorOf(account.vendor).rules;
  const listed = datasetsOf(settings, name);
  return {
    name,
    vendor: totalRules(rules),
    poolKey: poolKeyOf(account, name),
    limits: effectiveLimits(rules, parts.limits === undefined ? account : { limits: parts.limits }),
    pool: effectivePool(rules, account, settings.http.connectTimeoutMs + answerTimeoutMs(settings, parts)),
    ...(parts.organization === undefined
      ? {}
      : // By the vendor's own policy: what one account overrides does not concern the others.
        { organization: { key: organizationKey(rules.id, parts.organization), policy: rules.pool } }),
    retry: effectiveRetry(rules, account),
    ...(parts.identity === undefined ? {} : { identity: parts.identity }),
    ...(parts.grant === undefined ? {} : { loginByPerson: true }),
    attributes: accountAttributes(account),
    subjects: listed.map(({ reportType }) => reportType),
    hasParts: listed.some((dataset) => (parts.partitions?.(dataset).length ?? 0) > 1),
    settings: account,
    parts,
  };
}

/** Longest wait for an answer to a call of the account, ms. */
export function answerTimeoutMs(
  { http }: Pick<Settings, 'http'>,
  { texts, fleet, vehicles, commands, endUsers }: AccountParts,
): number {
  const own = [texts, fleet, vehicles, commands, endUsers].flatMap((part) => part?.timeoutMs ?? []);
  return own.length === 0 ? http.timeoutMs : Math.max(...own);
}

/** The datasets of reports that the settings list for an account. */
function datasetsOf(settings: Settings, name: string): DatasetDescription[] {
  const listed = new Set(settings.datasets.filter((one) => one.account === name).map((one) => one.dataset));
  return vendors()
    .flatMap((vendor) => vendor.descriptions)
    .filter(({ id }) => listed.has(id));
}

/** The limits that a call of the account is charged to. @param attributes of the call. */
export function limitsOfCall(
  account: CallableAccount,
  operation: string,
  attributes: Readonly<Record<string, string>>,
): LimitInstance[] {
  const vendor = account.vendor.id;
  const all = { ...account.attributes, ...attributes, vendor, account: account.name };
  return resolveLimits(vendor, account.limits, operation, all);
}

/**
 * Whether the operation is outside the metered API, so that a used-up quota says nothing of it. One that a limit of the
 * settings charges is counted, and so inside.
 */
export function isUnmetered(account: CallableAccount, operation: string): boolean {
  const isOutside = account.vendor.unmetered?.includes(operation) === true;
  const { id: vendor } = account.vendor;
  const own = { ...account.attributes, vendor, account: account.name };
  return isOutside && !account.limits.some((limit) => charges(limit, operation) && matches(limit, own));
}

/** @throws RangeError when the account is unknown or its vendor makes no reports. */
export function findReportAccount(settings: Settings, name: string): ReportAccount {
  const account = findAccount(settings, name);
  const { login, reports, partitions } = account.parts;
  if (login && reports && partitions) return { ...account, login, reports, partitions };
  throw new RangeError(`account "${name}" is of ${account.settings.vendor}, which makes no reports`);
}
