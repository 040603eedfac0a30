/** Where a machine's embedded servers keep their data and what is shared between projects of one user. */
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { EmbeddedError } from './errors';

export interface StateDir {
  readonly root: string;
  /** Postgres: data folder, password and last port. */
  readonly pg: string;
  /** SQLite file of the Temporal dev server. */
  readonly temporalDb: string;
  readonly logs: string;
  /** What workers hold while Postgres is away. */
  readonly spool: string;
  /** What runs now: see `instance.ts`. */
  readonly instance: string;
}

/** Paths only; nothing is created. `SLUICE_STATE_DIR` overrides `<projectDir>/.sluice`. */
export function stateDir(projectDir: string, env: NodeJS.ProcessEnv = process.env): StateDir {
  const override = env.SLUICE_STATE_DIR;
  const root = override ? resolve(override) : join(resolve(projectDir), '.sluice');
  return {
    root,
    pg: join(root, 'pg'),
    temporalDb: join(root, 'temporal.db'),
    logs: join(root, 'logs'),
    spool: env.SLUICE_SPOOL_DIR || join(root, 'spool'),
    instance: join(root, 'instance.json'),
  };
}

/** Creates the folders. The root is 0711: Postgres's user may pass through, and nobody may list it. */
export function ensureStateDir(dir: StateDir): void {
  ensureWritable(dir.root);
  mkdirSync(dir.logs, { recursive: true, mode: 0o700 });
}

/** Creates a folder others may pass through. Throws, naming the owner, when we may not write into it. */
export function ensureWritable(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new EmbeddedError(
      'DATA_FOREIGN',
      `${folder} belongs to user id ${statSync(folder).uid} and cannot be written by you ` +
        `(user id ${process.getuid?.()}). Run this command as that user, or set SLUICE_STATE_DIR to a folder of your own.`,
      { cause: error },
    );
  }
}

/** Per-user cache shared by all checkouts: `$XDG_CACHE_HOME/sluice`, `~/.cache/sluice`, or the macOS place. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'sluice');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'sluice');
  return join(homedir(), '.cache', 'sluice');
}
