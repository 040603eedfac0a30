/**
 * Postgres goes away while answers are on their way. Nothing that was paid for is lost or asked for again, and a refusal
 * that came meanwhile stops everybody once it is back. Short here; SLUICE_LONG=1 keeps it away for three
 * minutes, SLUICE_AWAY_MS for any other time.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Runtime } from '@temporalio/worker';
import { countItems } from '../../store/batches/batches';
import { readPool } from '../../store/pools/pools';
import { type Cable, startCable } from '../support/cable';
import { eventually } from '../support/eventually';
import { longOr } from '../support/long';
import { type MoodyVendor, startMoodyVendor } from '../support/moody-vendor';
import { type OpenAiStack, startOpenAiStack } from '../support/openai-stack';

const AWAY_MS = Number(process.env.SLUICE_AWAY_MS ?? longOr(180_000, 7_000));
const ITEMS = 40;

jest.setTimeout(AWAY_MS + 180_000);

let vendor: MoodyVendor;
let stack: OpenAiStack;
let cable: Cable;
let spoolDir: string;

beforeAll(async () => {
  spoolDir = mkdtempSync(join(tmpdir(), 'spool-'));
  vendor = await startMoodyVendor({ kind: 'well', afterMs: 1500 });
  stack = await startOpenAiStack({
    account: { baseUrl: vendor.baseUrl, concurrency: { min: 20, max: 20 }, pool: { breakerFailures: 1000 } },
  });
  const { host } = new URL(stack.databaseUrl);
  cable = await startCable(host);
});

afterAll(async () => {
  await stack?.close();
  await cable?.close();
  await vendor?.close();
  await Runtime.instance().shutdown();
  rmSync(spoolDir, { recursive: true, force: true });
});

const throughCable = () => {
  const url = new URL(stack.databaseUrl);
  url.host = cable.address;
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
  const worker = await stack.startWorker(throughCable());
  const { id } = await stack.load(ITEMS);
  await stack.run(id);
  // The first call goes alone.
  await calledTwenty(1);
  cable.pull();
  await eventually('the answers are on disk', () => spooled().length > 0, 30_000);
  await new Promise((later) => setTimeout(later, AWAY_MS));
  cable.mend();
  await eventually('all is done', async () => (await countItems(stack.db, id)).done === ITEMS, 90_000);
  expect(vendor.calls()).toBe(ITEMS);
  expect(spooled()).toEqual([]);
  await worker.stop();
});

test('a worker that ends meanwhile leaves them to the next one', async () => {
  const before = vendor.calls();
  const worker = await stack.startWorker(throughCable());
  const { id } = await stack.load(ITEMS);
  await stack.run(id);
  await calledTwenty(before + 1);
  cable.pull();
  await worker.stop();
  const kept = spooled().length;
  cable.mend();
  const next = await stack.startWorker(throughCable());
  await eventually('all is done', async () => (await countItems(stack.db, id)).done === ITEMS, 90_000);
  expect(kept).toBeGreaterThan(0);
  expect(vendor.calls() - before).toBe(ITEMS);
  await next.stop();
});

test('a refusal that comes while it is away closes the pool before the next call', async () => {
  const before = vendor.calls();
  const worker = await stack.startWorker(throughCable());
  vendor.mood = { kind: 'spent', afterMs: 1500 };
  const { id } = await stack.load(5);
  await stack.run(id);
  await eventually('the call is on its way', () => vendor.calls() > before);
  cable.pull();
  await new Promise((later) => setTimeout(later, 4_000));
  const calls = vendor.calls();
  cable.mend();
  await eventually(
    'the pool is held',
    async () => (await readPool(stack.db, stack.pool))?.state.state === 'held',
  );
  expect(vendor.calls()).toBe(calls);
  await worker.stop();
});
