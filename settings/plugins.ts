/**
 * `plugins` of the settings: modules that bring vendors of their own. They are loaded before anything else of the
 * settings is checked, in every process that reads them, for they say what an account may hold.
 *
 * Loading is synchronous, as settings are read everywhere: Node loads modules of both kinds by `require`.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { basename, isAbsolute, join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { isVendor, type Vendor } from '../vendors/define';
import { VendorError } from '../vendors/definition/problems';
import { registerVendor } from '../vendors/registry';
import { LoopingPlugins } from './looping-plugins';
import { describeValue, type RawProblem } from './problems';

export interface LoadedPlugins {
  readonly vendors: readonly Vendor[];
  readonly problems: readonly RawProblem[];
}

/**
 * @param baseDir what relative paths are relative to, and where packages are resolved from.
 * @param looping modules that are not tried again now.
 */
export function loadPlugins(
  plugins: unknown,
  baseDir: string,
  looping = new LoopingPlugins(),
): LoadedPlugins {
  // Of the wrong form: the schema says so.
  const listed = Array.isArray(plugins) ? plugins : [];
  const vendors: Vendor[] = [];
  const problems: RawProblem[] = [];
  listed.forEach((plugin: unknown, i) => {
    if (typeof plugin !== 'string' || plugin === '') return;
    try {
      vendors.push(...loadVendors(plugin, baseDir, { looping }));
    } catch (error) {
      problems.push({
        path: ['plugins', i],
        what: `${describeValue(plugin)} ${pluginProblem(error, plugin, baseDir)}`,
      });
    }
  });
  return { vendors, problems };
}

export interface Loading {
  /** How long it may take: a module that loops would hang every process that reads the settings. */
  readonly withinMs?: number;
  /** Left out: it is tried, whatever came of it before. */
  readonly looping?: LoopingPlugins;
}

/**
 * The vendors that a module exports, registered.
 * @param plugin a path (`./my-vendor.mjs`) or the name of a package.
 * @throws an error for `pluginProblem`.
 */
export function loadVendors(
  plugin: string,
  baseDir: string,
  { withinMs = LOAD_MS, looping }: Loading = {},
): readonly Vendor[] {
  const file = pluginFile(plugin, baseDir);
  if (looping?.has(file)) throw new StillLooping();
  let exported: readonly Vendor[];
  try {
    exported = vendorsOf(contained(() => bounded(() => requireFrom(baseDir)(file), withinMs)));
  } catch (error) {
    if (isTimeout(error)) {
      // Node has it as half loaded, and would say next time that it exports nothing.
      delete requireFrom(baseDir).cache[file];
      looping?.add(file);
    }
    throw error;
  }
  if (exported.length === 0) {
    throw new VendorError(['it exports none; write: export default defineVendor({ … })']);
  }
  for (const vendor of exported) registerVendor(vendor, file);
  return exported;
}

/**
 * A module that is loaded must not end the process, which would look like success, nor write where the command's own
 * output goes: `--json` is read by programs.
 */
function contained(load: () => unknown): unknown {
  const { exit } = process;
  const { write } = process.stdout;
  process.exit = (code) => {
    throw new Error(`it calls process.exit(${code ?? ''}) while it is loaded`);
  };
  process.stdout.write = process.stderr.write.bind(process.stderr);
  try {
    return load();
  } finally {
    process.exit = exit;
    process.stdout.write = write;
  }
}

/** Modules take milliseconds; this is for a machine that is busy with other things, ms. */
const LOAD_MS = 10_000;

/** By a script, for only those can be stopped from within their own process. */
function bounded(load: () => unknown, timeout: number): unknown {
  return runInNewContext('load()', { load }, { timeout });
}

function isTimeout(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null | undefined)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}

/** Another process has been held up by it a moment ago. */
class StillLooping extends Error {}

/** Thrown where nothing is found by a plugin's name. */
class NoSuchPlugin extends Error {}

const requireFrom = (baseDir: string) => createRequire(join(baseDir, 'sluice.yaml'));

/** The file of a plugin, as an absolute path. @throws an error for `pluginProblem`. */
export function pluginFile(plugin: string, baseDir: string): string {
  try {
    return requireFrom(baseDir).resolve(plugin);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') throw new NoSuchPlugin(plugin);
    throw error;
  }
}

/** Every value of a module that `defineVendor` has made, alone or in a list. */
function vendorsOf(module: unknown): Vendor[] {
  if (isVendor(module)) return [module];
  if (typeof module !== 'object' || module === null) return [];
  const values = Object.values(module).flatMap((value: unknown) =>
    // A module that was compiled from one kind to the other holds its exports one deeper.
    isVendor(value) ? [value] : Array.isArray(value) ? value.filter(isVendor) : nested(value),
  );
  return [...new Set(values)];
}

const nested = (value: unknown): Vendor[] =>
  typeof value === 'object' && value !== null ? Object.values(value).filter(isVendor) : [];

/** What is wrong with a plugin and what to do, as a predicate. */
export function pluginProblem(error: unknown, plugin: string, baseDir: string): string {
  if (error instanceof VendorError) return `is ${error.message}`;
  if (error instanceof NoSuchPlugin) {
    return plugin.startsWith('.') || isAbsolute(plugin)
      ? `does not exist, seen from ${baseDir}`
      : `is not installed, seen from ${baseDir}; a path begins with ./`;
  }
  if (error instanceof StillLooping || isTimeout(error)) {
    return 'was stopped: it was loading for seconds and came to no end (a loop?)';
  }
  // Node without types takes it for JavaScript, and says what is wrong with it as such.
  if (error instanceof SyntaxError && /\.[cm]?tsx?$/.test(plugin)) return TYPESCRIPT;
  // A module may throw anything.
  switch ((error as NodeJS.ErrnoException | null | undefined)?.code) {
    case 'MODULE_NOT_FOUND':
    case 'ERR_MODULE_NOT_FOUND':
      return `imports what is not there: ${firstLine(error)}`;
    case 'ERR_REQUIRE_ASYNC_MODULE':
      return 'must not await at its top level, nor may a module that it imports';
    case 'ERR_REQUIRE_ESM':
      return `needs Node 20.19, 22.12 or newer: this is ${process.version}`;
    case 'ERR_UNKNOWN_FILE_EXTENSION':
      return TYPESCRIPT;
    default:
      return `cannot be loaded: ${firstLine(error)}${placeOf(error, plugin) || checkedPlace(error, plugin, baseDir)}`;
  }
}

const TYPESCRIPT = 'is of a kind that this Node does not load; compile it to .mjs or .js';

function firstLine(error: unknown): string {
  const [line = ''] = String(error).split('\n');
  return line.slice(0, 500);
}

/** Of a module's syntax, `require` says no place: Node's own check does. */
function checkedPlace(error: unknown, plugin: string, baseDir: string): string {
  if (!(error instanceof SyntaxError)) return '';
  const args = ['--check', pluginFile(plugin, baseDir)];
  const { stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 10_000 });
  const line = /:(\d+)\r?\n/.exec(stderr ?? '')?.[1];
  return line === undefined ? ' (in a module that it imports)' : ` (line ${line})`;
}

/** The line of the plugin in which it failed, when the stack leads there. */
function placeOf(error: unknown, plugin: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const line = new RegExp(`${basename(plugin).replace(/[^\w-]/g, '\\$&')}:(\\d+)`).exec(stack)?.[1];
  return line === undefined ? '' : ` (line ${line})`;
}
