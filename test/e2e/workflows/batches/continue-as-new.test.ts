/** A batch that runs for very long goes on in a new history, with all that it knows. */
import { Runtime } from '@temporalio/worker';
import type { PageOutcome } from '../../../../activities/batches/types';
import { readBatch } from '../../../../store/batches/batches';
import { countItems } from '../../../../store/batches/items';
import type { BatchInput, batch } from '../../../../workflows/batches/batch';
import { batchStatusQuery, batchWorkflowId, pauseSignal, resumeSignal } from '../../../../workflows/messages';
import { callsSeen } from '../../../support/callers/vendor-view';
import { eventually } from '../../../support/eventually';
import { runsOf } from '../../../support/runs';
import { type OpenAiStack, resultsOf, startOpenAiStack } from '../../../support/stacks/openai-stack';

const ITEMS = 600;
const FAILURES = 15;
const PAUSES = 3;
const EVENTS = 12;

let stack: OpenAiStack;

beforeAll(async () => {
  stack = await startOpenAiStack({
    scenario: {
      latencyMs: { min: 40, max: 80 },
      faults: [{ kind: 'status', operation: 'createResponse', status: 500, count: FAILURES, skip: 40 }],
    },
    account: { concurrency: { min: 2, max: 16 }, pool: { breakerFailures: 1000 } },
  });
  await stack.startWorker();
});

afterAll(async () => {
  await stack?.close();
  await Runtime.instance().shutdown();
});

test('concurrency, an operator’s pause and the times of retries outlive the change of histories', async () => {
  const { id } = await stack.load(ITEMS);
  const handle = await stack.client.workflow.start<typeof batch>('batch', {
    workflowId: batchWorkflowId('openai/bios', stack.account, id),
    taskQueue: stack.settings.temporal.taskQueue,
    args: [{ batchId: id, eventsBeforeContinue: EVENTS }],
  });
  const latest = stack.client.workflow.getHandle<typeof batch>(handle.workflowId);
  for (let pause = 1; pause <= PAUSES; pause++) {
    const share = (pause / (PAUSES + 1)) * ITEMS;
    await eventually('some are done', async () => (await countItems(stack.db, id)).done > share);
    await latest.signal(pauseSignal, { reason: `look ${pause}` });
    await eventually('paused', async () => (await readBatch(stack.db, id))?.reason === `look ${pause}`);
    await eventually('nothing in flight', async () => (await countItems(stack.db, id)).running === 0);
    expect(await latest.query(batchStatusQuery)).toMatchObject({ phase: 'paused', detail: `look ${pause}` });
    await latest.signal(resumeSignal);
  }
  expect(await handle.result()).toEqual({ items: ITEMS, done: ITEMS, failed: 0, cancelled: false });

  const runs = await runsOf<BatchInput>(stack.client, handle.workflowId, handle.firstExecutionRunId);
  expect(runs.length).toBeGreaterThanOrEqual(2);
  const concurrency = runs.map(
    ({ results }) => (results as (PageOutcome | null)[]).findLast((r) => r && 'end' in r)?.concurrency,
  );
  expect(runs.slice(1).map((run) => run.input)).toEqual(
    concurrency.slice(0, -1).map((n) => ({ batchId: id, concurrency: n, eventsBeforeContinue: EVENTS })),
  );
  expect(Math.max(...concurrency.map(Number))).toBeGreaterThan(2);

  // What failed was asked again, and nothing that had succeeded.
  const calls = (await callsSeen(stack.simulator.url)).filter((c) => c.operation === 'createResponse');
  expect(calls.filter((c) => c.status === 500)).toHaveLength(FAILURES);
  expect(calls.filter((c) => c.status === 200)).toHaveLength(ITEMS);
  const { rows } = await stack.db.query('select sum(attempts) n from batch_items where batch_id = $1', [id]);
  expect(rows[0].n).toBe(FAILURES);
  expect(await resultsOf(stack.db, id)).toHaveLength(ITEMS);
});
