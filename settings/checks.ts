/** What a schema cannot say: references between parts of the settings. Pure. */
import type { SecretRef } from '../vendors/account-fields';
import { isVendorId, VENDORS } from '../vendors/registry';
import type { Environment } from './environment';
import { describeValue, type Path, type RawProblem, suggestion } from './problems';
import type { ParsedDataset, ParsedSettings } from './schema';

/** All problems between parts of settings that are well-formed by themselves. */
export function crossProblems(settings: ParsedSettings, env: Environment): RawProblem[] {
  return [...temporalProblems(settings, env), ...datasetProblems(settings)];
}

/** Where the vault's key is: the environment's wins over the file's. */
export function vaultKeyOf(settings: ParsedSettings, env: Environment): SecretRef | null {
  if (env.SLUICE_VAULT_KEY) return 'env:SLUICE_VAULT_KEY';
  return settings.vault.keyFile === undefined ? null : `file:${settings.vault.keyFile}`;
}

export interface NamedDataset {
  readonly name: string;
  readonly path: Path;
  readonly dataset: ParsedDataset;
}

/** Datasets of a list are named `account/dataset`, for example `main/amazon/rt-sales`. */
export function namedDatasets({ datasets }: Pick<ParsedSettings, 'datasets'>): NamedDataset[] {
  return Array.isArray(datasets)
    ? datasets.map((dataset, i) => ({
        name: `${dataset.account}/${dataset.dataset}`,
        path: ['datasets', i],
        dataset,
      }))
    : Object.entries(datasets).map(([name, dataset]) => ({ name, path: ['datasets', name], dataset }));
}

function temporalProblems(settings: ParsedSettings, env: Environment): RawProblem[] {
  const problems: RawProblem[] = [];
  const { tls, apiKey, encryptPayloads } = settings.temporal;
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    const missing = tls.certFile === undefined ? 'certFile' : 'keyFile';
    problems.push({
      path: ['temporal', 'tls', missing],
      what: 'is missing; a client certificate needs both certFile and keyFile',
    });
  }
  if (tls.enabled === false && apiKey !== undefined) {
    problems.push({
      path: ['temporal', 'tls', 'enabled'],
      what: 'must not be false when there is an API key, which would travel in the clear',
    });
  }
  if (encryptPayloads === true && vaultKeyOf(settings, env) === null) {
    problems.push({
      path: ['temporal', 'encryptPayloads'],
      what: 'needs a key: set SLUICE_VAULT_KEY or vault.keyFile, or set it to false',
    });
  }
  return problems;
}

function datasetProblems(settings: ParsedSettings): RawProblem[] {
  const problems: RawProblem[] = [];
  const seen = new Map<string, string>();
  for (const { name, path, dataset } of namedDatasets(settings)) {
    const [vendor = '', kind = ''] = dataset.dataset.split('/');
    const account = settings.accounts[dataset.account];
    if (!isVendorId(vendor)) {
      const what = `names the vendor ${describeValue(vendor)}, which does not exist${suggestion(vendor, Object.keys(VENDORS))}`;
      problems.push({ path: [...path, 'dataset'], what });
    } else {
      const kinds: readonly string[] = VENDORS[vendor].datasets;
      if (!kinds.includes(kind)) {
        const what = `must be a dataset of ${vendor}, not ${describeValue(kind)}${suggestion(kind, kinds)}`;
        problems.push({ path: [...path, 'dataset'], what });
      }
      if (account !== undefined && account.vendor !== vendor) {
        const what = `must be an account of ${vendor}, but ${describeValue(dataset.account)} is one of ${account.vendor}`;
        problems.push({ path: [...path, 'account'], what });
      }
    }
    if (account === undefined) {
      const what = `must be one of the accounts, not ${describeValue(dataset.account)}${suggestion(dataset.account, Object.keys(settings.accounts))}`;
      problems.push({ path: [...path, 'account'], what });
    }
    if (dataset.poll.maxSeconds < dataset.poll.initialSeconds) {
      const what = `must be at least poll.initialSeconds (${dataset.poll.initialSeconds}), not ${dataset.poll.maxSeconds}`;
      problems.push({ path: [...path, 'poll', 'maxSeconds'], what });
    }
    const identity = JSON.stringify([dataset.dataset, dataset.account]);
    const other = seen.get(identity);
    if (other !== undefined) {
      problems.push({
        path,
        what: `keeps the same dataset of the same account as ${describeValue(other)}; remove one`,
      });
    }
    seen.set(identity, name);
  }
  return problems;
}
