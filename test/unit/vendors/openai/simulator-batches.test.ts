/** The Batch API from upload to results, on a clock that only the test moves. */
import {
  type OpenAiScenarioInput,
  type OpenAiSimulator,
  startOpenAiSimulator,
} from '../../../../vendors/openai/simulator';
import {
  batchLine,
  clientOf,
  MODEL,
  readLines,
  refusalOf,
  upload,
} from '../../../support/callers/openai-caller';

const START = Date.UTC(2026, 4, 20, 12, 0);
const EXACT = { min: 1000, max: 1000 };
const SECOND = 1000;

let sim: OpenAiSimulator;
let now: number;

async function start(batches: OpenAiScenarioInput['batches'] = {}): Promise<void> {
  now = START;
  sim = await startOpenAiSimulator(
    {
      batches: {
        validatingMs: EXACT,
        finalizingMs: EXACT,
        cancellingMs: EXACT,
        requestsPerSecond: 10,
        ...batches,
      },
    },
    { clock: () => now },
  );
}

afterEach(() => sim.close());

const client = (key?: string) => clientOf(sim.baseUrl, key);

const numbered = (count: number) =>
  Array.from({ length: count }, (_, i) => batchLine(`item-${i}`, `artist ${i}`));

async function create(lines: readonly string[], key?: string) {
  return client(key).batches.create({
    input_file_id: await upload(client(key), lines),
    endpoint: '/v1/responses',
    completion_window: '24h',
    metadata: { job: 'bios' },
  });
}

async function after(seconds: number, id: string) {
  now += seconds * SECOND;
  return client().batches.retrieve(id);
}

const ids = (lines: readonly Record<string, unknown>[]) => lines.map((line) => String(line.custom_id));

test('a batch is validated, run at its speed, finalized and completed', async () => {
  await start();
  const batch = await create(numbered(20));
  expect(batch).toMatchObject({
    object: 'batch',
    status: 'validating',
    endpoint: '/v1/responses',
    completion_window: '24h',
    metadata: { job: 'bios' },
    created_at: START / 1000,
    expires_at: START / 1000 + 86_400,
    output_file_id: null,
    error_file_id: null,
  });
  expect(await after(2, batch.id)).toMatchObject({
    status: 'in_progress',
    in_progress_at: START / 1000 + 1,
    request_counts: { total: 20, completed: 10, failed: 0 },
    output_file_id: null,
  });
  expect((await after(1, batch.id)).status).toBe('finalizing');
  expect(await after(1, batch.id)).toMatchObject({
    status: 'completed',
    model: MODEL,
    completed_at: START / 1000 + 4,
    request_counts: { total: 20, completed: 20, failed: 0 },
    error_file_id: null,
    output_file_id: expect.stringMatching(/^file-/),
  });
});

test('results come by custom_id in another order, with the text that a call of its own would get', async () => {
  await start();
  const lines = numbered(50);
  const batch = await create(lines);
  const outputId = String((await after(60, batch.id)).output_file_id);
  const results = await readLines(client(), outputId);
  expect(ids(results)).not.toEqual(lines.map((_, i) => `item-${i}`));
  expect(ids(results).sort()).toEqual(lines.map((_, i) => `item-${i}`).sort());
  const third = results.find((r) => r.custom_id === 'item-3');
  const single = await client().responses.create({ model: MODEL, input: 'artist 3', max_output_tokens: 300 });
  expect(third).toEqual({
    id: expect.stringMatching(/^batch_req_/),
    custom_id: 'item-3',
    response: {
      status_code: 200,
      request_id: expect.stringMatching(/^req_/),
      body: expect.objectContaining({ status: 'completed', usage: single.usage }),
    },
    error: null,
  });
  expect(third).toMatchObject({
    response: { body: { output: [{ content: [{ text: single.output_text }] }] } },
  });
  const file = await client().files.retrieve(outputId);
  const bytes = (await (await client().files.content(outputId)).arrayBuffer()).byteLength;
  expect(file).toMatchObject({ purpose: 'batch_output', bytes });
});

test('requests that fail are in the error file, and the others in the output file', async () => {
  await start();
  const batch = await create([
    batchLine('good', 'x'),
    batchLine('filtered', 'x [[content-filter]]'),
    batchLine('wrong', 'x', { body: { model: MODEL, input: 5 } }),
  ]);
  const done = await after(60, batch.id);
  expect(done).toMatchObject({ status: 'completed', request_counts: { total: 3, completed: 1, failed: 2 } });
  expect(ids(await readLines(client(), String(done.output_file_id)))).toEqual(['good']);
  const errors = await readLines(client(), String(done.error_file_id));
  expect(ids(errors).sort()).toEqual(['filtered', 'wrong']);
  expect(errors.find((e) => e.custom_id === 'filtered')).toMatchObject({
    response: { status_code: 400, body: { error: { code: 'content_policy_violation' } } },
    error: null,
  });
});

test('a share of the requests may end as server errors', async () => {
  await start({ errorShare: 0.3 });
  const done = await after(60, (await create(numbered(100))).id);
  expect(done.request_counts?.failed).toBeGreaterThan(15);
  expect(done.request_counts?.failed).toBeLessThan(45);
  expect(await readLines(client(), String(done.error_file_id))).toHaveLength(
    done.request_counts?.failed ?? 0,
  );
});

test('a batch that outlasts its window expires with what it has', async () => {
  await start({ windowMs: 3 * SECOND });
  const done = await after(60, (await create(numbered(50))).id);
  expect(done).toMatchObject({
    status: 'expired',
    expired_at: START / 1000 + 3,
    request_counts: { total: 50, completed: 20, failed: 0 },
  });
  const output = await readLines(client(), String(done.output_file_id));
  const errors = await readLines(client(), String(done.error_file_id));
  expect(output).toHaveLength(20);
  expect(errors[0]).toMatchObject({ response: null, error: { code: 'batch_expired' } });
  expect(new Set([...ids(output), ...ids(errors)]).size).toBe(50);
});

test('a cancelled batch stops, keeps what it has, and cannot be cancelled twice', async () => {
  await start();
  const batch = await create(numbered(50));
  await after(2, batch.id);
  expect((await client().batches.cancel(batch.id)).status).toBe('cancelling');
  const done = await after(5, batch.id);
  expect(done).toMatchObject({ status: 'cancelled', request_counts: { completed: 10 } });
  expect(await readLines(client(), String(done.output_file_id))).toHaveLength(10);
  expect((await readLines(client(), String(done.error_file_id)))[0]).toMatchObject({
    error: { code: 'batch_cancelled' },
  });
  expect((await refusalOf(client().batches.cancel(batch.id))).status).toBe(409);
});

test('batches above the enqueued tokens of a project and model fail, until others have ended', async () => {
  await start({ enqueuedTokens: 100 });
  const lines = [batchLine('a', 'x'.repeat(240))];
  const first = await create(lines);
  const second = await create(lines);
  const other = await create(lines, 'sk-other');
  expect(await after(1, second.id)).toMatchObject({
    status: 'failed',
    errors: {
      data: [
        {
          code: 'token_limit_exceeded',
          message: `Enqueued token limit reached for ${MODEL} in organization org-simulator. Limit: 100 enqueued tokens. Please try again once some in_progress batches have been completed.`,
          line: null,
          param: null,
        },
      ],
    },
  });
  expect((await client('sk-other').batches.retrieve(other.id)).status).toBe('in_progress');
  expect((await after(60, first.id)).status).toBe('completed');
  expect((await after(1, (await create(lines)).id)).status).toBe('in_progress');
});

test.each([
  ['no JSON', ['{'], 'invalid_json_line', 1],
  ['no custom_id', [batchLine('', 'x')], 'invalid_custom_id', 1],
  ['a custom_id used twice', [batchLine('a', 'x'), batchLine('a', 'y')], 'duplicate_custom_id', 2],
  ['another method', [batchLine('a', 'x', { method: 'GET' })], 'invalid_method', 1],
  ['another endpoint', [batchLine('a', 'x', { url: '/v1/embeddings' })], 'invalid_url', 1],
  ['no body', [batchLine('a', 'x', { body: null })], 'missing_required_parameter', 1],
  [
    'two models',
    [batchLine('a', 'x'), batchLine('b', 'x', { body: { model: 'gpt-4.1', input: 'x' } })],
    'mismatched_model',
    2,
  ],
  [
    'an unknown model',
    [batchLine('a', 'x', { body: { model: 'gpt-0', input: 'x' } })],
    'model_not_found',
    null,
  ],
  ['nothing', [''], 'empty_file', null],
  [
    'too many requests',
    [batchLine('a', 'x'), batchLine('b', 'x'), batchLine('c', 'x')],
    'too_many_requests',
    null,
  ],
] as const)('a file with %s fails the batch, naming the line', async (_, lines, code, line) => {
  await start({ maxRequests: 2 });
  const failed = await after(1, (await create(lines)).id);
  expect(failed).toMatchObject({ status: 'failed', output_file_id: null, request_counts: { total: 0 } });
  expect(failed.errors?.data).toEqual([expect.objectContaining({ code, line })]);
});

test.each([
  ['input_file_id', { input_file_id: 'file-0' }, 'file_id'],
  ['endpoint', { endpoint: '/v1/embeddings' as const }, 'endpoint'],
  ['completion_window', { completion_window: '48h' as '24h' }, 'completion_window'],
])('a batch with a wrong %s is a 400', async (_, change, param) => {
  await start();
  const input_file_id = await upload(client(), numbered(1));
  const right = { input_file_id, endpoint: '/v1/responses' as const, completion_window: '24h' as const };
  expect(await refusalOf(client().batches.create({ ...right, ...change }))).toMatchObject({
    status: 400,
    param,
  });
});

test('how the next batches end can be configured beforehand', async () => {
  await start();
  sim.control({
    batchOutcomes: [
      {
        end: 'failed',
        count: 1,
        code: 'billing_hard_limit_reached',
        message: 'Billing hard limit has been reached.',
      },
      { end: 'expired', count: 1, doneShare: 0.25 },
    ],
  });
  const [first, second, third] = [
    await create(numbered(8)),
    await create(numbered(8)),
    await create(numbered(8)),
  ];
  expect(await after(60, first.id)).toMatchObject({
    status: 'failed',
    errors: { data: [{ code: 'billing_hard_limit_reached' }] },
  });
  expect(await after(0, second.id)).toMatchObject({ status: 'expired', request_counts: { completed: 2 } });
  expect((await after(0, third.id)).status).toBe('completed');
});

test('batches are listed newest first, in pages, for their project only', async () => {
  await start();
  const made = [await create(numbered(1)), await create(numbered(1)), await create(numbered(1))].map(
    (b) => b.id,
  );
  const listed: string[] = [];
  for await (const batch of client().batches.list({ limit: 2 })) listed.push(batch.id);
  expect(listed).toEqual([...made].reverse());
  expect((await client('sk-other').batches.list()).data).toEqual([]);
  expect((await refusalOf(client('sk-other').batches.retrieve(String(made[0])))).status).toBe(404);
});

test('a file of more than one slice is checked in the background, and is judged like a small one', async () => {
  await start();
  const batch = await create([...numbered(1800), batchLine('item-0', 'again')]);
  let seen = await after(1, batch.id);
  while (seen.status === 'validating') seen = await after(0, batch.id);
  expect(seen.errors?.data).toEqual([expect.objectContaining({ code: 'duplicate_custom_id', line: 1801 })]);
});
