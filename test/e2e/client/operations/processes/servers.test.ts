/** The servers of a state folder are started together. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { startServers } from '../../../../../client/operations/processes/servers';
import { stateDir } from '../../../../../embedded/state-dir';
import { stopTemporal } from '../../../../../embedded/temporal/temporal';
import { parseSettings } from '../../../../../settings';
import { temporaryFolder } from '../../../../support/stacks/embedded';

test('where Postgres does not start, Temporal is not left running', async () => {
  const dir = stateDir(temporaryFolder('servers'), {});
  mkdirSync(dirname(dir.pg), { recursive: true });
  writeFileSync(dir.pg, 'a file where a folder is to be');
  await expect(
    startServers(
      dir,
      parseSettings('{ accounts: {} }', { file: null, baseDir: '/', env: {} }),
      () => undefined,
    ),
  ).rejects.toThrow();
  // It was on its way, so this is no test of a server that never was.
  expect(existsSync(dir.temporalDb)).toBe(true);
  expect(await stopTemporal(dir.temporalDb)).toBe(false);
});
