/**
 * Reads `sluice.yaml` and the environment into checked settings. `parseSettings` reads nothing but the modules that the
 * text names as plugins; `loadSettings` adds finding and reading the file.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import { builtInVendors, findVendor } from '../vendors/registry';
import { partProblems } from './accounts/parts';
import { crossProblems, vaultKeyOf, vendorOf } from './checks';
import { withKindDefaults } from './datasets/kinds';
import { type Environment, overlayEnvironment } from './environment';
import { expandReferences } from './expand';
import { isUnusable, namedTwice, unusableNames } from './names';
import { loadPlugins } from './plugins';
import {
  isMap,
  type Path,
  PLAIN_WORDS,
  pathText,
  problemsOf,
  type Raw,
  type RawProblem,
  SettingsError,
  type SettingsProblem,
  valueAt,
} from './problems';
import { type ParsedSettings, settingsJsonSchema, settingsSchema } from './schema';
import { Secret } from './secret';
import type { DatasetSettings, Settings } from './types';

export interface LoadOptions {
  /** From `--settings`; wins over env SLUICE_SETTINGS, which wins over ./sluice.yaml. */
  readonly path?: string | undefined;
  readonly env?: Environment;
  readonly cwd?: string;
  /** Accounts of plugins that cannot be loaded are left out, so that all others go on. */
  readonly leaveOut?: boolean;
}

/** Throws a SettingsError with all that is wrong. Without a file the defaults and the environment hold. */
export function loadSettings(options: LoadOptions = {}): Settings {
  const env = options.env ?? process.env;
  const cwd = options.cwd ?? process.cwd();
  const named = options.path ?? (env.SLUICE_SETTINGS || undefined);
  const file = resolve(cwd, named ?? 'sluice.yaml');
  if (named === undefined && !existsSync(file)) return parseSettings('', { file: null, baseDir: cwd, env });
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const where = options.path !== undefined ? '--settings' : named !== undefined ? 'SLUICE_SETTINGS' : file;
    throw new SettingsError([{ where, what: `${file} cannot be read (${code})`, line: null }], null);
  }
  const { leaveOut = false } = options;
  return parseSettings(text, { file, baseDir: dirname(file), env, leaveOut });
}

export interface ParseContext {
  readonly file: string | null;
  /** What relative paths in the file are relative to. */
  readonly baseDir: string;
  readonly env: Environment;
  readonly leaveOut?: boolean;
}

/** The same text, environment and plugins give the same settings, or the same SettingsError. */
export function parseSettings(text: string, context: ParseContext): Settings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const broken = document.errors.map((error): SettingsProblem => {
    const { line } = lines.linePos(error.pos[0]);
    return { where: 'YAML', what: error.message, line };
  });
  if (broken.length > 0) throw new SettingsError(broken, context.file);

  const raw = toPlain(document, context.file);
  if (!isMap(raw)) {
    const what = 'must be a map of settings such as "accounts: …"';
    throw new SettingsError([{ where: '(top level)', what, line: 1 }], context.file);
  }

  const lineOf = (path: Path): number | null => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return null;
  };
  const expansion = expandReferences(raw, context);
  const plugins = loadPlugins(expansion.root.plugins, context.baseDir);
  const vendors = [...builtInVendors(), ...plugins.vendors];
  const overlay = overlayEnvironment(expansion.root, context.env);
  const place = ({ path, what }: RawProblem): SettingsProblem => {
    const variable = overlay.origins.get(JSON.stringify(path));
    return variable === undefined
      ? { where: pathText(path), what, line: lineOf(path) }
      : { where: variable, what, line: null };
  };

  const goesOn = context.leaveOut === true && plugins.problems.length > 0;
  const { root, leftOut } = goesOn ? withoutUnknown(overlay.root) : { root: overlay.root, leftOut: [] };
  const partless = partProblems(root.accounts);
  const parsed = settingsSchema(vendors).safeParse(root, PLAIN_WORDS);
  const ofSchema = [
    ...(parsed.success ? [] : problemsOf(parsed.error, root, settingsJsonSchema(vendors))),
    ...(goesOn ? [] : plugins.problems),
    // What accounts say of each other is asked of their parts.
    ...(partless.length > 0 ? partless : crossProblems(root, context.env)),
  ];
  const found = [
    ...unusableNames(overlay.root),
    ...namedTwice(overlay.root),
    ...ofSchema.filter((problem) => !isUnusable(problem)),
  ];
  // A reference to an unset variable is one problem, not also an ill-formed value.
  const unset = new Set(expansion.problems.map(({ path }) => pathText(path)));
  const problems = [
    ...expansion.problems.map(place),
    ...overlay.problems,
    ...found
      .filter(({ path }) => !unset.has(pathText(path)))
      .filter(({ path }) => plugins.problems.length === 0 || !isOfUnknownVendor(root, path))
      .map(place),
  ];
  if (!parsed.success || problems.length > 0) throw new SettingsError(unique(problems), context.file);
  return { ...finish(parsed.data, context), broken: { plugins: plugins.problems.map(place), leftOut } };
}

/** Where a plugin could not be loaded: all but the accounts and datasets of vendors that are not there. */
function withoutUnknown(root: Raw): { readonly root: Raw; readonly leftOut: readonly string[] } {
  const accounts = isMap(root.accounts) ? root.accounts : {};
  const leftOut = Object.keys(accounts).filter((name) => isOfUnknownVendor(root, ['accounts', name]));
  const isLeft = (dataset: unknown) =>
    isMap(dataset) &&
    (leftOut.includes(String(dataset.account)) ||
      (typeof dataset.dataset === 'string' && vendorOf(dataset.dataset) === null));
  const { datasets } = root;
  const kept = Array.isArray(datasets)
    ? datasets.filter((dataset) => !isLeft(dataset))
    : isMap(datasets)
      ? Object.fromEntries(Object.entries(datasets).filter(([, dataset]) => !isLeft(dataset)))
      : datasets;
  const others = Object.entries(accounts).filter(([name]) => !leftOut.includes(name));
  return {
    root: {
      ...root,
      ...(isMap(root.accounts) ? { accounts: Object.fromEntries(others) } : {}),
      ...(kept === undefined ? {} : { datasets: kept }),
    },
    leftOut,
  };
}

/** Where a plugin could not be loaded, an account or dataset of a vendor that is not there is no further problem. */
function isOfUnknownVendor(root: Raw, path: Path): boolean {
  const entry = valueAt(root, path.slice(0, 2));
  if (!isMap(entry)) return false;
  if (path[0] === 'accounts') return typeof entry.vendor === 'string' && !findVendor(entry.vendor);
  return typeof entry.dataset === 'string' && vendorOf(entry.dataset) === null;
}

/** A variable that sets the same key of many datasets is reported once. */
function unique(problems: readonly SettingsProblem[]): SettingsProblem[] {
  const seen = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...seen.values()];
}

function toPlain(document: Document.Parsed, file: string | null): unknown {
  try {
    return document.toJS() ?? {};
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new SettingsError([{ where: 'YAML', what, line: null }], file);
  }
}

function finish(parsed: ParsedSettings, { file, env, baseDir }: ParseContext): Omit<Settings, 'broken'> {
  const { apiKey, tls, address, encryptPayloads } = parsed.temporal;
  const key = vaultKeyOf(parsed.vault.keyFile, env);
  const inFile = (path: string | undefined) => (path === undefined ? null : resolve(baseDir, path));
  return {
    file,
    database: {
      ...parsed.database,
      url: parsed.database.url === undefined ? null : new Secret(parsed.database.url),
    },
    temporal: {
      namespace: parsed.temporal.namespace,
      taskQueue: parsed.temporal.taskQueue,
      address: address ?? null,
      apiKey: apiKey ?? null,
      tls: {
        enabled:
          tls.enabled ?? (apiKey !== undefined || Object.values(tls).some((value) => value !== undefined)),
        caFile: inFile(tls.caFile),
        certFile: inFile(tls.certFile),
        keyFile: inFile(tls.keyFile),
        serverName: tls.serverName ?? null,
      },
      encryptPayloads: encryptPayloads ?? key !== null,
    },
    log: parsed.log,
    vault: { key: key === null || !key.startsWith('file:') ? key : `file:${resolve(baseDir, key.slice(5))}` },
    permits: parsed.permits,
    alerts: parsed.alerts,
    api: parsed.api,
    http: parsed.http,
    commands: parsed.commands,
    reports: parsed.reports,
    reads: parsed.reads,
    retention: parsed.retention,
    accounts: parsed.accounts,
    plugins: parsed.plugins,
    datasets: namedDatasets(parsed.datasets),
  };
}

/** Datasets of a list are named `account/dataset`, for example `main/amazon/rt-sales`. */
function namedDatasets(datasets: ParsedSettings['datasets']): DatasetSettings[] {
  const named = Array.isArray(datasets)
    ? datasets.map((dataset) => ({ name: `${dataset.account}/${dataset.dataset}`, dataset }))
    : Object.entries(datasets).map(([name, dataset]) => ({ name, dataset }));
  return named.map(({ name, dataset }) => {
    const vendor = vendorOf(dataset.dataset);
    // crossProblems has refused such a dataset already.
    if (vendor === null)
      throw new RangeError(`dataset "${dataset.dataset}" belongs to no vendor that is registered`);
    return { ...withKindDefaults(dataset), name, vendor: vendor.id };
  });
}
