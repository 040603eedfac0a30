/** A worker is asked how it is: well, ill, slow, frozen, in an endless loop, gone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, utimesSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ANSWER_MS, askWorker, askWorkers, serveHealth } from '../../../workers/health-socket';
import { eventually } from '../../support/eventually';
import { endWithRun } from '../../support/run/run-folder';
import { uniqueName } from '../../support/stacks/embedded';

const REGISTER = require.resolve('../../support/register-ts.cjs');
const SOCKET = require.resolve('../../../workers/health-socket');
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

const queue = () => ({ namespace: 'default', taskQueue: uniqueName('health') });

/** A process that serves its health; `then` runs a second after. */
async function serve(temporal: ReturnType<typeof queue>, then = ''): Promise<number> {
  const script = `require(${JSON.stringify(SOCKET)}).serveHealth(${JSON.stringify(temporal)}, async () => [])
    .then(() => { console.log('serves'); setTimeout(() => { ${then} }, 500); setInterval(() => {}, 1000); });`;
  const child = spawn(process.execPath, ['-r', REGISTER, '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  if (child.pid === undefined) throw new Error('it does not start');
  endWithRun(child.pid);
  await new Promise<void>((served) => child.stdout?.once('data', () => served()));
  return child.pid;
}

test('problems are reported, by the workers of that task queue alone', async () => {
  const [one, other] = [queue(), queue()];
  let problems: string[] = [];
  const hide = await serveHealth(one, async () => problems);
  const hideOther = await serveHealth(other, async () => ['not asked']);
  expect(await askWorkers(one)).toEqual([{ pid: process.pid, problems: [] }]);
  problems = ['Postgres does not answer within 3 s'];
  expect(await askWorker(one, process.pid)).toEqual({ pid: process.pid, problems });
  await Promise.all([hide(), hideOther()]);
  expect(await askWorkers(one)).toEqual([]);
});

test('one whose servers are slow is not silent', async () => {
  const temporal = queue();
  const hide = await serveHealth(temporal, () => delay(ANSWER_MS + 2000, []));
  const health = await askWorker(temporal, process.pid);
  expect(health?.problems).toHaveLength(1);
  expect(health).not.toHaveProperty('silentSince');
  await hide();
});

test.each<[string, string, (pid: number) => void]>([
  ['is frozen', '', (pid) => process.kill(pid, 'SIGSTOP')],
  ['is in an endless loop', 'for (;;) {}', () => undefined],
])(
  'one that %s is silent since its last sign of life, and is recognised fast from then on',
  async (_, then, act) => {
    const temporal = queue();
    const pid = await serve(temporal, then);
    const from = Date.now();
    act(pid);
    const silent = await eventually('it says nothing', async () => {
      const health = await askWorker(temporal, pid);
      return health?.silentSince === undefined ? null : health;
    });
    expect(Math.abs((silent.silentSince ?? 0) - from)).toBeLessThan(15_000);
    await delay(2000);
    const asked = performance.now();
    const again = await askWorkers(temporal);
    expect(performance.now() - asked).toBeLessThan(ANSWER_MS / 2);
    expect(again).toEqual([{ ...silent, problems: [expect.stringContaining('does not answer')] }]);
  },
  30_000,
);

test('one that is gone is nobody’s trouble, and its socket goes', async () => {
  const temporal = queue();
  const pid = await serve(temporal);
  const child = children.at(-1) as ChildProcess;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  const folder = join(tmpdir(), `sluice-${userInfo().uid}`);
  const socket = readdirSync(folder).find((name) => name.endsWith(`-${pid}.sock`)) ?? '';
  utimesSync(join(folder, socket), 0, 0);
  // After I/O has been looked at and before timers are.
  await new Promise((turn) => setImmediate(turn));
  const asked = askWorker(temporal, pid);
  // Whoever asks is held up itself, for longer than it waits for a silent one.
  for (const until = performance.now() + 700; performance.now() < until; );
  expect(await asked).toBeNull();
  expect(await askWorkers(temporal)).toEqual([]);
});

test('a socket that a killed worker of another queue has left goes when a worker starts, an hour later', async () => {
  const [killed, alive, left] = [queue(), queue(), queue()];
  const folder = join(tmpdir(), `sluice-${userInfo().uid}`);
  const socketOf = (pid: number) => readdirSync(folder).find((name) => name.endsWith(`-${pid}.sock`));
  const pids: number[] = [];
  for (const temporal of [killed, alive, left]) pids.push(await serve(temporal));
  const [gonePid = 0, frozenPid = 0, latePid = 0] = pids;
  const [first, , third] = children.slice(-3) as [ChildProcess, ChildProcess, ChildProcess];
  const gone = [first, third].map((child) => once(child, 'exit'));
  first.kill('SIGKILL');
  third.kill('SIGKILL');
  process.kill(frozenPid, 'SIGSTOP');
  await Promise.all(gone);
  const hourAgo = Date.now() / 1000 - 3700;
  for (const pid of [gonePid, frozenPid]) utimesSync(join(folder, socketOf(pid) ?? ''), hourAgo, hourAgo);
  const hide = await serveHealth(queue(), async () => []);
  expect(socketOf(gonePid)).toBeUndefined();
  // A frozen one may go on, and one that is gone for minutes only is told of by whoever asks.
  expect([socketOf(frozenPid), socketOf(latePid)]).not.toContain(undefined);
  await hide();
});
