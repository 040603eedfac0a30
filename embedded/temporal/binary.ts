/**
 * Finds a Temporal CLI, which holds the dev server and its Web UI. In this order: an explicit path, PATH, the
 * per-user cache, the official download, a build from the Go module proxy. Only the last two take time, and
 * they fill the cache, so that they happen once for a user and not once for a checkout.
 */
import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedError, errorCode, errorText, type Log, silent } from '../errors';
import { withLock } from '../lock';
import { cacheDir } from '../state-dir';
import { buildTemporal, downloadTemporal } from './install';

/** The CLI this project is built and tested with (server 1.31.2, UI 2.50.1). */
export const TEMPORAL_VERSION = '1.8.2';
/** Older ones lack parts of the server that the workflows use. */
const OLDEST_ACCEPTED = '1.6.0';
const INSTALL_TIMEOUT_MS = 30 * 60_000;

export type TemporalSource = 'env' | 'path' | 'cache' | 'download' | 'build';

export interface TemporalBinary {
  readonly path: string;
  readonly source: TemporalSource;
  /** Of the CLI, e.g. `1.8.2`. */
  readonly version: string;
  /** Of the server inside, e.g. `1.31.2`: what decides whether a database file fits. */
  readonly serverVersion: string;
}

export interface FindTemporalOptions {
  readonly log?: Log | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Server version that wrote the database file; binaries of another minor version are passed over. */
  readonly writtenBy?: string | undefined;
  /** False: nothing is fetched or built, which takes minutes. */
  readonly install?: boolean | undefined;
}

type Versions = { readonly version: string; readonly serverVersion: string };

/** `temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)` taken apart; null for any other text. */
export function parseVersions(text: string): Versions | null {
  const match = /temporal version (\d+\.\d+\.\d+)\S* \(Server (\d+\.\d+\.\d+)/.exec(text);
  return match?.[1] && match[2] ? { version: match[1], serverVersion: match[2] } : null;
}

/** Negative when `a` is older than `b`; both are `x.y.z`. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < 3; i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Database files are not migrated between minor versions of the server. */
export function sameSchema(a: string, b: string): boolean {
  return a.split('.').slice(0, 2).join('.') === b.split('.').slice(0, 2).join('.');
}

const run = promisify(execFile);

/** Runs `--version`: a truncated, foreign or non-executable file fails here and not later. */
export async function probe(path: string): Promise<Versions> {
  let output: string;
  try {
    const args = ['--version', '--disable-config-file', '--disable-config-env'];
    output = (await run(path, args, { timeout: 30_000 })).stdout;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') throw new Error(`${path} does not exist`);
    if (code === 'EACCES') throw new Error(`${path} is not executable`);
    throw new Error(`${path} does not run: ${errorText(error).split('\n')[0]}`);
  }
  const versions = parseVersions(output);
  if (versions === null)
    throw new Error(`${path} is not the Temporal CLI (says "${output.trim().slice(0, 80)}")`);
  return versions;
}

function unfit(versions: Versions, writtenBy: string | undefined): string | null {
  if (compareVersions(versions.version, OLDEST_ACCEPTED) < 0) {
    return `it is version ${versions.version}, older than ${OLDEST_ACCEPTED}`;
  }
  if (writtenBy !== undefined && !sameSchema(versions.serverVersion, writtenBy)) {
    return `its server is ${versions.serverVersion}, but the database file was written by ${writtenBy}`;
  }
  return null;
}

function onPath(env: NodeJS.ProcessEnv): string | null {
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    const candidate = join(folder, 'temporal');
    if (folder !== '' && existsSync(candidate)) return candidate;
  }
  return null;
}

type Attempt = { readonly what: string; readonly why: string };

function nothingWorked(attempts: readonly Attempt[]): EmbeddedError {
  return new EmbeddedError(
    'BINARY_MISSING',
    [
      'No Temporal CLI could be found or made. Tried:',
      ...attempts.map(({ what, why }) => `  - ${what}: ${why}`),
      `To go on, install one of: the Temporal CLI ${OLDEST_ACCEPTED} or later on PATH ` +
        `(https://docs.temporal.io/cli); Go 1.21 or later, to build it here; or set SLUICE_TEMPORAL_BIN to a ` +
        `binary, or TEMPORAL_ADDRESS to a server that runs already.`,
    ].join('\n'),
  );
}

/** What is tried when the cache has none; each returns with the binary in place or throws why not. */
async function install(target: string, env: NodeJS.ProcessEnv, log: Log): Promise<TemporalBinary> {
  const attempts: Attempt[] = [];
  for (const [source, what, make] of [
    ['download', 'official download', downloadTemporal],
    ['build', 'build with Go', buildTemporal],
  ] as const) {
    try {
      await make({ version: TEMPORAL_VERSION, target, env, log, verify: probe });
      return { path: target, source, ...(await probe(target)) };
    } catch (error) {
      attempts.push({ what, why: errorText(error) });
      log(`Temporal: ${what} failed: ${errorText(error)}`);
    }
  }
  throw Object.assign(new Error('not installed'), { attempts });
}

function attemptsOf(error: unknown): readonly Attempt[] {
  if (error instanceof Error && 'attempts' in error && Array.isArray(error.attempts)) return error.attempts;
  return [{ what: 'installing', why: errorText(error) }];
}

async function useCache(path: string, log: Log): Promise<TemporalBinary | null> {
  if (!existsSync(path)) return null;
  try {
    return { path, source: 'cache', ...(await probe(path)) };
  } catch (error) {
    log(`Temporal: the cached binary is broken (${errorText(error)}); replacing it.`);
    return null;
  }
}

/**
 * The first Temporal CLI that runs and fits. Throws one `BINARY_MISSING` that lists every attempt, or
 * `BINARY_BROKEN` when `SLUICE_TEMPORAL_BIN` names one that cannot be used.
 */
export async function findTemporalBinary(options: FindTemporalOptions = {}): Promise<TemporalBinary> {
  const log = options.log ?? silent;
  const env = options.env ?? process.env;
  const attempts: Attempt[] = [];

  const explicit = env.SLUICE_TEMPORAL_BIN;
  if (explicit) {
    const path = resolve(explicit);
    let why: string | null;
    try {
      const versions = await probe(path);
      why = unfit(versions, options.writtenBy);
      if (why === null) return { path, source: 'env', ...versions };
    } catch (error) {
      why = errorText(error);
    }
    throw new EmbeddedError('BINARY_BROKEN', `SLUICE_TEMPORAL_BIN=${explicit} cannot be used: ${why}.`);
  }
  attempts.push({ what: 'SLUICE_TEMPORAL_BIN', why: 'not set' });

  const found = onPath(env);
  if (found === null) {
    attempts.push({ what: '"temporal" on PATH', why: 'not there' });
  } else {
    try {
      const versions = await probe(found);
      const why = unfit(versions, options.writtenBy);
      if (why === null) return { path: found, source: 'path', ...versions };
      attempts.push({ what: found, why });
      log(`Temporal: passing over ${found}: ${why}.`);
    } catch (error) {
      attempts.push({ what: '"temporal" on PATH', why: errorText(error) });
    }
  }

  const folder = join(cacheDir(env), 'temporal', TEMPORAL_VERSION);
  const cached = join(folder, 'temporal');
  let binary = await useCache(cached, log);
  if (binary === null) {
    attempts.push({ what: `cache ${cached}`, why: existsSync(cached) ? 'broken' : 'empty' });
    if (options.install === false) throw nothingWorked(attempts);
    try {
      binary = await withLock(
        join(folder, 'install.lock'),
        async () => {
          // Another process may have filled it while this one waited.
          const ready = await useCache(cached, log);
          if (ready !== null) return ready;
          rmSync(cached, { force: true });
          return install(cached, env, log);
        },
        {
          timeoutMs: INSTALL_TIMEOUT_MS,
          onWait: (owner) => log(`Temporal: process ${owner} is fetching or building it; waiting.`),
        },
      );
    } catch (error) {
      throw nothingWorked([...attempts, ...attemptsOf(error)]);
    }
  }
  const why = unfit(binary, options.writtenBy);
  if (why !== null) throw nothingWorked([...attempts, { what: binary.path, why }]);
  return binary;
}
