/**
 * Postgres goes away while answers are on their way. Nothing that was paid for is lost or asked for again, and a refusal
 * that came meanwhile stops everybody once it is back. Short here; SLUICE_LONG=1 keeps it away for three
 * minutes, SLUICE_AWAY_MS for any other time.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Runtime } from '@temporalio/worker';
import { countItems } from '../../store/batches/items';
import { readPool } from '../../store/pools/pools';
import { eventually } from '../support/eventually';
import { type BreakableProxy, startBreakableProxy } from '../support/network/breakable-proxy';
import { longOr } from '../support/run/long';
import { type OpenAiStack, startOpenAiStack } from '../support/stacks/openai-stack';
import { type FaultyVendor, startFaultyVendor } from '../support/vendors/faulty-vendor';

const AWAY_MS = Number(process.env.SLUICE_AWAY_MS ?? longOr(180_000, 7_000));
const ITEMS = 40;

jest.setTimeout(AWAY_MS + 180_000);

let vendor: FaultyVendor;
let stack: OpenAiStack;
let proxy: BreakableProxy;
let spoolDir: string;

beforeAll(async () => {
  spoolDir = mkdtempSync(join(tmpdir(), 'spool-'));
  vendor = await startFaultyVendor({ kind: 'well', afterMs: 1500 });
  stack = await startOpenAiStack({
    account: { baseUrl: vendor.baseUrl, concurrency: { min: 20, max: 20 }, pool: { breakerFailures: 1000 } },
  });
  const { host } = new URL(stack.databaseUrl);
  proxy = await startBreakableProxy(host);
});

afterAll(async () => {
  await stack?.close();
  await proxy?.close();
  await vendor?.close();
  await Runtime.instance().shutdown();
  rmSync(spoolDir, { recursive: true, force: true });
});

const throughProxy = () => {
  const url = new URL(stack.databaseUrl);
  url.host = proxy.address;
  return { databaseUrl: url.toString(), spoolDir };
};

const spooled = () =>
  existsSync(spoolDir)
    ? readdirSync(spoolDir, { recursive: true }).filter((name) => String(name).endsWith('.entry'))
    : [];

async function calledTwenty(before: number): Promise<void> {
  await eventually('calls are in flight', () => vendor.calls() >= before + 20);
}

test('answers that come while it is away are stored when it is back, and no item is called twice', async () => {
  const worker = await stack.startWorker(throughProxy());
  const { id } = await stack.load(ITEMS);
  await stack.run(id);
  // The first call goes alone.
  await calledTwenty(1);
  proxy.cut();
  await eventually('the answers are on disk', () => spooled().length > 0);
  await new Promise((later) => setTimeout(later, AWAY_MS));
  proxy.restore();
  await eventually('all is done', async () => (await countItems(stack.db, id)).done === ITEMS);
  expect(vendor.calls()).toBe(ITEMS);
  expect(spooled()).toEqual([]);
  await worker.stop();
});

test('a worker that ends meanwhile leaves them to the next one', async () => {
  const before = vendor.calls();
  const worker = await stack.startWorker(throughProxy());
  const { id } = await stack.load(ITEMS);
  await stack.run(id);
  await calledTwenty(before + 1);
  proxy.cut();
  await worker.stop();
  const kept = spooled().length;
  proxy.restore();
  const next = await stack.startWorker(throughProxy());
  await eventually('all is done', async () => (await countItems(stack.db, id)).done === ITEMS);
  expect(kept).toBeGreaterThan(0);
  expect(vendor.calls() - before).toBe(ITEMS);
  await next.stop();
});

test('a refusal that comes while it is away closes the pool before the next call', async () => {
  const before = vendor.calls();
  const worker = await stack.startWorker(throughProxy());
  vendor.behavior = { kind: 'spent', afterMs: 1500 };
  const { id } = await stack.load(5);
  await stack.run(id);
  await eventually('the call is on its way', () => vendor.calls() > before);
  proxy.cut();
  await new Promise((later) => setTimeout(later, 4_000));
  const calls = vendor.calls();
  proxy.restore();
  await eventually(
    'the pool is held',
    async () => (await readPool(stack.db, stack.pool))?.state.state === 'held',
  );
  expect(vendor.calls()).toBe(calls);
  await worker.stop();
});
