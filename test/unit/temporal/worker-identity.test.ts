import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hasEnded, workerIdentity } from '../../../temporal/worker-identity';

test('a worker of this machine has ended when its process has', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const name = workerIdentity(child.pid);
  expect(hasEnded(name)).toBe(false);
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  expect(hasEnded(name)).toBe(true);
});

test('another process that has got the pid since is not the worker', () => {
  const name = workerIdentity();
  expect(hasEnded(name)).toBe(false);
  expect(hasEnded(name.replace(/started=.*/, 'started=1@other'))).toBe(true);
});

test.each([
  ['one on another host', workerIdentity(2 ** 22 + 1).replace(/@\S+/, '@elsewhere')],
  ['one in a container that shares the host name', workerIdentity(2 ** 22 + 1).replace(/pids=\S+/, 'pids=1')],
  ['a name that is not ours', '4194305@elsewhere'],
  ['no name', ''],
])('nothing is known of %s', (_, name) => {
  expect(hasEnded(name)).toBe(false);
});
