/** What ought to run and does not is reported, and what a worker can start again it starts. */
import { Runtime } from '@temporalio/worker';
import {
  failingWorkflows,
  strandedBatches,
  waitingTasks,
} from '../../../../../client/operations/diagnosis/troubles';
import { countItems } from '../../../../../store/batches/items';
import { applyPoolEvent, readPool } from '../../../../../store/pools/pools';
import { poolWorkflowId } from '../../../../../workflows/messages';
import { eventually } from '../../../../support/eventually';
import { uniqueName } from '../../../../support/stacks/embedded';
import { type OpenAiStack, startOpenAiStack } from '../../../../support/stacks/openai-stack';

let stack: OpenAiStack;

beforeAll(async () => {
  stack = await startOpenAiStack({
    scenario: { latencyMs: { min: 300, max: 400 } },
    account: { concurrency: { min: 2, max: 2 } },
  });
});

afterAll(async () => {
  await stack?.close();
  await Runtime.instance().shutdown();
});

test('tasks that no worker takes are reported, with what frees them', async () => {
  const { id } = await stack.load(1);
  await stack.run(id);
  const [waiting] = await eventually('it is reported', async () => {
    const found = await waitingTasks(stack.client, stack.settings);
    return found.length > 0 && found;
  });
  expect(waiting).toMatchObject({ what: `task queue ${stack.settings.temporal.taskQueue}` });
  expect(waiting?.why).toMatch(/workflow tasks wait, the oldest for .*no worker asks for them/);
});

test('a batch whose workflow was terminated is reported, and a worker goes on with what is left', async () => {
  const { id } = await stack.load(30);
  const { workflowId } = await stack.run(id);
  await stack.client.workflow.getHandle(workflowId).terminate('by hand');
  await stack.db.query(`update batches set created_at = created_at - interval '1 minute' where id = $1`, [
    id,
  ]);
  const [stranded] = await strandedBatches(stack.client, stack.db);
  expect(stranded).toMatchObject({
    what: `batch ${id}`,
    why: 'it is to run, and its workflow was terminated',
    since: expect.any(Number),
  });

  const worker = await stack.startWorker({ watch: { everyMs: 200, minAgeMs: 30_000 } });
  await eventually('all is done', async () => (await countItems(stack.db, id)).done === 30);
  const { rows } = await stack.db.query(`select data from events where kind = 'batch.restarted'`);
  expect(rows).toMatchObject([{ data: { batch: id } }]);
  expect(await strandedBatches(stack.client, stack.db)).toEqual([]);

  // The same for the workflow of a pool that holds calls up.
  await applyPoolEvent(stack.db, stack.pool, { type: 'pause', reason: 'a look', until: null });
  await stack.client.workflow.getHandle(poolWorkflowId(stack.pool)).terminate('by hand');
  await eventually('it runs again', async () => {
    const { status } = await stack.client.workflow.getHandle(poolWorkflowId(stack.pool)).describe();
    return status.name === 'RUNNING';
  });
  expect((await readPool(stack.db, stack.pool))?.state.state).toBe('held');

  // And a workflow whose own tasks fail is reported by name.
  const unknown = await stack.client.workflow.start('no-such-workflow', {
    workflowId: uniqueName('odd'),
    taskQueue: stack.settings.temporal.taskQueue,
  });
  const reported = await eventually('it is reported', async () =>
    (await failingWorkflows(stack.client, stack.settings)).find(({ what }) => what === unknown.workflowId),
  );
  expect(reported.why).toMatch(/its workflow task fails, for the \d+th time/);
  await unknown.terminate();
  await worker.stop();
});
