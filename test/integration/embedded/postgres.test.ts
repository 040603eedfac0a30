import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { identify, isAlive } from '../../../embedded/child';
import { freePort } from '../../../embedded/ports';
import {
  type RunningPostgres,
  removePostgres,
  startPostgres,
  stopPostgres,
} from '../../../embedded/postgres/postgres';
import { temporaryFolder } from '../../support/stacks/embedded';

const isRoot = process.getuid?.() === 0;
const used: string[] = [];

/** A place for a database, removed with its server after the tests. */
function place(): string {
  const dataDir = join(temporaryFolder(), 'pg');
  used.push(dataDir);
  return dataDir;
}

async function start(
  dataDir: string,
  options: { port?: number; settings?: Record<string, string> } = {},
): Promise<RunningPostgres & { readonly said: readonly string[] }> {
  const said: string[] = [];
  return { ...(await startPostgres({ dataDir, log: (line) => said.push(line), ...options })), said };
}

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query({ text: sql, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

async function remember(server: RunningPostgres): Promise<void> {
  await ask(server.url, `create table kept (word text)`);
  await ask(server.url, `insert into kept values ('kept')`);
}

const recall = (server: RunningPostgres): Promise<unknown> => ask(server.url, 'select word from kept');

afterAll(async () => {
  for (const dataDir of used) await removePostgres(dataDir);
});

describe('starting and stopping', () => {
  test('a durable Postgres in UTC and UTF-8, adopted by whoever starts it again', async () => {
    const dataDir = place();
    const first = await start(dataDir);
    expect(first.adopted).toBe(false);
    for (const [name, value] of [
      ['server_encoding', 'UTF8'],
      ['timezone', 'UTC'],
      ['fsync', 'on'],
      ['synchronous_commit', 'on'],
      ['data_checksums', 'on'],
      ['max_connections', '200'],
      ['shared_buffers', '128MB'],
    ]) {
      expect([name, await ask(first.url, `show ${name}`)]).toEqual([name, value]);
    }
    const second = await start(dataDir);
    expect(second).toMatchObject({ adopted: true, pid: first.pid, url: first.url });
    await second.stop();
    expect(isAlive(first)).toBe(false);
    expect(await stopPostgres(dataDir)).toBe(false);
  });

  test('settings can be changed, and the port stays from one start to the next', async () => {
    const dataDir = place();
    const first = await start(dataDir, { settings: { max_connections: '33' } });
    expect(await ask(first.url, 'show max_connections')).toBe('33');
    await first.stop();
    expect((await start(dataDir)).port).toBe(first.port);
  });

  test('only this machine can connect, and only with the password', async () => {
    const dataDir = place();
    const server = await start(dataDir);
    await expect(ask(server.url.replace(/:[^:@]+@/, ':wrong@'), 'select 1')).rejects.toThrow(/password/);
    expect(statSync(join(dataDir, 'password')).mode & 0o777).toBe(0o600);
    expect(await ask(server.url, 'show unix_socket_directories')).toBe('');
    expect(await ask(server.url, 'show listen_addresses')).toBe('127.0.0.1');
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((i) => i?.family === 'IPv4' && !i.internal);
    if (outside) {
      await expect(ask(server.url.replace('127.0.0.1', outside.address), 'select 1')).rejects.toThrow(
        /ECONNREFUSED/,
      );
    }
    expect(server.said.join('\n')).not.toContain(new URL(server.url).password);
  });

  test('several processes that start it at once get one server', async () => {
    const dataDir = place();
    const servers = await Promise.all([start(dataDir), start(dataDir), start(dataDir)]);
    expect(new Set(servers.map(({ pid }) => pid)).size).toBe(1);
    expect(servers.filter(({ adopted }) => !adopted)).toHaveLength(1);
  });

  test('a port in use is left alone, and the one taken instead is printed', async () => {
    const taken = createServer();
    const port = await freePort();
    await new Promise<void>((ready) => taken.listen(port, '127.0.0.1', ready));
    const server = await start(place(), { port });
    expect(server.port).not.toBe(port);
    expect(server.said).toContain(`Postgres: port ${port} is in use; using ${server.port} instead.`);
    taken.close();
  });
});

describe('after a crash', () => {
  test('kill -9 loses nothing that was committed', async () => {
    const dataDir = place();
    const first = await start(dataDir);
    await remember(first);
    process.kill(first.pid, 'SIGKILL');
    const second = await start(dataDir);
    expect(second.adopted).toBe(false);
    expect(second.said.join('\n')).toContain('not shut down in order');
    expect(await recall(second)).toBe('kept');
  });

  test('a server process that outlives its killed postmaster is ended, not waited for', async () => {
    const dataDir = place();
    const first = await start(dataDir);
    const busy = ask(first.url, 'select count(*) from generate_series(1, 1e12::bigint) a').catch(
      () => 'ended',
    );
    while (Number(await ask(first.url, `select count(*) from pg_stat_activity where state = 'active'`)) < 2);
    process.kill(first.pid, 'SIGKILL');
    const second = await start(dataDir);
    expect(await ask(second.url, 'select 1')).toBe(1);
    // Where it took more than one attempt, too: workers know no other.
    expect(second.port).toBe(first.port);
    expect(await busy).toBe('ended');
  });

  test('a pid file whose pid now belongs to another program stops neither us nor that program', async () => {
    const dataDir = place();
    const first = await start(dataDir);
    const pidFile = join(first.data, 'postmaster.pid');
    const lines = readFileSync(pidFile, 'utf8').split('\n');
    await first.stop();
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const identity = identify(stranger.pid ?? 0);
    writeFileSync(pidFile, [String(stranger.pid), ...lines.slice(1)].join('\n'));
    expect(await stopPostgres(dataDir)).toBe(false);
    const second = await start(dataDir);
    expect(second.adopted).toBe(false);
    expect(identity !== null && isAlive(identity)).toBe(true);
    stranger.kill('SIGKILL');
  });

  test('a data folder that was never finished is made again', async () => {
    const dataDir = place();
    mkdirSync(join(dataDir, 'data.unfinished'), { recursive: true });
    writeFileSync(join(dataDir, 'data.unfinished', 'PG_VERSION'), '18\n');
    const server = await start(dataDir);
    expect(server.said.join('\n')).toContain('interrupted');
    expect(existsSync(join(dirname(server.data), 'data.unfinished'))).toBe(false);
  });

  test('a lost password is replaced; the data stays', async () => {
    const dataDir = place();
    const first = await start(dataDir);
    await remember(first);
    rmSync(join(dataDir, 'password'));
    const second = await start(dataDir);
    expect(second.url).not.toBe(first.url);
    expect(await recall(second)).toBe('kept');
  });
});

describe('folders that are not ours to change', () => {
  test('one of another major version: both versions are named, nothing is touched', async () => {
    const dataDir = place();
    mkdirSync(join(dataDir, 'data'), { recursive: true });
    writeFileSync(join(dataDir, 'data', 'PG_VERSION'), '14\n');
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'DATA_VERSION',
      message: expect.stringMatching(/written by Postgres 14, but this is Postgres 18[\s\S]*pg_dumpall/),
    });
    expect(readFileSync(join(dataDir, 'data', 'PG_VERSION'), 'utf8')).toBe('14\n');
  });

  test('one that holds something else', async () => {
    const dataDir = place();
    mkdirSync(join(dataDir, 'data'), { recursive: true });
    await expect(start(dataDir)).rejects.toThrow(/is not a Postgres data folder/);
  });

  test('a setting that Postgres refuses is shown in its own words', async () => {
    await expect(start(place(), { settings: { shared_buffers: 'lots' } })).rejects.toThrow(
      /Postgres did not start[\s\S]*invalid value for parameter "shared_buffers": "lots"/,
    );
  });
});

(isRoot ? describe : describe.skip)('as root, in a folder that no other user can enter', () => {
  function privatePlace(): { folder: string; dataDir: string } {
    const folder = temporaryFolder('private');
    chmodSync(folder, 0o700);
    const dataDir = join(folder, 'pg');
    used.push(dataDir);
    return { folder, dataDir };
  }

  test('the data is kept elsewhere, which is printed, and is found again', async () => {
    const { folder, dataDir } = privatePlace();
    const first = await start(dataDir);
    expect(first.data).toMatch(/^\/var\/lib\/sluice\/data\//);
    expect(first.said.join('\n')).toContain(`cannot enter ${folder}`);
    await remember(first);
    await first.stop();
    const second = await start(dataDir);
    expect(second.data).toBe(first.data);
    expect(await recall(second)).toBe('kept');
    await removePostgres(dataDir);
    expect(existsSync(first.data)).toBe(false);
  });

  test('a moved project keeps its data; a copied one gets its own', async () => {
    const { folder, dataDir } = privatePlace();
    const first = await start(dataDir);
    await remember(first);
    await first.stop();

    const moved = join(folder, 'moved');
    renameSync(dataDir, moved);
    used.push(moved);
    const second = await start(moved);
    expect(await recall(second)).toBe('kept');

    const copied = join(folder, 'copied');
    cpSync(moved, copied, { recursive: true });
    used.push(copied);
    const third = await start(copied);
    expect(third.pid).not.toBe(second.pid);
    await expect(recall(third)).rejects.toThrow(/does not exist/);
  });

  test('data that is gone is not silently replaced by an empty database', async () => {
    const { dataDir } = privatePlace();
    const first = await start(dataDir);
    await first.stop();
    rmSync(dirname(first.data), { recursive: true });
    await expect(start(dataDir)).rejects.toThrow(/does not exist[\s\S]*delete .*location/);
  });
});
