import { Runtime } from '@temporalio/worker';
import { coverage } from '../../../../store/datasets/ledger';
import { listEvents } from '../../../../store/events/events';
import { readPool } from '../../../../store/pools/pools';
import { workStatusQuery } from '../../../../workflows/messages';
import type { BackfillInput, backfill } from '../../../../workflows/reports/backfill';
import { callsSeen, SALES_QUERY, trueSales } from '../../../support/callers/vendor-view';
import { eventually } from '../../../support/eventually';
import { lastHours } from '../../../support/stacks/due-hours';
import { uniqueName } from '../../../support/stacks/embedded';
import { DATASET, type Stack, startStack } from '../../../support/stacks/stack';

let stack: Stack | null = null;

afterEach(async () => {
  await stack?.close();
  stack = null;
});

afterAll(() => Runtime.instance().shutdown());

function start(s: Stack, span: { from: number; to: number }, chunkHours = 6) {
  const input: BackfillInput = {
    dataset: DATASET,
    account: s.account,
    purpose: 'backfill',
    ...span,
    chunkHours,
    priority: null,
  };
  return s.client.workflow.start<typeof backfill>('backfill', {
    workflowId: uniqueName('backfill'),
    taskQueue: s.settings.temporal.taskQueue,
    args: [input],
  });
}

test('a backfill fills every window once and never breaks the vendor’s limits', async () => {
  stack = await startStack();
  await stack.startWorker();
  const span = lastHours(30 * 6);
  const handle = await start(stack, span);
  const summary = await handle.result();
  expect(summary).toMatchObject({ chunks: 30, done: 30, failed: 0 });

  const filled = await coverage(stack.db, 1, span, Date.now());
  expect(filled).toMatchObject({ windows: 30, gaps: [], requested: 0, failed: 0 });
  const { rows } = await stack.db.query(SALES_QUERY);
  expect(rows).toEqual(await trueSales(stack.simulator.url, stack.account, span));
  const calls = await callsSeen(stack.simulator.url);
  expect(calls.filter((c) => c.operation === 'createReport')).toHaveLength(30);
  expect(calls.filter((c) => c.status === 429)).toEqual([]);
});

test('a quota refusal stops every call until the cooldown ends, then one probe, then all', async () => {
  stack = await startStack({ account: { pool: { cooldownMinutes: 0.08 } } });
  await stack.startWorker();
  const handle = await start(stack, lastHours(20 * 6));
  await eventually('some are done', async () => (await handle.query(workStatusQuery)).chunksDone >= 5);
  stack.simulator.control({ quota: { operation: '*', account: '*', forMs: 3000 } });
  const summary = await handle.result();
  expect(summary).toMatchObject({ chunks: 20, done: 20, failed: 0 });
  // The pause is over when a busy machine comes to look at it: what was recorded of it stays.
  const events = await listEvents(stack.db, { pool: stack.pool, limit: 100 });
  const [paused] = events.filter(({ kind }) => kind === 'pool.quota_paused').reverse();
  expect(paused?.data.strikes).toBe(1);

  const calls = await callsSeen(stack.simulator.url);
  const until = Number(paused?.data.until);
  const since = Number(paused?.at);
  const during = calls.filter((c) => c.t > since + 50 && c.t < until);
  expect(during).toEqual([]);
  const created = calls.filter((c) => c.operation === 'createReport' && c.status === 202);
  expect(created).toHaveLength(20);
  expect((await readPool(stack.db, stack.pool))?.state.state).toBe('closed');
});
