/** A PgBouncer of the machine's own (Debian's package, say) in front of a test's database. */

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../embedded/ports';
import { eventually } from '../eventually';
import { endWithRun, temporaryFolder } from '../run/run-folder';

export interface PgBouncer {
  readonly url: string;
  end(): Promise<void>;
}

const PLACES = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer'];

/** Its program; null where it is not installed. */
export const pgBouncerProgram = (): string | null => PLACES.find((path) => existsSync(path)) ?? null;

/** @param settings lines of `[pgbouncer]`. */
export async function startPgBouncer(
  program: string,
  databaseUrl: string,
  settings: readonly string[],
): Promise<PgBouncer> {
  const { hostname, port, username, password, pathname } = new URL(databaseUrl);
  const name = pathname.slice(1);
  const folder = temporaryFolder('pgbouncer');
  chmodSync(folder, 0o755);
  const file = join(folder, 'pgbouncer.ini');
  const ownPort = await freePort();
  writeFileSync(
    file,
    [
      '[databases]',
      `${name} = host=${hostname} port=${port} dbname=${name} user=${username} password=${decodeURIComponent(password)}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${ownPort}`,
      'unix_socket_dir =',
      'auth_type = any',
      ...settings,
    ].join('\n'),
  );
  // It refuses to run as root.
  const asUser = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = spawn(program, [...asUser, file], { stdio: ['ignore', 'ignore', 'pipe'] });
  if (child.pid !== undefined) endWithRun(child.pid);
  let log = '';
  child.stderr.on('data', (text) => {
    log += text;
  });
  await eventually('PgBouncer starts', () => {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended: ${log}`);
    return log.includes('process up') ? true : null;
  });
  return {
    url: `postgres://${username}@127.0.0.1:${ownPort}/${name}`,
    end: async () => {
      const gone = new Promise((done) => child.once('exit', done));
      child.kill('SIGKILL');
      await gone;
    },
  };
}
