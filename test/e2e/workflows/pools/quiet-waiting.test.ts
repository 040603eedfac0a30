/** Whoever waits for a pool leaves it in peace: a vendor that hangs costs the waiting workflows no history. */
import { Runtime } from '@temporalio/worker';
import { countItems } from '../../../../store/batches/items';
import { applyPoolEvent, readPool } from '../../../../store/pools/pools';
import { poolStatusQuery, poolWorkflowId } from '../../../../workflows/messages';
import { eventually } from '../../../support/eventually';
import { type OpenAiStack, startOpenAiStack } from '../../../support/stacks/openai-stack';
import { type FaultyVendor, startFaultyVendor } from '../../../support/vendors/faulty-vendor';

const BATCHES = 5;

let vendor: FaultyVendor;
let stack: OpenAiStack;

beforeAll(async () => {
  vendor = await startFaultyVendor({ kind: 'refuses', status: 503 });
  stack = await startOpenAiStack({
    account: {
      baseUrl: vendor.baseUrl,
      timeoutSeconds: 3,
      pool: { breakerFailures: 2, breakerOpenSeconds: 0.5, probeTimeoutSeconds: 5 },
    },
  });
  await stack.startWorker();
});

afterAll(async () => {
  await stack?.close();
  await vendor?.close();
  await Runtime.instance().shutdown();
});

const eventsOf = async (workflowId: string) =>
  (await stack.client.workflow.getHandle(workflowId).describe()).historyLength;

test('probes that hang cost those who wait a few events each, and all go on when the vendor is well', async () => {
  const ids: number[] = [];
  const workflows: string[] = [];
  for (let n = 0; n < BATCHES; n++) {
    const { id } = await stack.load(2);
    ids.push(id);
    workflows.push((await stack.run(id)).workflowId);
  }
  await eventually(
    'the breaker opens',
    async () => (await readPool(stack.db, stack.pool))?.state.state === 'open',
  );
  vendor.behavior = { kind: 'hangs' };
  const pool = stack.client.workflow.getHandle(poolWorkflowId(stack.pool));
  await eventually('a probe hangs', () => vendor.hanging() === 1);
  await eventually(
    'the others wait',
    async () => (await pool.query(poolStatusQuery)).waiting.length >= BATCHES - 2,
  );
  const before = await Promise.all(workflows.map(eventsOf));
  const calls = vendor.calls();
  await new Promise((later) => setTimeout(later, 12_000));
  const grown = (await Promise.all(workflows.map(eventsOf))).map((n, i) => n - (before[i] ?? 0));
  const probes = vendor.calls() - calls;
  expect(probes).toBeGreaterThanOrEqual(1);
  // A probe and the waits around it are some 25 events, made by one workflow at a time.
  expect(grown.reduce((sum, n) => sum + n, 0)).toBeLessThan(30 * (probes + 1) + 10 * BATCHES);

  vendor.behavior = { kind: 'well' };
  for (const id of ids) {
    await eventually('it is done', async () => (await countItems(stack.db, id)).done === 2);
  }
});

test('a pool whose workflow never got the signal of its pause wakes nobody before the pause is over', async () => {
  // As it is when the signal of a refusal is lost with its worker: Postgres knows, the workflow does not.
  const pool = stack.client.workflow.getHandle(poolWorkflowId(stack.pool));
  await eventually(
    'the pool is well',
    async () => (await pool.query(poolStatusQuery)).state.state === 'closed',
  );
  const { after } = await applyPoolEvent(stack.db, stack.pool, {
    type: 'quota',
    epoch: (await readPool(stack.db, stack.pool))?.state.epoch ?? 0,
    statedWaitMs: 6_000,
    reason: 'a quota nobody announced',
    evidence: { vendor: 'openai', account: stack.account, operation: 'createResponse', message: 'wait' },
    jitter: 0,
  });
  const { id } = await stack.load(2);
  const { workflowId } = await stack.run(id);
  await eventually(
    'the pool has heard',
    async () => (await pool.query(poolStatusQuery)).state.until === after.until,
  );
  await eventually('it is done', async () => (await countItems(stack.db, id)).done === 2);
  expect(await eventsOf(workflowId)).toBeLessThan(70);
});
