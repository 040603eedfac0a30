/** Batches by files against the simulator's Files and Batch endpoints, with real workers. */
import { changeBatch, readBatch, setBatchState } from '../../../../store/batches/batches';
import { countItems } from '../../../../store/batches/items';
import { listParts } from '../../../../store/batches/parts';
import { listEvents } from '../../../../store/events/events';
import { readPool } from '../../../../store/pools/pools';
import {
  batchStatusQuery,
  cancelSignal,
  itemsDueSignal,
  pauseSignal,
  resumeSignal,
} from '../../../../workflows/messages';
import { callsSeen } from '../../../support/callers/vendor-view';
import { eventually } from '../../../support/eventually';
import { STEADY_DAY_ENDS } from '../../../support/stacks/due-hours';
import { BY_FILES, fileStacks } from '../../../support/stacks/file-stacks';
import { type OpenAiStack, resultsOf, STEADY_DAY } from '../../../support/stacks/openai-stack';
import { trueText, vendorBatches } from '../../../support/vendors/openai-batches';

const start = fileStacks(
  { min: 50, max: 100 },
  { batchApi: { maxRequests: 100, pollSeconds: 0.2, pollMaxSeconds: 1, settleSeconds: 1.5 } },
);

async function operations(s: OpenAiStack): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { operation } of await callsSeen(s.simulator.url)) {
    counts[operation] = (counts[operation] ?? 0) + 1;
  }
  return counts;
}

const statuses = async (s: OpenAiStack) => (await vendorBatches(s)).map(({ status }) => status);

/** Every item has one result, and it is what the vendor writes for it. */
async function expectTrueTexts(s: OpenAiStack, id: number, count: number): Promise<void> {
  const results = await resultsOf(s.db, id);
  expect(results.map((r) => r.seq)).toEqual(Array.from({ length: count }, (_, n) => n));
  expect(new Set(results.map((r) => r.state))).toEqual(new Set(['done']));
  for (const { seq, result } of results.filter((r) => r.seq % 25 === 0)) {
    expect(result?.text).toBe(await trueText(s, `Write a biography of Artist ${seq}.`));
  }
}

test('300 items in three files: each answered once, with the vendor’s own texts, in a few Temporal actions', async () => {
  const s = await start();
  await s.startWorker();
  const { id } = await s.load(300, BY_FILES);
  const handle = await s.run(id);
  expect(await handle.result()).toEqual({ items: 300, done: 300, failed: 0, cancelled: false });
  await expectTrueTexts(s, id, 300);

  const seen = await vendorBatches(s);
  expect(seen.map((b) => [b.status, b.request_counts.total])).toEqual([
    ['completed', 100],
    ['completed', 100],
    ['completed', 100],
  ]);
  expect(await operations(s)).toMatchObject({ uploadFile: 3, createBatch: 3, downloadFile: 3 });
  const parts = await listParts(s.db, id);
  expect(parts.map((p) => [p.state, p.items, p.completed, p.vendorId])).toEqual(
    seen.map((b) => ['settled', 100, 100, b.id]),
  );
  const { events } = (await handle.fetchHistory()) as { events: { eventType: number | string }[] };
  const billed = events.filter((e) => [1, 10, 17, 26].includes(Number(e.eventType))).length;
  expect(billed).toBeLessThanOrEqual(40);
});

test('a batch that expires keeps its answers, and only the rest is called again', async () => {
  const s = await start({
    scenario: { batches: { outcomes: [{ end: 'expired', doneShare: 0.4, count: 1 }] } },
  });
  await s.startWorker();
  const { id } = await s.load(50, BY_FILES);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 50, failed: 0 });
  await expectTrueTexts(s, id, 50);
  const seen = await vendorBatches(s);
  expect(seen.map((b) => [b.status, b.request_counts.total, b.request_counts.completed])).toEqual([
    ['expired', 50, 20],
    ['completed', 30, 30],
  ]);
  const { rows } = await s.db.query('select count(*) n from batch_items where attempts > 0');
  expect(rows[0].n).toBe(0);
});

test('a creation whose answer was lost is found in the vendor’s list and adopted', async () => {
  const s = await start({
    scenario: { faults: [{ kind: 'drop-after-processing', operation: 'createBatch', count: 1 }] },
  });
  await s.startWorker();
  const { id } = await s.load(40, BY_FILES);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 40, failed: 0 });
  await expectTrueTexts(s, id, 40);
  expect(await statuses(s)).toEqual(['completed']);
  expect(await operations(s)).toMatchObject({ uploadFile: 1, createBatch: 1 });
});

test('a creation that never arrived is made again, after the list has not shown it for a while', async () => {
  const s = await start({
    scenario: { faults: [{ kind: 'drop-before', operation: 'createBatch', count: 1 }] },
  });
  await s.startWorker();
  const { id } = await s.load(40, BY_FILES);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 40, failed: 0 });
  expect(await statuses(s)).toEqual(['completed']);
  const made = (await callsSeen(s.simulator.url)).filter((c) => c.operation === 'createBatch');
  expect(made).toHaveLength(2);
  expect((made[1]?.t ?? 0) - (made[0]?.t ?? 0)).toBeGreaterThan(1400);
});

test('results that break off, or are garbled, are read again: nothing is called twice', async () => {
  const s = await start({
    scenario: {
      faults: [
        { kind: 'truncated-body', operation: 'downloadFile', count: 1 },
        { kind: 'garbage-body', operation: 'downloadFile', count: 1, skip: 1 },
        { kind: 'status', status: 503, operation: 'getBatch', count: 1 },
        { kind: 'status', status: 500, operation: 'uploadFile', count: 1 },
      ],
    },
  });
  await s.startWorker();
  const { id } = await s.load(60, BY_FILES);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 60, failed: 0 });
  await expectTrueTexts(s, id, 60);
  expect(await statuses(s)).toEqual(['completed']);
  expect((await operations(s)).downloadFile).toBe(3);
});

test('each line of the results means for its item what the answer to a single call would mean', async () => {
  const s = await start({
    scenario: {
      text: { contentFilterMarker: 'FORBIDDEN', refusalMarker: 'REFUSED' },
      batches: { errorShare: 0.1 },
    },
  });
  await s.startWorker();
  const nameOf = (n: number) => (n === 3 ? 'FORBIDDEN' : n === 4 ? 'REFUSED' : `Artist ${n}`);
  const { id } = await s.load(60, BY_FILES, nameOf);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 58, failed: 2 });
  const results = await resultsOf(s.db, id);
  expect(results[3]?.evidence).toMatchObject({
    kind: 'invalid',
    httpStatus: 400,
    operation: 'createResponse',
  });
  expect(results[4]?.evidence).toMatchObject({ kind: 'content' });
  // The tenth that failed as a server error went to the retry queue, and into a smaller file.
  const seen = await vendorBatches(s);
  expect(seen.length).toBeGreaterThan(1);
  expect(seen[1]?.request_counts.total).toBe((seen[0]?.request_counts.failed ?? 0) - 1);
});

test('a full queue: its limit is learned, files become smaller, and wait until earlier ones have ended', async () => {
  // Some 8 tokens an item by the vendor's count: 60 of them at once.
  const s = await start({ scenario: { batches: { enqueuedTokens: 480, requestsPerSecond: 200 } } });
  await s.startWorker();
  const { id } = await s.load(120, BY_FILES);
  const handle = await s.run(id);
  expect(await handle.result()).toMatchObject({ done: 120, failed: 0 });
  await expectTrueTexts(s, id, 120);
  const seen = await vendorBatches(s);
  const refused = seen.filter((b) => b.status === 'failed');
  expect(refused.map((b) => b.errors?.data[0]?.code)).toEqual(['token_limit_exceeded']);
  const { rows } = await s.db.query('select learned, strikes from batch_queues');
  expect(rows).toEqual([{ learned: 480, strikes: 0 }]);
});

test('a limit that the settings name is never run into', async () => {
  const s = await start({
    scenario: { batches: { enqueuedTokens: 1000, requestsPerSecond: 200 } },
    account: { batchApi: { enqueuedTokens: { 'gpt-4.1-mini': 1000 } } },
  });
  await s.startWorker();
  const { id } = await s.load(150, BY_FILES);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 150, failed: 0 });
  const seen = await vendorBatches(s);
  expect(new Set(seen.map((b) => b.status))).toEqual(new Set(['completed']));
  expect(seen.length).toBeGreaterThan(2);
});

test('a bill that is due holds the project, and after the resume the batch goes on', async () => {
  const s = await start({
    scenario: {
      batches: {
        outcomes: [{ end: 'failed', code: 'billing_hard_limit_reached', message: 'pay', count: 1 }],
      },
    },
  });
  await s.startWorker();
  const { id } = await s.load(20, BY_FILES);
  const handle = await s.run(id);
  await eventually('held', async () => (await readPool(s.db, s.pool))?.state.state === 'held');
  await eventually('items are back', async () => (await countItems(s.db, id)).pending === 20);
  await s.client.workflow.getHandle(`pool:${s.pool}`).signal(resumeSignal);
  expect(await handle.result()).toMatchObject({ done: 20, failed: 0 });
  expect(await statuses(s)).toEqual(['failed', 'completed']);
});

test('a line that the vendor finds fault with fails alone; a failure of the vendor’s own is waited out', async () => {
  const s = await start({
    scenario: {
      batches: {
        outcomes: [
          { end: 'failed', code: 'invalid_request', message: 'a bad line', line: 3, count: 1 },
          { end: 'failed', count: 2 },
        ],
      },
    },
    account: { pool: { cooldownMinutes: 0.005 } },
  });
  await s.startWorker();
  const { id } = await s.load(20, BY_FILES);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 19, failed: 1 });
  const [bad] = (await resultsOf(s.db, id)).filter((r) => r.state === 'failed');
  expect(bad).toMatchObject({ seq: 2, evidence: { kind: 'invalid', reason: 'invalid_request: a bad line' } });
  expect((await vendorBatches(s)).map((b) => [b.status, b.errors?.data[0]?.code])).toEqual([
    ['failed', 'invalid_request'],
    ['failed', 'internal_error'],
    ['failed', 'internal_error'],
    ['completed', undefined],
  ]);
});

test('a model that there is not pauses the batch and blames no item', async () => {
  const s = await start();
  await s.startWorker();
  const { id } = await s.load(10, { ...BY_FILES, model: 'gpt-none' });
  const handle = await s.run(id);
  await eventually('paused', async () => (await readBatch(s.db, id))?.state === 'paused');
  expect((await readBatch(s.db, id))?.reason).toContain('gpt-none');
  expect(await countItems(s.db, id)).toMatchObject({ pending: 10, failed: 0, running: 0 });
  await handle.terminate('the test is over');
});

test('pause leaves the files with the vendor, resume reads them; cancel ends them there and keeps what was answered', async () => {
  const s = await start({ scenario: { batches: { requestsPerSecond: 2 } } });
  await s.startWorker();
  const { id } = await s.load(60, BY_FILES);
  const handle = await s.run(id);
  await eventually('it runs', async () => (await statuses(s))[0] === 'in_progress');
  await handle.signal(pauseSignal, { reason: 'lunch' });
  await eventually('paused', async () => (await readBatch(s.db, id))?.state === 'paused');
  await handle.signal(resumeSignal);
  await eventually('some are done', async () => {
    const [first] = await vendorBatches(s);
    return (first?.request_counts.completed ?? 0) >= 20;
  });
  await eventually(
    'it says what it waits for',
    async () => (await handle.query(batchStatusQuery)).phase === 'waiting for the vendor',
  );
  await handle.signal(cancelSignal, {});
  const summary = await handle.result();
  expect(summary.cancelled).toBe(true);
  expect(await statuses(s)).toEqual(['cancelled']);
  const [seen] = await vendorBatches(s);
  expect(summary.done).toBe(seen?.request_counts.completed);
  expect(await countItems(s.db, id)).toMatchObject({
    done: summary.done,
    pending: 60 - summary.done,
    running: 0,
  });
});

test('a batch that is resumed while its files are being cancelled goes on with what they have left', async () => {
  const s = await start({
    // Half answered, and being cancelled, for so long that a busy machine sees it.
    scenario: { batches: { requestsPerSecond: 2, cancellingMs: { min: 10_000, max: 10_000 } } },
  });
  await s.startWorker();
  const { id } = await s.load(60, BY_FILES);
  const handle = await s.run(id);
  await eventually('some are answered', async () => {
    const [first] = await vendorBatches(s);
    return (first?.request_counts.completed ?? 0) >= 10;
  });
  await handle.signal(cancelSignal, {});
  await eventually('it is being cancelled', async () => (await statuses(s))[0] === 'cancelling');
  await setBatchState(s.db, id, 'running', '');
  s.simulator.control({ batches: { requestsPerSecond: 100 } });
  await handle.signal(resumeSignal);
  expect(await s.client.workflow.getHandle(handle.workflowId).result()).toMatchObject({
    done: 60,
    cancelled: false,
  });
  const seen = await vendorBatches(s);
  expect(seen.map((b) => b.status)).toEqual(['cancelled', 'completed']);
  expect(seen[1]?.request_counts.total).toBe(60 - (seen[0]?.request_counts.completed ?? 0));
});

test('a daily limit of the run’s own counts the items of files: what it leaves is sent, the rest waits for the day', async () => {
  const s = await start({ account: STEADY_DAY });
  await s.startWorker();
  const options = { maxOutputTokens: 300, maxConcurrency: null, dailyLimit: 150 };
  const { id } = await s.load(200, { ...BY_FILES, options });
  const handle = await s.run(id);
  const status = () => handle.query(batchStatusQuery);
  await eventually('it waits', async () => (await status()).phase === 'waiting for quota');
  expect((await listParts(s.db, id)).map((p) => [p.state, p.items])).toEqual([
    ['settled', 100],
    ['settled', 20],
  ]);
  expect(await countItems(s.db, id)).toMatchObject({ done: 120, pending: 80 });
  expect(await status()).toMatchObject({
    detail: "it pauses at 80 % of this run's daily limit of 150 calls, and the account has used 120 today",
    until: STEADY_DAY_ENDS,
  });

  // A run by calls of the same day sees what files have spent: 80 % of 155 leave it four.
  const byCalls = await s.load(20, { options: { ...options, dailyLimit: 155 } });
  const calls = await s.run(byCalls.id);
  const callsStatus = () => calls.query(batchStatusQuery);
  await eventually('the calls wait, too', async () => (await callsStatus()).phase === 'waiting for quota');
  expect((await countItems(s.db, byCalls.id)).done).toBe(4);
  expect((await callsStatus()).detail).toContain('and the account has used 124 today');
  await changeBatch(s.db, byCalls.id, { options: { dailyLimit: 1000 } });
  await calls.signal(itemsDueSignal);
  expect(await calls.result()).toMatchObject({ done: 20, failed: 0 });

  await changeBatch(s.db, id, { options: { dailyLimit: 1000 } });
  await handle.signal(itemsDueSignal);
  expect(await handle.result()).toMatchObject({ done: 200, failed: 0 });
  const events = (await listEvents(s.db, { pool: s.pool, limit: 50 })).filter(
    ({ data }) => data.batch === id || String(data.limit).endsWith(`of batch ${id}`),
  );
  // How often a wait is reported depends on when its pages check.
  const reported = events.map((e) => e.kind).filter((kind) => kind !== 'batch.waiting');
  expect(reported.reverse()).toEqual([
    'batch.started',
    'quota.threshold_reached',
    ...['quota.alert', 'quota.alert'],
    'quota.threshold_left',
    'batch.finished',
  ]);
});

test('the account’s own daily limit holds for files, too', async () => {
  const s = await start({ account: { ...STEADY_DAY, dailyLimit: 50 } });
  await s.startWorker();
  const { id } = await s.load(60, BY_FILES);
  const handle = await s.run(id);
  const waits = async () => (await handle.query(batchStatusQuery)).phase === 'waiting for quota';
  await eventually('it waits', waits);
  expect(await countItems(s.db, id)).toMatchObject({ done: 40, pending: 20 });

  // The day's count is one: calls have what files have left, at this priority nothing.
  const byCalls = await s.load(5);
  const calls = await s.run(byCalls.id);
  const callsStatus = () => calls.query(batchStatusQuery);
  await eventually('the calls wait, too', async () => (await callsStatus()).phase === 'waiting for quota');
  expect(await callsStatus()).toMatchObject({
    detail: "it pauses at 80 % of the account's daily limit of 50 calls, and the account has used 40 today",
    done: 0,
  });
  await calls.terminate('the test is over');
  await handle.terminate('the test is over');
});
