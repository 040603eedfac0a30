import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { identify, isAlive } from '../../../embedded/child';
import { freePort } from '../../../embedded/ports';
import {
  type RunningTemporal,
  startTemporal,
  stopTemporal,
  type TemporalOptions,
} from '../../../embedded/temporal/temporal';
import { temporaryFolder } from '../../support/stacks/embedded';

const used: string[] = [];

function place(): string {
  const dbFile = join(temporaryFolder(), 'temporal.db');
  used.push(dbFile);
  return dbFile;
}

async function start(
  dbFile: string,
  options: Partial<TemporalOptions> = {},
): Promise<RunningTemporal & { readonly said: readonly string[] }> {
  const said: string[] = [];
  const log = (line: string): unknown => said.push(line);
  return { ...(await startTemporal({ dbFile, logFile: `${dbFile}.log`, log, ...options })), said };
}

async function withConnection<T>(
  server: RunningTemporal,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await Connection.connect({ address: server.address });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

async function retentionDays(server: RunningTemporal, namespace = 'default'): Promise<number> {
  return withConnection(server, async (connection) => {
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    return Number(config?.workflowExecutionRetentionTtl?.seconds) / 86_400;
  });
}

async function attributes(server: RunningTemporal): Promise<readonly string[]> {
  return withConnection(server, async (connection) => {
    const answer = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
    return Object.keys(answer.customAttributes ?? {}).sort();
  });
}

/** Rewrites the record that lies beside the file, as if the past had been different. */
function rewriteRecord(dbFile: string, changes: Record<string, unknown>): void {
  const file = `${dbFile}.server.json`;
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...changes }));
}

afterAll(async () => {
  for (const dbFile of used) await stopTemporal(dbFile);
});

describe('starting and stopping', () => {
  test('closed workflows stay for 30 days, and search attributes can be added later', async () => {
    const dbFile = place();
    const first = await start(dbFile, { searchAttributes: { Vendor: 'Keyword' } });
    expect(first.adopted).toBe(false);
    expect(await retentionDays(first)).toBe(30);
    expect(await attributes(first)).toEqual(['Vendor']);

    const second = await start(dbFile, { searchAttributes: { Vendor: 'Keyword', Strikes: 'Int' } });
    expect(second).toMatchObject({ adopted: true, pid: first.pid });
    expect(await attributes(second)).toEqual(['Strikes', 'Vendor']);

    await second.stop();
    expect(isAlive(first)).toBe(false);
    expect(await stopTemporal(dbFile)).toBe(false);
  });

  test('another namespace is created on request', async () => {
    const server = await start(place(), { namespace: 'sluice', retentionDays: 7 });
    expect(await retentionDays(server, 'sluice')).toBe(7);
  });

  test('the Web UI answers', async () => {
    const server = await start(place());
    expect((await fetch(server.uiUrl)).status).toBe(200);
  });

  test('several processes that start it at once get one server', async () => {
    const dbFile = place();
    const servers = await Promise.all([start(dbFile), start(dbFile), start(dbFile)]);
    expect(new Set(servers.map(({ pid }) => pid)).size).toBe(1);
  });

  test('a port in use is left alone, and the one taken instead is printed', async () => {
    const taken = createServer();
    const port = await freePort();
    await new Promise<void>((ready) => taken.listen(port, '127.0.0.1', ready));
    const server = await start(place(), { port });
    expect(server.said).toContain(`Temporal: port ${port} is in use; using ${server.port} instead.`);
    taken.close();
  });

  test('servers that want one port in the same moment each have their own in the end', async () => {
    const port = await freePort();
    const servers = await Promise.all([1, 2, 3].map(() => start(place(), { port, retentionDays: 7 })));
    expect(new Set(servers.map((server) => server.port)).size).toBe(3);
    for (const server of servers) expect(isAlive(server)).toBe(true);
  });
});

describe('after a crash', () => {
  test('kill -9 keeps what is in the file, and the ports', async () => {
    const dbFile = place();
    const first = await start(dbFile, { searchAttributes: { Vendor: 'Keyword' } });
    process.kill(first.pid, 'SIGKILL');
    const second = await start(dbFile);
    expect(second).toMatchObject({ adopted: false, address: first.address, uiUrl: first.uiUrl });
    expect(await attributes(second)).toEqual(['Vendor']);
  });

  test('a server that does not answer is replaced', async () => {
    const dbFile = place();
    const first = await start(dbFile);
    process.kill(first.pid, 'SIGSTOP');
    const second = await start(dbFile);
    expect(isAlive(first)).toBe(false);
    expect(second.adopted).toBe(false);
    expect(second.said.join('\n')).toContain('does not answer');
  });

  test('a recorded pid that now belongs to another program is not touched', async () => {
    const dbFile = place();
    const first = await start(dbFile);
    await first.stop();
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const identity = identify(stranger.pid ?? 0);
    rewriteRecord(dbFile, { ...identity });
    expect(await stopTemporal(dbFile)).toBe(false);
    expect((await start(dbFile)).adopted).toBe(false);
    expect(identity !== null && isAlive(identity)).toBe(true);
    stranger.kill('SIGKILL');
  });
});

describe('files that are not ours to change', () => {
  test('something that is no database', async () => {
    const dbFile = place();
    writeFileSync(dbFile, 'notes on quotas');
    await expect(start(dbFile)).rejects.toMatchObject({ code: 'DATA_FOREIGN' });
    expect(readFileSync(dbFile, 'utf8')).toBe('notes on quotas');
  });

  test('a damaged database: the server says what it met', async () => {
    const dbFile = place();
    writeFileSync(dbFile, `SQLite format 3\0${'?'.repeat(4096)}`);
    await expect(start(dbFile)).rejects.toThrow(/cannot use .*temporal\.db: it is damaged[\s\S]*database/);
  });

  test('a file of another server version: both versions are named', async () => {
    const dbFile = place();
    const server = await start(dbFile);
    await server.stop();
    rewriteRecord(dbFile, { writtenBy: '1.24.2' });
    const binary = {
      path: '/opt/temporal',
      source: 'env',
      version: '1.8.2',
      serverVersion: '1.31.2',
    } as const;
    await expect(start(dbFile, { binary })).rejects.toMatchObject({
      code: 'DATA_VERSION',
      message: expect.stringMatching(
        /written by Temporal server 1\.24\.2, but \/opt\/temporal is server 1\.31\.2/,
      ),
    });
  });
});
