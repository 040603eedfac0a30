/** A backend over a test's database, without Temporal, as a process that goes on running has one. */
import type { Pool } from 'pg';
import { stringify } from 'yaml';
import type { Backend } from '../../../client/operations/backend/backend';
import { failed } from '../../../client/operations/errors';
import { stateDir } from '../../../embedded/state-dir';
import { parseSettings } from '../../../settings/load';
import { temporaryFolder } from '../run/run-folder';
import { TEST_ENV } from './core-stack';

export function plainBackend(
  db: Pool,
  settings: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string>> = {},
): Backend {
  const folder = temporaryFolder('backend');
  return {
    settings: parseSettings(stringify(settings), {
      file: null,
      baseDir: folder,
      env: { ...TEST_ENV, ...env },
    }),
    dir: stateDir(folder, {}),
    caller: 'test',
    database: (work) => work(db),
    temporal: async () => {
      throw failed('there is no Temporal here', 'TEMPORAL_UNAVAILABLE');
    },
  };
}
