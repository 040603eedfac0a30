/** A budget that is spent: whom it holds, what it costs, and what an operator sees of it. */
import { setTimeout as delay } from 'node:timers/promises';
import { Runtime } from '@temporalio/worker';
import { countItems } from '../../store/batches';
import { listEvents } from '../../store/events';
import { readPool } from '../../store/pools';
import { poolWorkflowId, resumeSignal } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { type OpenAiStack, startOpenAiStack } from '../support/openai-stack';
import { callsSeen } from '../support/vendor-view';

const MOST_IN_FLIGHT = 20;

let stack: OpenAiStack;
let siblingPool: string;

beforeEach(async () => {
  const account = { concurrency: { min: 4, max: MOST_IN_FLIGHT } };
  stack = await startOpenAiStack({
    scenario: { latencyMs: { min: 50, max: 100 } },
    account,
    sibling: account,
  });
  siblingPool = `openai/${stack.sibling}`;
  await stack.startWorker();
});

afterEach(() => stack.close());

afterAll(() => Runtime.instance().shutdown());

async function refusals(project: string) {
  const calls = await callsSeen(stack.simulator.url);
  return calls.filter((c) => c.account === project && c.status === 429);
}

const stateOf = async (pool: string) => (await readPool(stack.db, pool))?.state;

async function held(pool: string) {
  return eventually(`${pool} is held`, async () => {
    const state = await stateOf(pool);
    return state?.state === 'held' ? state : null;
  });
}

/** What was told of a pool that is held. */
async function alerts(pool: string) {
  const events = await listEvents(stack.db, { pool, limit: 100 });
  return events.filter((e) => e.kind === 'pool.held');
}

async function attempts(batchId: number): Promise<number> {
  const { rows } = await stack.db.query<{ n: number }>(
    'select coalesce(sum(attempts), 0) as n from batch_items where batch_id = $1',
    [batchId],
  );
  return rows[0]?.n ?? Number.NaN;
}

async function someDone(batchId: number, n: number): Promise<void> {
  await eventually('some are done', async () => (await countItems(stack.db, batchId)).done > n);
}

function resume(pool: string): Promise<void> {
  return stack.client.workflow.getHandle(poolWorkflowId(pool)).signal(resumeSignal);
}

test('a project’s spend limit holds that project until an operator resumes, and no other', async () => {
  const mine = await stack.load(300);
  const theirs = await stack.load(150, { account: stack.sibling });
  const [run, other] = await Promise.all([stack.run(mine.id), stack.run(theirs.id)]);
  await Promise.all([someDone(mine.id, 20), someDone(theirs.id, 20)]);
  stack.simulator.control({
    addErrors: [{ id: 'spent', code: 'project_spend_limit_exceeded', project: 'bios' }],
  });
  const state = await held(stack.pool);
  expect(state).toMatchObject({ until: null, evidence: { code: 'project_spend_limit_exceeded' } });
  expect(await other.result()).toMatchObject({ done: 150, failed: 0 });
  expect(await stateOf(siblingPool)).toMatchObject({ state: 'closed' });
  expect(await refusals('other')).toEqual([]);

  // One alert, though many were on the way; no item has paid for it with an attempt.
  await eventually('nothing in flight', async () => (await countItems(stack.db, mine.id)).running === 0);
  const refused = (await refusals('bios')).length;
  expect(refused).toBeLessThanOrEqual(MOST_IN_FLIGHT);
  await delay(1000);
  expect(await refusals('bios')).toHaveLength(refused);
  expect(await alerts(stack.pool)).toHaveLength(1);
  expect(await alerts(siblingPool)).toEqual([]);
  expect(await attempts(mine.id)).toBe(0);

  stack.simulator.control({ clearErrors: ['spent'] });
  await resume(stack.pool);
  expect(await run.result()).toMatchObject({ done: 300, failed: 0 });
  expect(await attempts(mine.id)).toBe(0);
});

test('an organization’s limit holds each of its projects by that project’s own refusal: one call of one that was idle', async () => {
  const mine = await stack.load(200);
  const run = await stack.run(mine.id);
  await someDone(mine.id, 10);
  stack.simulator.control({ addErrors: [{ id: 'spent', code: 'organization_spend_limit_exceeded' }] });
  await held(stack.pool);

  const theirs = await stack.load(50, { account: stack.sibling });
  const other = await stack.run(theirs.id);
  await held(siblingPool);
  await eventually('nothing in flight', async () => (await countItems(stack.db, theirs.id)).running === 0);
  expect(await refusals('other')).toHaveLength(1);
  expect(await alerts(siblingPool)).toHaveLength(1);
  expect(await attempts(mine.id)).toBe(0);
  expect(await attempts(theirs.id)).toBe(0);

  stack.simulator.control({ clearErrors: ['spent'] });
  await Promise.all([resume(stack.pool), resume(siblingPool)]);
  expect(await run.result()).toMatchObject({ done: 200, failed: 0 });
  expect(await other.result()).toMatchObject({ done: 50, failed: 0 });
});
