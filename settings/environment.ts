/**
 * Environment variables that set what the file can set too. The environment wins over the file, the file over the
 * defaults; an empty variable counts as not set. A value is checked by the very schema of the key it sets.
 */
import type { z } from 'zod';
import { duration } from '../vendors/account-fields';
import { batchFields } from '../vendors/batch-fields';
import type { VendorEnvironment } from '../vendors/define';
import { builtInVendors, findVendor, vendors } from '../vendors/registry';
import { fleetKindOf } from './datasets/kinds';
import { describeValue, isMap, type Path, type Raw, type SettingsProblem } from './problems';
import { datasetFields } from './schema/dataset';

export type Environment = Readonly<Record<string, string | undefined>>;

interface Variable {
  readonly name: string;
  /** What the text is read as before its key's schema checks it. */
  readonly as: 'text' | 'number' | 'flag' | 'reference' | 'seconds';
  /** Keys that it sets, given the settings read so far. */
  readonly sets: (root: Raw) => readonly Path[];
  /** Checks values whose keys may not exist, for want of datasets or accounts. */
  readonly schema?: z.ZodType;
}

const key =
  (...path: Path) =>
  () => [path];

/** Keys of every dataset, or of those of one kind. */
const inDatasets =
  (field: string, dataset?: string) =>
  (root: Raw): readonly Path[] => {
    const datasets = root.datasets;
    if (typeof datasets !== 'object' || datasets === null) return [];
    const entries: [string | number, unknown][] = Array.isArray(datasets)
      ? datasets.map((entry, i) => [i, entry])
      : Object.entries(datasets);
    return (
      entries
        .filter(([, entry]) => isMap(entry) && (dataset === undefined || entry.dataset === dataset))
        // Variables speak of reports: what a fleet's datasets have besides is theirs.
        .filter(
          ([, entry]) => !(isMap(entry) && typeof entry.dataset === 'string' && fleetKindOf(entry.dataset)),
        )
        .map(([name]) => ['datasets', name, field])
    );
  };

const inAccounts =
  (...path: Path) =>
  (root: Raw): readonly Path[] =>
    isMap(root.accounts) ? Object.keys(root.accounts).map((name) => ['accounts', name, ...path]) : [];

/** A key that only the accounts of some vendors have. */
const inAccountsWith =
  (field: string) =>
  (root: Raw): readonly Path[] =>
    isMap(root.accounts)
      ? Object.entries(root.accounts)
          .filter(([, account]) => isMap(account) && takes(account.vendor, field))
          .map(([name]) => ['accounts', name, field])
      : [];

/** A key in the accounts of the vendors that name the variable. */
const ofVendors =
  ({ name, sets }: VendorEnvironment) =>
  (root: Raw): readonly Path[] =>
    isMap(root.accounts)
      ? Object.entries(root.accounts)
          .filter(([, account]) => isMap(account) && names(account.vendor, name))
          .map(([account]) => ['accounts', account, ...sets])
      : [];

function names(vendor: unknown, variable: string): boolean {
  const known = typeof vendor === 'string' ? findVendor(vendor) : undefined;
  return known?.environment.some(({ name }) => name === variable) ?? false;
}

function vendorVariables(known: readonly { environment: readonly VendorEnvironment[] }[]): Variable[] {
  const variables = new Map(known.flatMap(({ environment }) => environment.map((one) => [one.name, one])));
  return [...variables.values()].map((one) => ({
    name: one.name,
    as: one.as,
    sets: ofVendors(one),
    ...(one.as === 'seconds' ? { schema: duration('seconds', { min: 0.001 }) } : {}),
  }));
}

function takes(vendor: unknown, field: string): boolean {
  return typeof vendor === 'string' && field in (findVendor(vendor)?.account.shape ?? {});
}

export const ENVIRONMENT: readonly Variable[] = [
  { name: 'DATABASE_URL', as: 'text', sets: key('database', 'url') },
  { name: 'TEMPORAL_ADDRESS', as: 'text', sets: key('temporal', 'address') },
  { name: 'TEMPORAL_NAMESPACE', as: 'text', sets: key('temporal', 'namespace') },
  { name: 'TEMPORAL_API_KEY', as: 'reference', sets: key('temporal', 'apiKey') },
  { name: 'TEMPORAL_TASK_QUEUE', as: 'text', sets: key('temporal', 'taskQueue') },
  { name: 'TEMPORAL_TLS', as: 'flag', sets: key('temporal', 'tls', 'enabled') },
  { name: 'TEMPORAL_TLS_SERVER_CA_CERT_PATH', as: 'text', sets: key('temporal', 'tls', 'caFile') },
  { name: 'TEMPORAL_TLS_CLIENT_CERT_PATH', as: 'text', sets: key('temporal', 'tls', 'certFile') },
  { name: 'TEMPORAL_TLS_CLIENT_KEY_PATH', as: 'text', sets: key('temporal', 'tls', 'keyFile') },
  { name: 'TEMPORAL_TLS_SERVER_NAME', as: 'text', sets: key('temporal', 'tls', 'serverName') },
  { name: 'SLUICE_ENCRYPT_PAYLOADS', as: 'flag', sets: key('temporal', 'encryptPayloads') },
  { name: 'SLUICE_VAULT_KEY_FILE', as: 'text', sets: key('vault', 'keyFile') },
  { name: 'LOG_LEVEL', as: 'text', sets: key('log', 'level') },
  { name: 'LOG_FORMAT', as: 'text', sets: key('log', 'format') },
  {
    name: 'ENABLE_VENDOR_RT_SALES_DAILY_AUDIT',
    as: 'flag',
    sets: inDatasets('dailyAudit', 'amazon/rt-sales'),
    schema: datasetFields.dailyAudit,
  },
  {
    name: 'ENABLE_VENDOR_RT_SALES_WEEKLY_AUDIT',
    as: 'flag',
    sets: inDatasets('weeklyAudit', 'amazon/rt-sales'),
    schema: datasetFields.weeklyAudit,
  },
  {
    name: 'SAFE_MINUTES_LAG',
    as: 'number',
    sets: inDatasets('safeMinutesLag'),
    schema: datasetFields.safeMinutesLag,
  },
  { name: 'CHUNK_HOURS', as: 'number', sets: inDatasets('chunkHours'), schema: datasetFields.chunkHours },
  {
    name: 'QUOTA_COOLDOWN_MINUTES',
    as: 'number',
    sets: inAccounts('pool', 'cooldownMinutes'),
    schema: duration('minutes', { min: 0.001 }),
  },
  ...(
    [
      ['QUOTA_THRESHOLD', 'number', 'quotaThreshold'],
      ['DAILY_LIMIT', 'number', 'dailyLimit'],
      ['PAUSE_DURATION_HOURS', 'number', 'pauseHours'],
      ['QUOTA_MONITORING', 'flag', 'quotaMonitoring'],
      ['LOG_INTERVAL', 'number', 'logInterval'],
    ] as const
  ).map(([name, as, field]) => ({
    name,
    as,
    sets: inAccountsWith(field),
    schema: batchFields[field],
  })),
  ...vendorVariables(builtInVendors()),
];

/** With those of vendors that the settings have loaded. */
function variables(): readonly Variable[] {
  const known = new Set(ENVIRONMENT.map(({ name }) => name));
  return [...ENVIRONMENT, ...vendorVariables(vendors()).filter(({ name }) => !known.has(name))];
}

export interface Overlay {
  /** The settings with the environment's values in place. */
  readonly root: Raw;
  /** Which variable set a key, by the path's JSON: a problem there is the variable's. */
  readonly origins: ReadonlyMap<string, string>;
  readonly problems: readonly SettingsProblem[];
}

/** Lays the environment over the raw settings of the file, which are left as they are. */
export function overlayEnvironment(file: Raw, env: Environment): Overlay {
  const root = structuredClone(file);
  const origins = new Map<string, string>();
  const problems: SettingsProblem[] = [];
  for (const variable of variables()) {
    const text = env[variable.name];
    if (text === undefined || text === '') continue;
    const value = read(variable, text);
    const checked = variable.schema?.safeParse(value);
    if (checked?.success === false) {
      const expected = checked.error.issues[0]?.message ?? 'is not valid';
      problems.push({ where: variable.name, what: `${expected}, not ${describeValue(text)}`, line: null });
      continue;
    }
    for (const path of variable.sets(root)) {
      if (setAt(root, path, variable.as === 'seconds' ? `${value}s` : value))
        origins.set(JSON.stringify(path), variable.name);
    }
  }
  return { root, origins, problems };
}

function read(variable: Variable, text: string): unknown {
  const trimmed = text.trim();
  switch (variable.as) {
    case 'text':
      return trimmed;
    case 'reference':
      // The value stays where it is: settings only ever hold where a secret is kept.
      return `env:${variable.name}`;
    case 'number':
    case 'seconds':
      return trimmed !== '' && Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
    case 'flag': {
      const lower = trimmed.toLowerCase();
      if (['true', '1', 'yes', 'on'].includes(lower)) return true;
      if (['false', '0', 'no', 'off'].includes(lower)) return false;
      return trimmed;
    }
  }
}

/** False where the file holds something other than a map on the way, which validation then reports. */
function setAt(root: Raw, path: Path, value: unknown): boolean {
  let at: unknown = root;
  for (const step of path.slice(0, -1)) {
    if (!isMap(at) && !Array.isArray(at)) return false;
    const map = at as Raw;
    if (map[step] === undefined || map[step] === null) map[step] = {};
    at = map[step];
  }
  const last = path.at(-1);
  if (!isMap(at) || last === undefined) return false;
  at[last] = value;
  return true;
}
