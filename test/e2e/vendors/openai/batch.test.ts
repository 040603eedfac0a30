import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import { readBatch } from '../../../../store/batches/batches';
import { countItems } from '../../../../store/batches/items';
import { listEvents } from '../../../../store/events/events';
import { listLimits } from '../../../../store/permits/permits';
import { readPool } from '../../../../store/pools/pools';
import { batchStatusQuery, cancelSignal, pauseSignal, resumeSignal } from '../../../../workflows/messages';
import { callsSeen } from '../../../support/callers/vendor-view';
import { eventually } from '../../../support/eventually';
import {
  type OpenAiStack,
  resultsOf,
  STEADY_DAY,
  startOpenAiStack,
} from '../../../support/stacks/openai-stack';

let stack: OpenAiStack | null = null;

afterEach(async () => {
  await stack?.close();
  stack = null;
});

afterAll(() => Runtime.instance().shutdown());

async function texts(s: OpenAiStack) {
  return (await callsSeen(s.simulator.url)).filter((c) => c.operation === 'createResponse');
}

/** What Temporal bills: the start, activities and each retry of one, timers and signals. */
async function actionsOf(handle: Pick<WorkflowHandle, 'fetchHistory'>): Promise<number> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).reduce((sum, e) => {
    const retries = Math.max(0, (e.activityTaskStartedEventAttributes?.attempt ?? 1) - 1);
    const billed =
      e.workflowExecutionStartedEventAttributes ??
      e.activityTaskScheduledEventAttributes ??
      e.timerStartedEventAttributes ??
      e.workflowExecutionSignaledEventAttributes;
    return sum + retries + (billed ? 1 : 0);
  }, 0);
}

async function alertLevels(s: OpenAiStack) {
  const events = await listEvents(s.db, { pool: s.pool, limit: 100 });
  return events
    .filter((e) => e.kind === 'quota.alert')
    .map((e) => e.data.level)
    .reverse();
}

test('1,000 items: one call and one result each, none refused, in a few Temporal actions', async () => {
  stack = await startOpenAiStack({ scenario: { requestsPerMinute: 6000, tokensPerMinute: 10_000_000 } });
  await stack.startWorker();
  const { id } = await stack.load(1000);
  const handle = await stack.run(id);
  expect(await handle.result()).toEqual({ items: 1000, done: 1000, failed: 0, cancelled: false });

  const results = await resultsOf(stack.db, id);
  expect(results.map((r) => r.externalId)).toEqual(Array.from({ length: 1000 }, (_, n) => `id-${n}`));
  expect(results.every((r) => r.state === 'done' && (r.result?.text.length ?? 0) > 100)).toBe(true);
  const calls = await texts(stack);
  expect(calls).toHaveLength(1000);
  expect(calls.filter((c) => c.status !== 200)).toEqual([]);
  expect(await actionsOf(handle)).toBeLessThanOrEqual(60);
});

test('1,000 items through a quota pause and an operator’s: still a few Temporal actions, the pool’s included', async () => {
  stack = await startOpenAiStack({ scenario: { requestsPerMinute: 12_000, tokensPerMinute: 20_000_000 } });
  await stack.startWorker();
  const { id } = await stack.load(1000);
  const handle = await stack.run(id);
  const pool = stack.client.workflow.getHandle(`pool:${stack.pool}`);
  await eventually('some are done', async () => stack && (await countItems(stack.db, id)).done > 200);
  stack.simulator.control({ addErrors: [{ id: 'quota', code: 'insufficient_quota' }] });
  await eventually(
    'held',
    async () => stack && (await readPool(stack.db, stack.pool))?.state.state === 'held',
  );
  stack.simulator.control({ clearErrors: ['quota'] });
  await pool.signal(resumeSignal);
  await eventually('it goes on', async () => stack && (await countItems(stack.db, id)).done > 500);
  await handle.signal(pauseSignal, { reason: 'a look at the texts' });
  await eventually('paused', async () => stack && (await readBatch(stack.db, id))?.state === 'paused');
  await handle.signal(resumeSignal);
  expect(await handle.result()).toMatchObject({ done: 1000, failed: 0 });
  const actions = (await actionsOf(handle)) + (await actionsOf(pool));
  expect(actions).toBeLessThanOrEqual(60);
  expect((await texts(stack)).filter((c) => c.status === 200)).toHaveLength(1000);
});

test('requests and tokens are kept together: a small token limit paces the calls, and none is refused', async () => {
  // 300 tokens of output are reserved a call: some 20 calls a second, after the first 100.
  stack = await startOpenAiStack({
    scenario: { requestsPerMinute: 60_000, tokensPerMinute: 400_000, burstSeconds: 5 },
    account: { limits: { tokens: { ratePerSecond: 400_000 / 60, burst: 33_000 } } },
  });
  await stack.startWorker();
  const { id } = await stack.load(250);
  const handle = await stack.run(id);
  expect(await handle.result()).toMatchObject({ done: 250, failed: 0 });
  const calls = await texts(stack);
  expect(calls.filter((c) => c.status === 429)).toEqual([]);
  expect(calls).toHaveLength(250);
});

test('a content error is final for its item alone, with the vendor’s words as evidence', async () => {
  stack = await startOpenAiStack({ scenario: { text: { contentFilterMarker: 'FORBIDDEN' } } });
  await stack.startWorker();
  const { id } = await stack.load(30, {}, (n) => (n % 10 === 3 ? `FORBIDDEN ${n}` : `Artist ${n}`));
  const handle = await stack.run(id);
  expect(await handle.result()).toMatchObject({ done: 27, failed: 3 });
  const bad = (await resultsOf(stack.db, id)).filter((r) => r.state === 'failed');
  expect(bad.map((r) => r.seq)).toEqual([3, 13, 23]);
  expect(bad[0]?.evidence).toMatchObject({ kind: 'invalid', httpStatus: 400 });
  expect(await texts(stack)).toHaveLength(30);
});

test('server errors are tried again behind the fresh items, and lose nothing', async () => {
  stack = await startOpenAiStack({
    scenario: {
      faults: [{ kind: 'status', operation: 'createResponse', status: 500, probability: 0.05 }],
    },
    account: { pool: { breakerFailures: 1000 } },
  });
  await stack.startWorker();
  const { id } = await stack.load(200);
  const handle = await stack.run(id);
  expect(await handle.result()).toMatchObject({ done: 200, failed: 0 });
  const ok = (await texts(stack)).filter((c) => c.status === 200);
  expect(ok).toHaveLength(200);
});

test('"too fast" without a wait is waited out longer each time, and burns no attempt', async () => {
  stack = await startOpenAiStack({
    scenario: {
      errors: [{ code: 'rate_limit_exceeded', count: 3 }],
      headers: { retryAfter: 'missing', retryAfterMs: false },
    },
    account: {
      concurrency: { min: 1, max: 1 },
      retry: { rate: { baseMs: 200, maxMs: 600 } },
    },
  });
  await stack.startWorker();
  const { id } = await stack.load(5);
  const handle = await stack.run(id);
  expect(await handle.result()).toMatchObject({ done: 5, failed: 0 });
  const refused = (await listEvents(stack.db, { pool: stack.pool, limit: 50 })).filter(
    ({ kind }) => kind === 'limit.refused',
  );
  const waits = refused.map(({ data }) => Number(data.waitMs)).reverse();
  expect(waits.map((ms) => Math.round(ms / 200))).toEqual([1, 2, 3]);
  const { rows } = await stack.db.query('select max(attempts) as most from batch_items');
  expect(rows[0].most).toBe(0);
});

test('a spent budget holds the project until an operator resumes, and burns no attempt', async () => {
  stack = await startOpenAiStack();
  await stack.startWorker();
  const { id } = await stack.load(300);
  const handle = await stack.run(id);
  await eventually('some are done', async () => stack && (await countItems(stack.db, id)).done > 20);
  stack.simulator.control({ addErrors: [{ id: 'budget', code: 'insufficient_quota' }] });
  await eventually(
    'held',
    async () => stack && (await readPool(stack.db, stack.pool))?.state.state === 'held',
  );
  await eventually('nothing in flight', async () => stack && (await countItems(stack.db, id)).running === 0);
  const before = (await texts(stack)).length;
  await delay(1500);
  expect((await texts(stack)).length).toBe(before);
  const { rows } = await stack.db.query('select count(*) n from batch_items where attempts > 0');
  expect(rows[0].n).toBe(0);
  expect((await handle.query(batchStatusQuery)).phase).toBe('waiting for quota');

  stack.simulator.control({ clearErrors: true });
  await stack.client.workflow.getHandle(`pool:${stack.pool}`).signal(resumeSignal);
  expect(await handle.result()).toMatchObject({ done: 300, failed: 0 });
  const ok = (await texts(stack)).filter((c) => c.status === 200);
  expect(ok).toHaveLength(300);
});

test('pause stops the calls, resume goes on where it stood, cancel ends with what is there', async () => {
  stack = await startOpenAiStack({
    scenario: { latencyMs: { min: 50, max: 100 } },
    account: { concurrency: { min: 2, max: 4 } },
  });
  await stack.startWorker();
  const { id } = await stack.load(400);
  const handle = await stack.run(id);
  await eventually('some are done', async () => stack && (await countItems(stack.db, id)).done > 10);
  await handle.signal(pauseSignal, { reason: 'a look at the texts' });
  await eventually('paused', async () => stack && (await readBatch(stack.db, id))?.state === 'paused');
  await eventually('nothing in flight', async () => stack && (await countItems(stack.db, id)).running === 0);
  const before = (await texts(stack)).length;
  await delay(1000);
  expect((await texts(stack)).length).toBe(before);
  expect(await handle.query(batchStatusQuery)).toMatchObject({
    phase: 'paused',
    detail: 'a look at the texts',
  });
  await handle.signal(resumeSignal);
  await eventually('it goes on', async () => stack && (await texts(stack)).length > before + 5);
  await handle.signal(cancelSignal, {});
  const summary = await handle.result();
  expect(summary.cancelled).toBe(true);
  expect(summary.done).toBe((await resultsOf(stack.db, id)).length);
  expect((await countItems(stack.db, id)).running).toBe(0);
});

test('background work pauses at the threshold of the daily limit; interactive work goes on', async () => {
  stack = await startOpenAiStack({ account: { ...STEADY_DAY, dailyLimit: 50, quotaThreshold: 0.8 } });
  await stack.startWorker();
  const background = await stack.load(60);
  const waiting = await stack.run(background.id);
  await eventually(
    'the threshold',
    async () => stack && (await countItems(stack.db, background.id)).done === 40,
  );
  await eventually(
    'it sleeps',
    async () => stack && (await countItems(stack.db, background.id)).running === 0,
  );
  const daily = (await listLimits(stack.db, stack.pool)).find((l) => l.name === 'daily');
  expect(daily).toMatchObject({ used: 40, limit: 50 });
  const interactive = await stack.load(5, { priority: 'interactive' });
  expect(await (await stack.run(interactive.id)).result()).toMatchObject({ done: 5 });
  expect((await countItems(stack.db, background.id)).done).toBe(40);
  await eventually('alerts', async () => stack && (await alertLevels(stack)).length === 2);
  expect(await alertLevels(stack)).toEqual(['warning', 'critical']);
  await waiting.terminate('the test is over');
});
