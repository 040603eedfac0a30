/**
 * `sluice`: start, pause, resume and query work from another Node program, with types. Workers run elsewhere (`sluice up`,
 * or `node dist/workers/main.js`); this speaks to the same Postgres and Temporal, which settings and environment name as
 * they do for the command line. Each call opens its connections and closes them.
 */
import { resolve } from 'node:path';
import type { z } from 'zod';
import { operations } from '../client/operations';
import type { Backend } from '../client/operations/backend/backend';
import { contextWith, loadContext } from '../client/operations/backend/context';
import type { Operation } from '../client/operations/operation';
import { stateDir } from '../embedded/state-dir';
import { parseSettings } from '../settings/load';

export {
  ERROR_CODES,
  type ErrorCode,
  OperationError,
  type Problem,
  QuotaLimitError,
} from '../client/operations/errors';

/** An operation with its backend put in: its input, checked, and its result. */
type Bound<O> =
  O extends Operation<infer Schema, infer Result, unknown, infer More>
    ? (input: z.input<Schema>, ...more: More) => Promise<Result>
    : { readonly [Name in keyof O]: Bound<O[Name]> };

/** Every use case, by the name of what it is about: `sluice.backfills.start({ dataset, from, to })`. */
export type Sluice = { readonly [Group in keyof typeof operations]: Bound<(typeof operations)[Group]> };

export interface SluiceOptions {
  /** The settings file. Default: `SLUICE_SETTINGS`, or `sluice.yaml` in `cwd`. */
  readonly settingsPath?: string;
  /** The settings as the file's text, instead of a file. */
  readonly settings?: string;
  /** Where a relative path and the state folder `.sluice` are resolved. Default: the working directory. */
  readonly cwd?: string;
  /** Variables such as `DATABASE_URL` and `TEMPORAL_ADDRESS`. Default: the process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** Who asks, as events and rows are to say. Default: the user and the machine. */
  readonly caller?: string;
}

/** @throws an error that lists everything that is wrong with the settings; its methods throw `OperationError`. */
export function createSluice(options: SluiceOptions = {}): Sluice {
  const { settingsPath, settings, cwd = process.cwd(), env = process.env, caller } = options;
  if (settings !== undefined && settingsPath !== undefined) {
    throw new TypeError('settings and settingsPath: give one of them');
  }
  const path = settingsPath === undefined ? undefined : resolve(cwd, settingsPath);
  const context =
    settings === undefined
      ? loadContext({ settings: path, cwd, env, note: () => undefined })
      : contextWith(
          parseSettings(settings, { file: null, baseDir: cwd, env }),
          stateDir(cwd, env),
          () => undefined,
        );
  const backend: Backend = caller === undefined ? context : { ...context, caller };
  return bind(operations, backend) as Sluice;
}

/** The same tree, with the backend as each function's first argument. */
function bind(tree: object, backend: Backend): object {
  return Object.fromEntries(
    Object.entries(tree).map(([name, entry]) => [
      name,
      typeof entry === 'function'
        ? (...args: unknown[]) => entry(backend, ...args)
        : bind(entry as object, backend),
    ]),
  );
}
