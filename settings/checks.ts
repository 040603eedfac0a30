/**
 * What a schema cannot say: references between parts of the settings. Pure. Works on the settings as written, so
 * that these problems are reported together with those of form; what is ill-formed here is left to the schema.
 */
import type { SecretRef } from '../vendors/account-fields';
import { accountAttributes, accountParts, findVendor, type Vendor, vendors } from '../vendors/registry';
import { limitProblems } from './accounts/effective';
import { misplacedKeys } from './datasets/kinds';
import type { Environment } from './environment';
import { sharedLimitProblems } from './limits/shared';
import {
  describeValue,
  isMap,
  type Path,
  pathText,
  type Raw,
  type RawProblem,
  suggestion,
  valueAt,
} from './problems';

/** All problems between parts of the settings. */
export function crossProblems(root: Raw, env: Environment): RawProblem[] {
  const hasVaultKey = vaultKeyOf(valueAt(root, ['vault', 'keyFile']), env) !== null;
  return [
    ...temporalProblems(root, hasVaultKey),
    ...accountProblems(root),
    ...sharedLimitProblems(root.accounts),
    ...datasetProblems(root),
    ...apiProblems(root),
  ];
}

/** Where the vault's key is: the environment's wins over the file's. */
export function vaultKeyOf(keyFile: unknown, env: Environment): SecretRef | null {
  if (env.SLUICE_VAULT_KEY) return 'env:SLUICE_VAULT_KEY';
  return typeof keyFile === 'string' ? `file:${keyFile}` : null;
}

/** The vendor's part of `vendor/name`, when it is one that is registered. */
export function vendorOf(dataset: string): Vendor | null {
  const [vendor = ''] = dataset.split('/');
  return findVendor(vendor) ?? null;
}

function temporalProblems(root: Raw, hasVaultKey: boolean): RawProblem[] {
  const problems: RawProblem[] = [];
  const at = (...path: string[]) => valueAt(root, ['temporal', ...path]);
  const certFile = at('tls', 'certFile');
  const keyFile = at('tls', 'keyFile');
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const missing = certFile === undefined ? 'certFile' : 'keyFile';
    const what = 'is missing; a client certificate needs both certFile and keyFile';
    problems.push({ path: ['temporal', 'tls', missing], what });
  }
  if (at('tls', 'enabled') === false && at('apiKey') !== undefined) {
    const what = 'must not be false when there is an API key, which would travel in the clear';
    problems.push({ path: ['temporal', 'tls', 'enabled'], what });
  }
  if (at('encryptPayloads') === true && !hasVaultKey) {
    const what = 'needs a key: set SLUICE_VAULT_KEY or vault.keyFile, or set it to false';
    problems.push({ path: ['temporal', 'encryptPayloads'], what });
  }
  return problems;
}

function accountProblems(root: Raw): RawProblem[] {
  return entriesOf(root.accounts).flatMap(([name, account]) => {
    const vendor =
      isMap(account) && typeof account.vendor === 'string' ? findVendor(account.vendor) : undefined;
    if (!isMap(account) || !isMap(account.limits) || vendor === undefined) return [];
    const parsed = vendor.account.safeParse(account);
    const own = parsed.success ? { account: String(name), ...accountAttributes(parsed.data) } : null;
    // What else an account says may change a limit's kind.
    const rules = (parsed.success ? accountParts(parsed.data).rules : undefined) ?? vendor.rules;
    return limitProblems(rules, account.limits, own).map(({ path, what }) => ({
      path: ['accounts', name, ...path],
      what,
    }));
  });
}

function datasetProblems(root: Raw): RawProblem[] {
  const seen = new Map<string, Path>();
  return entriesOf(root.datasets).flatMap(([key, dataset]) => {
    if (!isMap(dataset)) return [];
    const path: Path = ['datasets', key];
    const problems = [
      ...referenceProblems(root, dataset, path),
      ...pollProblems(dataset, path),
      ...misplacedKeys(dataset).map(({ path: inner, what }) => ({ path: [...path, ...inner], what })),
    ];
    const identity = JSON.stringify([dataset.dataset, dataset.account]);
    const other = seen.get(identity);
    if (other !== undefined) {
      const what = `keeps the same dataset of the same account as ${pathText(other)}; remove one of them`;
      problems.push({ path, what });
    }
    seen.set(identity, path);
    return problems;
  });
}

/** The API names an account and a dataset, which have to be there. */
function apiProblems(root: Raw): RawProblem[] {
  if (!isMap(root.api)) return [];
  const { mainAccount, salesDataset } = root.api;
  return [
    ...ownerProblems(root, mainAccount, ['api', 'mainAccount']),
    ...(isMap(salesDataset) ? referenceProblems(root, salesDataset, ['api', 'salesDataset']) : []),
  ];
}

function ownerProblems({ accounts: raw }: Raw, account: unknown, path: Path): RawProblem[] {
  const accounts = isMap(raw) ? raw : {};
  if (typeof account !== 'string' || Object.hasOwn(accounts, account)) return [];
  const names = Object.keys(accounts);
  const what = `must be one of the accounts, not ${describeValue(account)}${suggestion(account, names)}`;
  return [{ path, what }];
}

function referenceProblems(root: Raw, { dataset, account }: Raw, path: Path): RawProblem[] {
  const problems = ownerProblems(root, account, [...path, 'account']);
  const isThere =
    typeof account === 'string' && isMap(root.accounts) && Object.hasOwn(root.accounts, account);
  const owner = isThere && isMap(root.accounts) ? root.accounts[account] : undefined;
  if (typeof dataset !== 'string' || !dataset.includes('/')) return problems;
  const [prefix = '', name = ''] = dataset.split('/');
  const vendor = vendorOf(dataset);
  if (vendor === null) {
    const what = `names the vendor ${describeValue(prefix)}, which does not exist${suggestion(
      prefix,
      vendors().map(({ id }) => id),
    )}`;
    return [...problems, { path: [...path, 'dataset'], what }];
  }
  const { datasets: names } = vendor;
  if (!names.includes(name)) {
    const what = `must be a dataset of ${vendor.id}, not ${describeValue(name)}${suggestion(name, names)}`;
    problems.push({ path: [...path, 'dataset'], what });
  }
  if (isMap(owner) && typeof owner.vendor === 'string' && owner.vendor !== vendor.id) {
    const what = `must be an account of ${vendor.id}, but ${describeValue(account)} is one of ${owner.vendor}`;
    problems.push({ path: [...path, 'account'], what });
  }
  return problems;
}

function pollProblems({ poll }: Raw, path: Path): RawProblem[] {
  if (!isMap(poll)) return [];
  const { initialSeconds, maxSeconds } = poll;
  if (typeof initialSeconds !== 'number' || typeof maxSeconds !== 'number') return [];
  if (maxSeconds >= initialSeconds) return [];
  const what = `must be at least poll.initialSeconds (${initialSeconds}), not ${maxSeconds}`;
  return [{ path: [...path, 'poll', 'maxSeconds'], what }];
}

/** Entries of a map or a list, with the key or the index. */
function entriesOf(value: unknown): [string | number, unknown][] {
  if (Array.isArray(value)) return value.map((entry, i) => [i, entry]);
  return isMap(value) ? Object.entries(value) : [];
}
