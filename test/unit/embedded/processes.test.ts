import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import {
  commandLine,
  identify,
  isAlive,
  type ProcessIdentity,
  spawnToLog,
  terminate,
} from '../../../embedded/child';
import {
  type Instance,
  processesOf,
  readInstance,
  removeInstance,
  stopProcesses,
  withoutPassword,
  writeInstance,
} from '../../../embedded/instance';
import { withLock } from '../../../embedded/lock';
import { choosePort, freePort, isPortFree } from '../../../embedded/ports';
import { cacheDir, stateDir } from '../../../embedded/state-dir';
import { temporaryFolder } from '../../support/stacks/embedded';

const NODE = process.execPath;
const FOREVER = 'setInterval(() => {}, 1000)';

function started(script: string): ProcessIdentity & { readonly logFile: string } {
  const logFile = join(temporaryFolder(), 'child.log');
  const child = spawnToLog({ command: NODE, args: ['-e', script], logFile });
  const identity = identify(child.pid ?? 0);
  if (identity === null) throw new Error('child did not start');
  return { ...identity, logFile };
}

async function printed(logFile: string, text: string): Promise<void> {
  while (!readFileSync(logFile, 'utf8').includes(text)) await new Promise((next) => setTimeout(next, 10));
}

/** A process that has certainly ended. */
async function deadProcess(): Promise<ProcessIdentity> {
  const child = spawn(NODE, ['-e', FOREVER]);
  const identity = identify(child.pid ?? 0);
  if (identity === null) throw new Error('child did not start');
  child.kill('SIGKILL');
  await once(child, 'exit');
  return identity;
}

describe('processes are known by pid and start time', () => {
  test('a running process is alive; an ended one is not', async () => {
    const child = started(FOREVER);
    expect(isAlive(child)).toBe(true);
    expect(commandLine(child.pid)).toContain(FOREVER);
    await terminate(child);
    expect(isAlive(child)).toBe(false);
    expect(await terminate(child)).toBeNull();
  });

  test('a recycled pid is another process: not alive, and never signalled', async () => {
    const child = started(FOREVER);
    const earlier = { pid: child.pid, startTime: '1@earlier' };
    expect(isAlive(earlier)).toBe(false);
    expect(await terminate(earlier)).toBeNull();
    expect(isAlive(child)).toBe(true);
    await terminate(child);
  });

  test('one that ignores SIGTERM is killed', async () => {
    const child = started(`process.on('SIGTERM', () => {}); console.log('deaf'); ${FOREVER}`);
    await printed(child.logFile, 'deaf');
    const ended = await terminate(child, [
      { signal: 'SIGTERM', waitMs: 100 },
      { signal: 'SIGKILL', waitMs: 5_000 },
    ]);
    expect(ended).toBe('SIGKILL');
  });

  test('nonsense is no process', () => {
    for (const pid of [0, -1, 1.5, Number.NaN]) expect(identify(pid)).toBeNull();
  });
});

describe('lock between processes', () => {
  const lockFile = (): string => join(temporaryFolder(), 'a.lock');

  test('one owner at a time', async () => {
    const file = lockFile();
    let inside = 0;
    let most = 0;
    const work = (): Promise<void> =>
      withLock(file, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((next) => setImmediate(next));
        inside -= 1;
      });
    await Promise.all([work(), work(), work()]);
    expect(most).toBe(1);
  });

  test('the lock of a dead owner is taken over', async () => {
    const file = lockFile();
    writeFileSync(file, JSON.stringify(await deadProcess()));
    expect(await withLock(file, async () => 'done', { timeoutMs: 5_000 })).toBe('done');
  });

  test('an unreadable lock is taken over', async () => {
    const file = lockFile();
    writeFileSync(file, 'half a li');
    expect(await withLock(file, async () => 'done', { timeoutMs: 5_000 })).toBe('done');
  });

  test('waiting for a living owner ends with its pid in the message', async () => {
    const file = lockFile();
    const owners: number[] = [];
    const inner = withLock(file, () =>
      withLock(file, async () => 'never', { timeoutMs: 1, onWait: (owner) => owners.push(owner) }),
    );
    await expect(inner).rejects.toThrow(`process ${process.pid}`);
    expect(owners).toEqual([process.pid]);
  });

  test('it is released when the work throws', async () => {
    const file = lockFile();
    await expect(withLock(file, () => Promise.reject(new Error('boom')))).rejects.toThrow('boom');
    expect(await withLock(file, async () => 'done', { timeoutMs: 1_000 })).toBe('done');
  });
});

describe('ports', () => {
  test('a port in use is not free, and another is chosen in its place', async () => {
    const server = createServer();
    const port = await freePort();
    await new Promise<void>((ready) => server.listen(port, '127.0.0.1', ready));
    expect(await isPortFree(port)).toBe(false);
    const chosen = await choosePort(port);
    expect(chosen.moved).toBe(true);
    expect(chosen.port).not.toBe(port);
    await new Promise((closed) => server.close(closed));
    expect(await choosePort(port)).toEqual({ port, moved: false });
  });

  test('a port that is about to be free is waited for', async () => {
    const server = createServer();
    const port = await freePort();
    await new Promise<void>((ready) => server.listen(port, '127.0.0.1', ready));
    const chosen = choosePort(port, 60_000);
    await new Promise((closed) => setTimeout(() => server.close(closed), 100));
    expect(await chosen).toEqual({ port, moved: false });
  });

  test('a free port is none that an outgoing connection may be given', async () => {
    for (let i = 0; i < 20; i++) expect(await freePort()).toBeLessThan(32_000);
  });
});

describe('state folder and instance file', () => {
  test('SLUICE_STATE_DIR overrides the project folder', () => {
    expect(stateDir('/srv/app', {}).temporalDb).toBe('/srv/app/.sluice/temporal.db');
    expect(stateDir('/srv/app', { SLUICE_STATE_DIR: '/data/s' }).pg).toBe('/data/s/pg');
    expect(cacheDir({ XDG_CACHE_HOME: '/c' })).toBe('/c/sluice');
  });

  test('what was written is read back, by its owner only', async () => {
    const dir = stateDir(temporaryFolder(), {});
    expect(readInstance(dir)).toBeNull();
    const worker = started(FOREVER);
    const gone = await deadProcess();
    const instance: Instance = {
      version: 1,
      startedAt: '2026-01-01T00:00:00.000Z',
      postgres: { ...gone, url: 'postgres://sluice:secret@127.0.0.1:5/sluice', port: 5, data: '/d' },
      processes: [{ name: 'worker', pid: worker.pid, startTime: worker.startTime }],
    };
    writeInstance(dir, instance);
    expect(readInstance(dir)).toEqual(instance);
    expect(statSync(dir.instance).mode & 0o777).toBe(0o600);
    expect(processesOf(instance).map(({ name, alive }) => [name, alive])).toEqual([
      ['postgres', false],
      ['worker', true],
    ]);
    expect(await stopProcesses(instance)).toEqual(['worker']);
    expect(isAlive(worker)).toBe(false);
    removeInstance(dir);
    expect(readInstance(dir)).toBeNull();
  });

  test('a file of another shape is no instance', () => {
    const dir = stateDir(temporaryFolder(), {});
    mkdirSync(dir.root);
    writeFileSync(dir.instance, '{"version":99}');
    expect(readInstance(dir)).toBeNull();
  });

  test('a connection string is shown without its password', () => {
    expect(withoutPassword('postgres://u:secret@h:1/d')).toBe('postgres://u:***@h:1/d');
    expect(withoutPassword('secret nonsense')).toBe('(not a URL)');
  });
});
