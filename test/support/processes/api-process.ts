/** An API server as its users run it: a process of its own, on any port of this machine. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../run/run-folder';
import { TEST_ENV } from '../stacks/core-stack';
import { program } from './program';
import { type StartedProgram, startProgram } from './started-program';

export interface ApiProcess extends Pick<StartedProgram, 'log' | 'end'> {
  /** `http://127.0.0.1:port`, wherever it listens. */
  readonly url: string;
}

/**
 * @param settings as YAML, with the servers' addresses.
 * @throws with what it says when it does not start.
 */
export async function startApi(
  settings: string,
  env: Readonly<Record<string, string>> = {},
  host = '127.0.0.1',
): Promise<ApiProcess> {
  const folder = temporaryFolder('api');
  const file = join(folder, 'sluice.yaml');
  writeFileSync(file, settings);
  const { said, log, end } = await startProgram(
    [program('client/api', 'main'), '--settings', file, '--host', host, '--port', '0'],
    {
      cwd: folder,
      env: { LOG_LEVEL: process.env.TEST_LOG ?? 'error', ...TEST_ENV, ...env },
      up: /^API at (\S+)\/api\/v1,/m,
    },
  );
  return { url: said[1]?.replace('0.0.0.0', '127.0.0.1') ?? '', log, end };
}
