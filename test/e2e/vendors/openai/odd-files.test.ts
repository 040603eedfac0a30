/** Batches by files at servers that answer oddly: what may pass is waited for on the same upload, and nothing is lost. */
import { readBatch } from '../../../../store/batches/batches';
import { countItems } from '../../../../store/batches/items';
import { listParts } from '../../../../store/batches/parts';
import { skipItems } from '../../../../store/batches/skips';
import { listEvents } from '../../../../store/events/events';
import { readPool } from '../../../../store/pools/pools';
import type { OpenAiScenarioInput } from '../../../../vendors/openai/simulator';
import { itemsDueSignal, resumeSignal } from '../../../../workflows/messages';
import { callsSeen } from '../../../support/callers/vendor-view';
import { eventually } from '../../../support/eventually';
import type { RewriteAnswer } from '../../../support/network/rewriting-proxy';
import { BY_FILES, fileStacks, UNBROKEN } from '../../../support/stacks/file-stacks';
import { type OpenAiStack, resultsOf } from '../../../support/stacks/openai-stack';
import { vendorBatches } from '../../../support/vendors/openai-batches';

const open = fileStacks(
  { min: 20, max: 50 },
  { ...UNBROKEN, batchApi: { pollSeconds: 0.1, pollMaxSeconds: 0.5, settleSeconds: 0.4 } },
);

async function start(scenario: OpenAiScenarioInput, rewrite?: RewriteAnswer): Promise<OpenAiStack> {
  const stack = await open({ scenario, ...(rewrite && { rewrite }) });
  await stack.startWorker();
  return stack;
}

const operations = async (s: OpenAiStack, name: string) =>
  (await callsSeen(s.simulator.url)).filter(({ operation }) => operation === name).length;

test('passing refusals to make a batch of a file are waited out on the same upload, and reported', async () => {
  const operation = 'createBatch';
  const forms = ['file-missing', 'file-processing', 'queue-full'] as const;
  const s = await start({ oddAnswers: forms.map((form) => ({ operation, form, count: 2 })) });
  const { id } = await s.load(20, BY_FILES);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 20, failed: 0 });
  expect([await operations(s, 'uploadFile'), await operations(s, operation)]).toEqual([1, 7]);
  const reported = (await listEvents(s.db, { pool: s.pool, limit: 50 })).filter(
    ({ kind }) => kind === 'batch.part_failed',
  );
  expect(reported.map(({ data }) => data.reason)).toEqual([
    expect.stringContaining('Enqueued token limit'),
    expect.stringContaining('still being processed'),
    expect.stringContaining('Cannot find file'),
  ]);
});

test('a refusal that nobody has thought of is waited for a while, then shown to a person; the resume goes on', async () => {
  const body = { error: { message: 'The moon is in the wrong phase', code: 'moon' } };
  const s = await start({ oddAnswers: [{ operation: 'createBatch', status: 400, body, count: 5 }] });
  const { id } = await s.load(5, BY_FILES);
  const run = await s.run(id);
  await eventually('paused', async () => (await readBatch(s.db, id))?.state === 'paused');
  expect((await readBatch(s.db, id))?.reason).toMatch(/wrong phase/);
  expect(await operations(s, 'createBatch')).toBeGreaterThanOrEqual(4);
  await run.signal(resumeSignal);
  expect(await run.result()).toMatchObject({ done: 5, failed: 0 });
});

test('empty ids are none, and a creation without an answer is found by its file where no label comes back', async () => {
  const s = await start({
    batches: { emptyIds: true },
    faults: [{ kind: 'drop-after-processing', operation: 'createBatch', count: 1 }],
  });
  const { id } = await s.load(10, BY_FILES);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 10, failed: 0 });
  expect(await vendorBatches(s)).toHaveLength(1);
});

test('one record of the list that cannot be used spoils none of the others', async () => {
  const broken = [null, { id: '', object: 'batch' }, { id: 'batch_x', status: 5 }];
  const s = await start(
    { faults: [{ kind: 'drop-after-processing', operation: 'createBatch', count: 1 }] },
    (request, { body }) => {
      if (request !== 'GET /batches') return undefined;
      const page = JSON.parse(String(body));
      return { status: 200, body: JSON.stringify({ ...page, data: [...broken, ...page.data] }) };
    },
  );
  const { id } = await s.load(10, BY_FILES);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 10, failed: 0 });
  expect(await vendorBatches(s)).toHaveLength(1);
});

test('a creation that cannot be looked up is reported with its reason, and goes on by itself when it can', async () => {
  let isBroken = true;
  const s = await start(
    { faults: [{ kind: 'drop-after-processing', operation: 'createBatch', count: 1 }] },
    (request) =>
      request === 'GET /batches' && isBroken ? { status: 200, body: '{"data":"many"}' } : undefined,
  );
  const { id } = await s.load(4, BY_FILES);
  const run = await s.run(id);
  await eventually('it is reported', async () => {
    const events = await listEvents(s.db, { pool: s.pool, limit: 20 });
    return events.some(({ data }) => /list of batches/.test(String(data.reason)));
  });
  const [part] = await listParts(s.db, id);
  expect(part).toMatchObject({ state: 'creating', note: expect.stringContaining('list of batches') });
  isBroken = false;
  expect(await run.result()).toMatchObject({ done: 4, failed: 0 });
  expect(await vendorBatches(s)).toHaveLength(1);
});

const FLAGGED = { error: { message: 'your input was flagged', code: 403 } };

test('in a file of results one refused line is its item’s, and odd lines are read for what they are', async () => {
  const s = await start({
    batches: {
      oddLines: [
        { contains: 'Artist 3.', status: 403, body: FLAGGED },
        { contains: 'Artist 5.', status: 400, error: 'the prompt is too long' },
        { contains: 'Artist 6.', status: 200, body: { error: { message: 'no', code: 400 } } },
      ],
    },
  });
  const { id } = await s.load(10, BY_FILES);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 7, failed: 3 });
  const failed = (await resultsOf(s.db, id)).filter(({ state }) => state === 'failed');
  expect(failed.map(({ seq, evidence }) => [seq, evidence?.reason])).toEqual([
    [3, expect.stringContaining('flagged')],
    [5, expect.stringContaining('the prompt is too long')],
    [6, expect.stringContaining('no')],
  ]);
  expect((await readPool(s.db, s.pool))?.state.state ?? 'closed').toBe('closed');
});

test('a quota reported in a line of a file closes the pool for the stated time, and burns no item', async () => {
  const reported = {
    statusCode: 403,
    message: 'Out of call volume quota. Quota will be replenished in 01:00:00.',
  };
  const s = await start({ batches: { oddLines: [{ contains: 'Artist 3.', status: 403, body: reported }] } });
  const { id } = await s.load(6, BY_FILES);
  const run = await s.run(id);
  await eventually('paused', async () => (await readPool(s.db, s.pool))?.state.state === 'quota_paused');
  const until = (await readPool(s.db, s.pool))?.state.until ?? 0;
  expect(until - Date.now()).toBeGreaterThan(50 * 60_000);
  expect(await countItems(s.db, id)).toMatchObject({ done: 5, failed: 0, retry: 1 });
  await run.terminate();
});

test('a file whose every line is refused holds the pool and burns no item; skipped ones stay out of the next', async () => {
  const s = await start({ batches: { oddLines: [{ contains: 'Artist', status: 403, body: FLAGGED }] } });
  const { id } = await s.load(6, BY_FILES);
  const run = await s.run(id);
  await eventually('held', async () => (await readPool(s.db, s.pool))?.state.state === 'held');
  expect(await countItems(s.db, id)).toMatchObject({ failed: 0, retry: 6 });
  const changed = { by: 'operator', pool: s.pool };
  expect(await skipItems(s.db, id, ['id-0', 'id-99'], 'x', changed)).toEqual({ unknown: ['id-99'] });
  expect(await countItems(s.db, id)).toMatchObject({ failed: 0, retry: 6 });
  const all = [0, 1, 2, 3, 4, 5].map((n) => `id-${n}`);
  expect(await skipItems(s.db, id, all, 'not worth it', changed)).toEqual({
    ...{ items: 6, onTheWay: 0, ended: [] },
  });
  await s.client.workflow.getHandle(`pool:${s.pool}`).signal(resumeSignal);
  await run.signal(itemsDueSignal);
  expect(await run.result()).toMatchObject({ done: 0, failed: 6 });
});
