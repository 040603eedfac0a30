/** An API server as its users run it: a process of its own, on any port of the loopback. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TEST_ENV } from './core-stack';
import { eventually } from './eventually';
import { program } from './program';
import { endWithRun, temporaryFolder } from './run-folder';

export interface ApiProcess {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  close(): Promise<void>;
}

/** @param settings as YAML, with the servers' addresses. */
export async function startApi(
  settings: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ApiProcess> {
  const folder = temporaryFolder('api');
  const file = join(folder, 'sluice.yaml');
  writeFileSync(file, settings);
  const child = spawn(process.execPath, [program('client/api', 'main'), '--settings', file, '--port', '0'], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...TEST_ENV, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) endWithRun(child.pid);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  }
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  const url = await eventually('an API server starts', () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${said}`);
    return /API at (\S+?)\/api/.exec(said)?.[1];
  });
  return {
    url,
    close: async () => {
      child.kill('SIGTERM');
      await gone;
    },
  };
}
