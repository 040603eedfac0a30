/**
 * While all slots of one kind of work are held by answers that do not come, commands and operators' orders go on.
 * How fast they are beside a hundred batches is measured by bench/bulkheads.ts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { startCommand, storeCommand } from '../../../client/operations/fleet/commands';
import { readPool } from '../../../store/pools/pools';
import { pauseSignal, poolWorkflowId, resumeSignal } from '../../../workflows/messages';
import { eventually } from '../../support/eventually';
import { uniqueName } from '../../support/stacks/embedded';
import { type Gps51Stack, startGps51Stack } from '../../support/stacks/gps51-stack';
import { loadBatch, startBatch } from '../../support/stacks/openai-stack';
import { type FaultyVendor, startFaultyVendor } from '../../support/vendors/faulty-vendor';

const SLOTS = 4;
const IN_LINE = 2;
/** What waited for the slots of others would wait for ever: `bench:bulkheads` measures how long these take. */
const COMMAND_MS = 60_000;
const SIGNAL_MS = 30_000;
const TEXTS = uniqueName('slow');

let vendor: FaultyVendor;
let stack: Gps51Stack;

beforeAll(async () => {
  vendor = await startFaultyVendor({ kind: 'hangs' });
  const texts = { vendor: 'openai', baseUrl: vendor.baseUrl, apiKey: 'env:TEST_FLEET_PASSWORD' };
  stack = await startGps51Stack({ accounts: { [TEXTS]: texts } });
  await stack.startWorker({ slots: { texts: SLOTS } });
  for (let i = 0; i < SLOTS + IN_LINE; i++) {
    const { id } = await loadBatch(stack.db, TEXTS, 3);
    await startBatch(stack.client, stack.settings.temporal.taskQueue, id, `hanging-${stack.account}-${i}`);
  }
  await eventually('all slots are held', () => vendor.hanging() === SLOTS);
});
afterAll(async () => {
  // What hangs is answered: the worker brings its calls home before it ends.
  await vendor.close();
  await stack.close();
});

/** No slot has come free meanwhile, nor was there a further one. */
function expectHeld(): void {
  expect(vendor.hanging()).toBe(SLOTS);
  expect(vendor.calls()).toBe(SLOTS);
}

test('a command is under way within five seconds', async () => {
  const { simulator, client, db, settings, account } = stack;
  const ask = async (path: string) => (await fetch(`${simulator.url}/_sim/${path}`)).json();
  const [{ id: device }] = (await ask('devices')) as [{ id: string }];
  let n = 0;
  const commandMs = async () => {
    const code = `HELD-${n++}`;
    const began = performance.now();
    const command = await storeCommand(db, {
      ...{ account, requestId: null, device, code, params: [], repeatable: false },
      ...{ timeoutMs: 60_000, waitForPool: false, askedBy: 'test' },
    });
    await startCommand(client, db, settings, command);
    await eventually('it is at the vendor', async () => {
      const { commands } = (await ask(`commands?code=${code}`)) as { commands: unknown[] };
      return commands.length === 1;
    });
    return performance.now() - began;
  };
  expect(await commandMs()).toBeLessThanOrEqual(COMMAND_MS);
  expectHeld();
});

test('a pause of the pool that holds them acts soon, and so does its end', async () => {
  const pool = `openai/${TEXTS}`;
  const handle = stack.client.workflow.getHandle(poolWorkflowId(pool));
  const until = async (state: string, order: () => Promise<void>) => {
    const began = performance.now();
    await order();
    await eventually(`the pool is ${state}`, async () => {
      const { state: now } = (await readPool(stack.db, pool)) ?? {};
      return (now?.state === 'held') === (state === 'held');
    });
    return performance.now() - began;
  };
  const orderMs = async () => {
    const paused = await until('held', () => handle.signal(pauseSignal, { reason: 'stock-taking' }));
    const resumed = await until('open again', () => handle.signal(resumeSignal));
    await delay(50);
    return Math.max(paused, resumed);
  };
  expect(await orderMs()).toBeLessThanOrEqual(SIGNAL_MS);
  expectHeld();
});
