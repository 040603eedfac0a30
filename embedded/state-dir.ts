/** Where a machine's embedded servers keep their data and what is shared between projects of one user. */
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface StateDir {
  readonly root: string;
  /** Postgres: data folder, password and last port. */
  readonly pg: string;
  /** SQLite file of the Temporal dev server. */
  readonly temporalDb: string;
  readonly logs: string;
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
    instance: join(root, 'instance.json'),
  };
}

/** Creates the folders. The root is 0711: others may pass through to Postgres's own folder, not look around. */
export function ensureStateDir(dir: StateDir): void {
  mkdirSync(dir.root, { recursive: true, mode: 0o711 });
  mkdirSync(dir.logs, { recursive: true, mode: 0o700 });
}

/** Per-user cache shared by all checkouts: `$XDG_CACHE_HOME/sluice`, `~/.cache/sluice`, or the macOS place. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'sluice');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'sluice');
  return join(homedir(), '.cache', 'sluice');
}
