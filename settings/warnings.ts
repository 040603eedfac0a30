/** What is allowed in the settings and probably not meant: `settings check` and `doctor` say it. Pure. */
import { resolveLimits } from '../quota/limits/limit';
import { COMMON_ATTRIBUTES } from '../vendors/contract';
import { accountAttributes, accountParts, vendorOf } from '../vendors/registry';
import { effectiveLimits } from './accounts/effective';
import { suggestion } from './problems';
import type { AccountSettings } from './schema';
import type { Settings } from './types';

/** Sentences, each beginning with the key that it is about. */
export function settingsWarnings({ accounts }: Pick<Settings, 'accounts'>): string[] {
  const enabled = Object.entries(accounts).filter(([, account]) => account.enabled);
  const sharing = enabled.flatMap(([name, account], i) =>
    enabled.slice(0, i).flatMap(([other, first]) => {
      if (first.vendor !== account.vendor || addressOf(first) !== addressOf(account)) return [];
      return sharingWarnings(name, account, other, first);
    }),
  );
  return [
    ...sharing,
    ...enabled.flatMap(([name, account]) =>
      (accountParts(account).unknownValues ?? []).map(
        ({ key, value, known }) =>
          `accounts.${name}.${key}: "${value}" is not known, and is used as it is${suggestion(value, known)}`,
      ),
    ),
    ...enabled.flatMap(([name, account]) => matchWarnings(name, account, enabled)),
  ];
}

/** Of each plugin that could not be loaded, what is wrong and what follows; empty where all are. */
export function brokenPlugins({ broken: { plugins, leftOut } }: Pick<Settings, 'broken'>): string[] {
  const follows =
    leftOut.length === 0
      ? 'no account is left out'
      : `left out until it can be: ${leftOut.map((name) => `accounts.${name}`).join(', ')}`;
  return plugins.map(({ where, what }) => `${where}: ${what}; ${follows}`);
}

/** A limit that no call falls under limits nothing, and says nothing of it either. */
function matchWarnings(
  name: string,
  account: AccountSettings,
  enabled: readonly (readonly [string, AccountSettings])[],
): string[] {
  const { rules = vendorOf(account.vendor).rules, limits = account.limits } = accountParts(account);
  const ofAccounts = (attribute: string) =>
    enabled
      .filter(([, { vendor }]) => vendor === account.vendor)
      .flatMap(([of, one]) => (attribute === 'account' ? of : (accountAttributes(one)[attribute] ?? [])));
  return Object.entries(limits ?? {}).flatMap(([limit, { match = {}, unit }]) => [
    ...(unit === 'tokens' && !rules.limits.some((one) => one.unit === 'tokens')
      ? [
          `accounts.${name}.limits.${limit}.unit: calls of ${account.vendor} have no tokens, so none is charged to the limit`,
        ]
      : []),
    ...Object.entries(match).flatMap(([attribute, values]) => {
      const { of, values: listed } = { ...COMMON_ATTRIBUTES, ...rules.attributes }[attribute] ?? {};
      const known = of === 'account' ? ofAccounts(attribute) : listed;
      const unknown = known === undefined ? [] : [values].flat().filter((value) => !known.includes(value));
      return unknown.map(
        (value) =>
          `accounts.${name}.limits.${limit}.match.${attribute}: no call has the value "${value}", so none is charged to the limit for it${suggestion(value, known ?? [])}`,
      );
    }),
  ]);
}

/** The vendor counts by whom it knows: the same credentials are one caller. */
function sharingWarnings(
  name: string,
  account: AccountSettings,
  other: string,
  first: AccountSettings,
): string[] {
  const own = ownLimits(name, account);
  const shared = ownLimits(other, first).filter((key) => own.includes(key));
  if (credentialsOf(account) !== credentialsOf(first) || shared.length === own.length) return [];
  return [
    `accounts.${name}: has the same credentials as accounts.${other}, but counts its calls for itself, and the vendor counts them together: ${howToShare(account)}`,
  ];
}

function howToShare(account: AccountSettings): string {
  const keys = accountParts(account).sharedBy ?? [];
  return keys.length > 0
    ? `give both the same ${keys.join(' and ')}, or make them one account`
    : 'make them one account';
}

/** Keys of the vendor's limits that an account is charged to by each of its operations, as far as it decides them. */
function ownLimits(name: string, account: AccountSettings): string[] {
  const { rules = vendorOf(account.vendor).rules, limits = account.limits } = accountParts(account);
  const narrower = Object.entries(rules.attributes).filter(([, { of }]) => of !== 'account');
  const attributes = {
    ...Object.fromEntries(narrower.map(([attribute]) => [attribute, '*'])),
    ...accountAttributes(account),
    account: name,
    vendor: account.vendor,
  };
  const templates = effectiveLimits(rules, { limits }).filter(({ mode }) => mode === 'enforce');
  const keys = rules.operations.flatMap((operation) =>
    resolveLimits(account.vendor, templates, operation, attributes).map(({ key }) => key),
  );
  return [...new Set(keys)];
}

/** References only: two names for one secret are not seen through. */
function credentialsOf(account: AccountSettings): string {
  const { login, grant, apiKey } = accountParts(account);
  const entries = Object.entries({
    ...login?.credentials,
    ...grant?.credentials,
    ...(apiKey === undefined ? {} : { apiKey }),
  });
  return JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function addressOf(account: AccountSettings): string {
  const { region, baseUrl } = account as { readonly region?: string; readonly baseUrl?: string };
  return JSON.stringify([region ?? null, baseUrl ?? null]);
}
