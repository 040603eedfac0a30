/** A process that is busy itself takes no server for silent. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { accepts, speaks } from '../../../temporal/connection-trouble';
import { afterFreeTime } from '../../../temporal/free-time';

const NO_TLS = { enabled: false, caFile: null, certFile: null, keyFile: null, serverName: null };

let thread: Worker | null = null;

/** A server in a thread of its own, which answers while this one is busy. @returns its address. */
async function serverThat(answers: boolean): Promise<string> {
  thread = new Worker(
    `const { createServer } = require('node:net');
     const { parentPort } = require('node:worker_threads');
     const server = createServer((socket) => {
       socket.on('error', () => {}).on('data', () => ${answers} && setTimeout(() => socket.write('words'), 50));
     });
     server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
    { eval: true },
  );
  const [port] = (await once(thread, 'message')) as [number];
  return `127.0.0.1:${port}`;
}

afterEach(async () => {
  await thread?.terminate();
  thread = null;
});

/** Keeps the event loop from turning, ms; then what is due by its timers comes before what has arrived. */
function block(ms: number): Promise<void> {
  return new Promise((resolve) =>
    setImmediate(() => {
      const end = performance.now() + ms;
      while (performance.now() < end);
      resolve();
    }),
  );
}

test('what comes while the process is busy for longer than the time is read before the time is over', async () => {
  const order: string[] = [];
  thread = new Worker(
    `const { parentPort } = require('node:worker_threads');
     parentPort.once('message', () => setTimeout(() => parentPort.postMessage('word'), 50));
     parentPort.postMessage('up');`,
    { eval: true },
  );
  await once(thread, 'message');
  const came = once(thread, 'message').then(() => order.push('word'));
  const over = new Promise<void>((resolve) => {
    afterFreeTime(200, () => {
      order.push('over');
      resolve();
    });
  });
  thread.postMessage('go');
  await block(800);
  await Promise.all([came, over]);
  expect(order).toEqual(['word', 'over']);
});

test('a server that answers a busy process speaks; one that takes connections alone does not', async () => {
  const address = await serverThat(true);
  const asked = speaks(address, NO_TLS, 300);
  await delay(10);
  await block(1_000);
  expect(await asked).toBe(true);
  await thread?.terminate();

  const silent = await serverThat(false);
  expect(await speaks(silent, NO_TLS, 300)).toBe(false);
  expect(await accepts(silent)).toBe(true);
  await thread?.terminate();
  expect(await accepts(silent)).toBe(false);
});

test('what is cancelled is not called', async () => {
  let calls = 0;
  const cancel = afterFreeTime(20, () => calls++);
  cancel();
  await delay(100);
  expect(calls).toBe(0);
});
