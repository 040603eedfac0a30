/** `up --detach` on a machine of its own: what ends by itself is started again, until `down` ends all of it. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, type ProcessIdentity } from '../../../../embedded/child';
import { type Instance, readInstance } from '../../../../embedded/instance';
import { stateDir } from '../../../../embedded/state-dir';
import { withoutBusyNotes } from '../../../support/cli';
import { eventually } from '../../../support/eventually';
import { SLUICE } from '../../../support/processes/program';
import { temporaryFolder } from '../../../support/stacks/embedded';

const folder = temporaryFolder('up');
const dir = stateDir(folder, {});
/** Nothing of a server or settings of others. */
const {
  DATABASE_URL: _d,
  TEMPORAL_ADDRESS: _t,
  SLUICE_SETTINGS: _s,
  SLUICE_VAULT_KEY: _k,
  ...OWN
} = process.env;
const SECRET = 'secret-of-the-start';

function sluice(args: readonly string[], key = SECRET): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [SLUICE, ...args], {
      cwd: folder,
      env: { ...OWN, SLUICE_STATE_DIR: dir.root, TEST_UP_KEY: key },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        said += text;
      });
    }
    child.once('close', (code) => resolve({ code, said: withoutBusyNotes(said) }));
  });
}

const settings = (perDay: number) =>
  `accounts:\n  own:\n    vendor: openai\n    apiKey: env:TEST_UP_KEY\n    dailyLimit: ${perDay}\n`;

function instance(): Instance {
  const found = readInstance(dir);
  if (found === null) throw new Error('nothing runs');
  return found;
}

function processOf(name: string): ProcessIdentity {
  const { postgres, temporal, processes } = instance();
  const found = { postgres, temporal }[name] ?? processes.find((p) => p.name === name);
  if (!found) throw new Error(`${name} does not run`);
  return found;
}

/** Known to `instance.json` or not. */
function workersOfFolder(): number {
  const all = execFileSync('ps', ['-ww', '-eo', 'args'], { encoding: 'utf8' }).split('\n');
  return all.filter((args) => args.includes(join('workers', 'main.js')) && args.includes(folder)).length;
}

/** Where `status` says that it is found. */
async function apiUrl(): Promise<string> {
  const { said } = await sluice(['status', '--json']);
  return (JSON.parse(said) as { readonly api: { readonly url: string } }).api.url;
}

async function apiAnswers(): Promise<boolean> {
  return (await fetch(`${await apiUrl()}/readyz`).catch(() => null))?.status === 200;
}

function comesBack(name: string, before: ProcessIdentity | undefined): Promise<unknown> {
  return eventually(`${name} comes back`, () => {
    const now = processOf(name);
    return now.pid !== before?.pid && isAlive(now);
  });
}

/** Kills it until its port can be had before it is started again. */
async function killAndTakePort(name: string, port: number): Promise<Server> {
  for (;;) {
    const victim = processOf(name);
    if (isAlive(victim)) process.kill(victim.pid, 'SIGKILL');
    // Its own port is free a moment after its end.
    do {
      const server = createServer().listen(port, '127.0.0.1');
      // Rejects when the port is in use.
      const taken = once(server, 'listening').catch(() => null);
      if ((await taken) !== null) return server;
      await delay(5);
    } while (processOf(name).pid === victim.pid);
  }
}

const NAMES = ['postgres', 'temporal', 'worker', 'api', 'supervisor'];
const allOf = () => Object.fromEntries(NAMES.map((name) => [name, processOf(name)]));

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'sluice.yaml'), settings(600));
});

afterAll(async () => {
  await sluice(['down']);
});

test('a process that dies is restarted, an outdated one is reported, and down ends all of them', async () => {
  // Two at once: one starts everything, and the other one finds it.
  const first = await Promise.all([sluice(['up', '--detach']), sluice(['up', '--detach'])]);
  expect(first).toMatchObject([{ code: 0 }, { code: 0 }]);
  expect(first.map(({ said }) => /runs already/.test(said)).sort()).toEqual([false, true]);
  expect(workersOfFolder()).toBe(1);
  const started = allOf();
  expect(Object.values(started).every(isAlive)).toBe(true);

  // The same again from a shell with another secret: the worker stays, and says what it goes on with.
  const again = await sluice(['up', '--detach'], 'another-secret');
  expect(again.code).toBe(0);
  expect(again.said).toContain(
    `the worker that runs (process ${started.worker?.pid}) goes on with the TEST_UP_KEY of its start`,
  );
  expect(again.said).toContain('npx sluice down, then npx sluice up');
  expect(allOf()).toEqual(started);
  expect(readFileSync(dir.instance, 'utf8') + first.map(({ said }) => said).join() + again.said).not.toMatch(
    /secret-of-the-start|another-secret/,
  );
  expect((await sluice(['up', '--detach'])).said).not.toContain('of its start');

  const firstUrl = await apiUrl();
  expect(first.some(({ said }) => said.includes(`${firstUrl}/api/v1`))).toBe(true);
  expect(await apiAnswers()).toBe(true);

  for (const name of ['worker', 'temporal', 'postgres', 'api']) {
    process.kill(processOf(name).pid, 'SIGKILL');
    await comesBack(name, started[name]);
  }
  // Postgres may have another port now.
  await eventually('the API answers again', apiAnswers);

  // Another program takes the API's port while the API is down.
  const lost = processOf('api');
  const other = await killAndTakePort('api', Number(new URL(await apiUrl()).port));
  await comesBack('api', lost);
  await eventually('the API answers at another port', apiAnswers);
  expect(new URL(await apiUrl()).port).not.toBe(String((other.address() as AddressInfo).port));
  other.close();
  await eventually('the worker asks for work', async () =>
    /Worker +asks for work/.test((await sluice(['doctor'])).said),
  );

  // One that hangs: named at once, ended and started again after a while, and reported.
  const frozen = processOf('worker');
  process.kill(frozen.pid, 'SIGSTOP');
  await eventually('it is named', async () =>
    new RegExp(`worker ${frozen.pid}: it does not answer.*, since `).test((await sluice(['status'])).said),
  );
  await eventually('another one takes its place', () => {
    const now = processOf('worker');
    return now.pid !== frozen.pid && isAlive(now);
  });
  await eventually('it is reported', async () => {
    const { said } = await sluice(['events']);
    return said.includes('process.hung') && said.includes(`process ${frozen.pid}`);
  });

  // Other settings: the worker is replaced, by a supervisor that knows them.
  const before = allOf();
  writeFileSync(join(folder, 'sluice.yaml'), settings(900));
  expect(await sluice(['up', '--detach'])).toMatchObject({ code: 0 });
  const replaced = allOf();
  expect(isAlive(before.worker as ProcessIdentity) || isAlive(before.supervisor as ProcessIdentity)).toBe(
    false,
  );
  expect(Object.values(replaced).every(isAlive)).toBe(true);
  expect(replaced.postgres).toEqual(before.postgres);

  const down = await sluice(['down']);
  expect(down.code).toBe(0);
  expect(down.said).toMatch(/^Stopped: supervisor/m);
  expect(Object.values(replaced).filter(isAlive)).toEqual([]);
  expect(readInstance(dir)).toBeNull();
});
