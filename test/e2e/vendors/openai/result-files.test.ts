/** Files of results that are not what they should be: nothing is paid for twice, and no item is burnt for the account. */
import { readBatch } from '../../../../store/batches/batches';
import { countItems } from '../../../../store/batches/items';
import { readWaitNote } from '../../../../store/batches/waits';
import { readPool } from '../../../../store/pools/pools';
import type { OpenAiScenarioInput } from '../../../../vendors/openai/simulator';
import { itemsDueSignal, resumeSignal } from '../../../../workflows/messages';
import { eventually } from '../../../support/eventually';
import type { RewriteAnswer } from '../../../support/network/rewriting-proxy';
import { BY_FILES, fileStacks, UNBROKEN } from '../../../support/stacks/file-stacks';
import type { OpenAiStack } from '../../../support/stacks/openai-stack';
import { vendorBatches } from '../../../support/vendors/openai-batches';

const open = fileStacks(
  { min: 20, max: 50 },
  { ...UNBROKEN, batchApi: { pollSeconds: 0.1, pollMaxSeconds: 0.5, settleSeconds: 0.2 } },
);

async function start(rewrite?: RewriteAnswer, scenario?: OpenAiScenarioInput): Promise<OpenAiStack> {
  const stack = await open({ ...(scenario && { scenario }), ...(rewrite && { rewrite }) });
  await stack.startWorker();
  return stack;
}

const isDownload = (request: string) => request.endsWith('/content');
const paused = (s: OpenAiStack, id: number) =>
  eventually('paused', async () => (await readBatch(s.db, id))?.state === 'paused');
const attemptsOf = async (s: OpenAiStack) =>
  (await s.db.query('select coalesce(sum(attempts), 0)::int as n from batch_items')).rows[0]?.n;

test.each([
  ['a page', '<!doctype html>\n<html>\n<title>Sign in</title>\n</html>\n'],
  ['nothing', ''],
])(
  '%s in place of the results is not believed: no item is sent again, and they are read when they are there',
  async (_, body) => {
    let isOdd = true;
    const s = await start((request) => (isOdd && isDownload(request) ? { status: 200, body } : undefined));
    const { id } = await s.load(10, BY_FILES);
    const run = await s.run(id);
    await paused(s, id);
    expect((await readBatch(s.db, id))?.reason).toContain('holds none of its 10 results');
    isOdd = false;
    await run.signal(resumeSignal);
    expect(await run.result()).toMatchObject({ done: 10, failed: 0 });
    expect([(await vendorBatches(s)).length, await attemptsOf(s)]).toEqual([1, 0]);
  },
);

test('a line that comes twice, or that is nobody’s, hides no line that is missing', async () => {
  let downloads = 0;
  const s = await start((request, { status, body }) => {
    if (!isDownload(request) || ++downloads > 2) return undefined;
    const lines = body.toString('utf8').trim().split('\n');
    const [first = ''] = lines;
    const stranger = first.replace(/"item-\d+"/, '"item-4711"');
    return { status, body: [first, first, stranger, ...lines.slice(3)].join('\r\n') };
  });
  const { id } = await s.load(10, BY_FILES);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 10, failed: 0 });
  expect([(await vendorBatches(s)).length, await attemptsOf(s)]).toEqual([1, 0]);
});

test('the answers of a batch that failed under way are kept, and a person says whether the rest is sent again', async () => {
  const s = await start((request, { status, body }) => {
    if (!/^GET \/batches\/\w+$/.test(request)) return undefined;
    const batch = JSON.parse(body.toString('utf8'));
    if (batch.status !== 'completed' || batch.request_counts.total !== 10) return undefined;
    const request_counts = { total: 10, completed: 9, failed: 0 };
    const errors = { data: [{ code: 'internal_error', message: 'lost a node' }] };
    return { status, body: JSON.stringify({ ...batch, request_counts, errors, status: 'failed' }) };
  });
  const { id } = await s.load(10, BY_FILES);
  const run = await s.run(id);
  await paused(s, id);
  expect((await readBatch(s.db, id))?.reason).toContain('has failed at the vendor after some answers');
  expect(await countItems(s.db, id)).toMatchObject({ done: 10, failed: 0 });
  await run.signal(resumeSignal);
  expect(await run.result()).toMatchObject({ done: 10, failed: 0 });
  expect(await vendorBatches(s)).toHaveLength(1);
});

test('a spent budget, told in a line’s error and without an answer, holds the pool and burns no item', async () => {
  const error = { code: 'insufficient_quota', message: 'You exceeded your current quota' };
  const oddLines = [{ contains: 'Artist', status: 200, body: {}, error }];
  const s = await start(undefined, { batches: { oddLines } });
  const { id } = await s.load(6, BY_FILES);
  const run = await s.run(id);
  await eventually('held', async () => (await readPool(s.db, s.pool))?.state.state === 'held');
  expect(await countItems(s.db, id)).toMatchObject({ failed: 0, retry: 6 });
  expect(await attemptsOf(s)).toBe(0);
  await run.terminate();
});

test('items that the vendor fails, all of them and until no attempt is left, are put back, and a person is asked', async () => {
  const oddLines = [{ contains: 'Artist', status: 500, body: { error: { message: 'we are down' } } }];
  const s = await start(undefined, { batches: { oddLines } });
  const { id } = await s.load(6, BY_FILES);
  const run = await s.run(id);
  await paused(s, id);
  expect((await readBatch(s.db, id))?.reason).toMatch(/we are down.*the vendor is well again/);
  expect(await countItems(s.db, id)).toMatchObject({ failed: 0, retry: 6 });
  await run.terminate();
});

test('lines that are all refused for their pace are sent again after growing waits, and what is waited for is said', async () => {
  const error = { code: 'rate_limit_exceeded', message: 'Rate limit reached for requests' };
  const oddLines = [{ contains: 'Artist', status: 429, body: { error } }];
  const s = await start(undefined, { batches: { oddLines } });
  const { id } = await s.load(3, BY_FILES);
  const run = await s.run(id);
  const refused = (times: number) =>
    eventually(`refused ${times} times`, async () => {
      const { rows } = await s.db.query<{ refusals: number; waits: number }>(
        `select (evidence ->> 'refusals')::int as refusals,
           extract(epoch from next_attempt_at - clock_timestamp())::float8 as waits
         from batch_items where state = 'retry' and evidence ->> 'refusals' = $1`,
        [String(times)],
      );
      return rows.length === 3 && rows;
    });
  const waits: number[] = [];
  for (let times = 1; times <= 3; times += 1) {
    waits.push(...(await refused(times)).map((row) => row.waits));
    await s.db.query('update batch_items set next_attempt_at = clock_timestamp()');
    await run.signal(itemsDueSignal);
  }
  // Of 60, 120 and 240 s, each with a tenth more or less; what the reading took is gone from them.
  expect(Math.min(...waits.slice(6))).toBeGreaterThan(Math.max(...waits.slice(0, 3)) * 2);
  await refused(4);
  const wait = await eventually('a note', async () => {
    const note = await readWaitNote(s.db, id);
    return note?.reason.includes('429') && note;
  });
  expect(wait.reason).toMatch(/^3 items to be tried again; the next one after: 429 rate_limit_exceeded/);
  expect(wait.until).toBeGreaterThan(wait.since + 200_000);
  expect(await countItems(s.db, id)).toMatchObject({ failed: 0, retry: 3 });
  expect(await attemptsOf(s)).toBe(0);
  await run.terminate();
});
