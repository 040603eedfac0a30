/** What a run minds beside its account's limits, whose turn it is when quota is short, and what is reported of it. */
import { setTimeout as delay } from 'node:timers/promises';
import { Runtime } from '@temporalio/worker';
import { changeBatch, readBatch } from '../../../../store/batches/batches';
import { countItems } from '../../../../store/batches/items';
import { retryFailed } from '../../../../store/batches/skips';
import { listEvents } from '../../../../store/events/events';
import { batchStatusQuery, itemsDueSignal, resumeSignal } from '../../../../workflows/messages';
import { callsSeen } from '../../../support/callers/vendor-view';
import { eventually } from '../../../support/eventually';
import { STEADY_DAY_ENDS } from '../../../support/stacks/due-hours';
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

async function eventsOf(s: OpenAiStack, batch: number) {
  const events = await listEvents(s.db, { pool: s.pool, limit: 200 });
  return events.filter((e) => e.data.batch === batch).reverse();
}

const options = { maxOutputTokens: 300, maxConcurrency: null };

test('a daily limit of the run’s own stops it to the call, and no other work; a higher one lets it go on at once', async () => {
  stack = await startOpenAiStack({ account: STEADY_DAY });
  const s = stack;
  await s.startWorker();
  const { id } = await s.load(100, { options: { ...options, dailyLimit: 50 } });
  const handle = await s.run(id);
  const waits = async () => (await handle.query(batchStatusQuery)).phase === 'waiting for quota';
  await eventually('it waits', waits);
  expect((await countItems(s.db, id)).done).toBe(40);
  const status = await handle.query(batchStatusQuery);
  expect(status.detail).toBe(
    "it pauses at 80 % of this run's daily limit of 50 calls, and the account has used 40 today",
  );
  // Until the day ends, in the account's zone.
  expect(status.until).toBe(STEADY_DAY_ENDS);

  const other = await s.load(15);
  expect(await (await s.run(other.id)).result()).toMatchObject({ done: 15 });
  expect((await countItems(s.db, id)).done).toBe(40);

  await changeBatch(s.db, id, { options: { dailyLimit: 1000 } });
  await handle.signal(itemsDueSignal);
  expect(await handle.result()).toMatchObject({ done: 100, failed: 0 });
  expect((await texts(s)).length).toBe(115);
  const kinds = (await eventsOf(s, id)).map((e) => e.kind);
  expect(kinds.filter((kind) => kind.startsWith('quota.threshold'))).toEqual([
    'quota.threshold_reached',
    'quota.threshold_left',
  ]);
});

test('a running page takes over what it is given', async () => {
  stack = await startOpenAiStack({ account: { ...STEADY_DAY, concurrency: { min: 2, max: 2 } } });
  const s = stack;
  await s.startWorker();
  const { id } = await s.load(300);
  const handle = await s.run(id);
  await eventually('some are done', async () => (await countItems(s.db, id)).done > 5);
  const used = (await countItems(s.db, id)).done;
  await changeBatch(s.db, id, { options: { dailyLimit: used + 30, quotaThreshold: 1 } });
  await eventually(
    'it waits',
    async () => (await handle.query(batchStatusQuery)).phase === 'waiting for quota',
  );
  expect((await texts(s)).length).toBe(used + 30);
  await handle.terminate('the test is over');
});

test('a pause lasts no longer than the run says before the next check, and is reported once', async () => {
  stack = await startOpenAiStack({ account: { ...STEADY_DAY, dailyLimit: 20 } });
  const s = stack;
  await s.startWorker();
  const { id } = await s.load(30, { options: { ...options, pauseHours: 1 / 3600 } });
  const handle = await s.run(id);
  const checks = async () => {
    const { events } = await handle.fetchHistory();
    return (events ?? []).filter(
      (e) => e.activityTaskScheduledEventAttributes?.activityType?.name === 'runBatchPage',
    );
  };
  await eventually('it checks again and again', async () => (await checks()).length > 3);
  expect((await texts(s)).length).toBe(16);
  expect((await eventsOf(s, id)).map((e) => e.kind)).toEqual(['batch.started', 'quota.threshold_reached']);
  await handle.terminate('the test is over');
});

test('a model that does not exist pauses the batch after one call and says so; resumed when there is one, it ends', async () => {
  stack = await startOpenAiStack();
  const s = stack;
  s.simulator.control({ addErrors: [{ id: 'model', code: 'model_not_found' }] });
  await s.startWorker();
  const { id } = await s.load(40);
  const handle = await s.run(id);
  await eventually('it pauses', async () => (await readBatch(s.db, id))?.state === 'paused');
  const paused = await readBatch(s.db, id);
  expect(paused?.reason).toMatch(/404.*model_not_found/);
  await eventually('it says so', async () => (await handle.query(batchStatusQuery)).phase === 'paused');
  await delay(1000);
  expect(await texts(s)).toHaveLength(1);
  expect(await countItems(s.db, id)).toMatchObject({ pending: 39, retry: 1, running: 0, failed: 0 });

  s.simulator.control({ clearErrors: true });
  await handle.signal(resumeSignal);
  expect(await handle.result()).toMatchObject({ done: 40, failed: 0 });
  expect(await texts(s)).toHaveLength(41);
  const reported = (await eventsOf(s, id)).filter((e) => /paused|resumed/.test(e.kind));
  expect(reported.map((e) => [e.kind, e.data.by])).toEqual([
    ['batch.paused', 'vendor'],
    ['batch.resumed', 'operator'],
  ]);
});

test('fresh items go in the input’s order; one that failed for a passing reason goes behind them, after its wait', async () => {
  stack = await startOpenAiStack({
    scenario: { faults: [{ kind: 'status', operation: 'createResponse', status: 500, count: 1 }] },
    account: { concurrency: { min: 1, max: 1 }, retry: { server: { baseMs: 300 } } },
  });
  const s = stack;
  await s.startWorker();
  const { id } = await s.load(20);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 20, failed: 0 });
  const seqs = (await resultsOf(s.db, id)).map((r) => r.seq);
  expect(seqs).toEqual(Array.from({ length: 20 }, (_, n) => n));
  const { rows } = await s.db.query<{ seq: number }>(
    'select seq from batch_items where batch_id = $1 order by answered_at',
    [id],
  );
  expect(rows.map((r) => r.seq)).toEqual([...Array.from({ length: 19 }, (_, n) => n + 1), 0]);
  const [queue] = (await eventsOf(s, id)).filter((e) => e.kind === 'batch.retry_queue');
  expect(queue?.data).toMatchObject({ items: 1, reason: expect.stringContaining('1 × server') });
});

test('when a minute’s limit is short, the more important batch is served first', async () => {
  // Three calls a second after the first few; both batches ask for more than that all the time.
  stack = await startOpenAiStack({
    scenario: { latencyMs: { min: 10, max: 20 } },
    account: { limits: { requests: { ratePerSecond: 3, burst: 1 } } },
  });
  const s = stack;
  await s.startWorker();
  const low = await s.load(200);
  const slow = await s.run(low.id);
  await eventually('the background works', async () => (await countItems(s.db, low.id)).done > 5);
  const high = await s.load(30, { priority: 'interactive' });
  const urgent = await s.run(high.id);
  expect(await urgent.result()).toMatchObject({ done: 30 });
  // Between its first answer and its last one: how long a workflow takes to begin and to end is the machine's business.
  const { rows } = await s.db.query<{ meanwhile: number }>(
    `select count(*)::int as meanwhile from batch_items
     where batch_id = $1
       and answered_at > (select min(answered_at) from batch_items where batch_id = $2)
       and answered_at < (select max(answered_at) from batch_items where batch_id = $2)`,
    [low.id, high.id],
  );
  expect(rows[0]?.meanwhile).toBeLessThan(30 / 2);
  await slow.terminate('the test is over');
});

test('the beginning and the end of a batch are reported once, and the end again after failed items were retried', async () => {
  stack = await startOpenAiStack({ scenario: { text: { contentFilterMarker: 'FORBIDDEN' } } });
  const s = stack;
  await s.startWorker();
  const { id } = await s.load(12, {}, (n) => (n === 3 ? 'FORBIDDEN' : `Artist ${n}`));
  expect(await (await s.run(id)).result()).toMatchObject({ done: 11, failed: 1 });
  // Looking at it again is no news.
  await (await s.run(id)).result();
  expect(await retryFailed(s.db, id, { by: 'operator', pool: s.pool })).toBe(1);
  await (await s.run(id)).result();
  expect((await eventsOf(s, id)).map((e) => [e.kind, e.data.reason])).toEqual([
    ['batch.started', '12 items of artists.csv for gpt-4.1-mini, by calls of their own'],
    ['batch.finished', '11 of 12 done, 1 failed'],
    ['batch.retried', '1 failed item is called again'],
    ['batch.finished', '11 of 12 done, 1 failed'],
  ]);
});
