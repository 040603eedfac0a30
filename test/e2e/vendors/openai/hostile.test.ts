/** Servers that answer oddly: what is one item's stays one item's, and what is everybody's stops the run and burns none. */
import { Runtime } from '@temporalio/worker';
import { readBatch } from '../../../../store/batches/batches';
import { countItems } from '../../../../store/batches/items';
import { readPool } from '../../../../store/pools/pools';
import { cancelSignal, itemsDueSignal, resumeSignal } from '../../../../workflows/messages';
import { eventually } from '../../../support/eventually';
import { type OpenAiStack, resultsOf, startOpenAiStack } from '../../../support/stacks/openai-stack';
import {
  type HostileAnswer,
  type HostileServer,
  plainAnswer,
  startHostileServer,
} from '../../../support/vendors/hostile-texts';

let stack: OpenAiStack;
let server: HostileServer;

beforeAll(async () => {
  server = await startHostileServer();
  stack = await startOpenAiStack({
    account: {
      baseUrl: server.baseUrl,
      timeoutSeconds: 1,
      concurrency: { min: 2, max: 4 },
      retry: { server: { baseMs: 50, maxMs: 100, attempts: 5 } },
      pool: { cooldownMinutes: 0.005 },
    },
  });
  await stack.startWorker();
});

afterAll(async () => {
  await stack.close();
  await server.close();
  await Runtime.instance().shutdown();
});

beforeEach(() => {
  server.answers = () => null;
  server.prompts.length = 0;
});

const FLAGGED = { error: { message: 'your input was flagged', code: 403, metadata: { reasons: ['x'] } } };
const PAGE = '<html><head><title>Access denied</title></head><body>0.12345</body></html>';
const isItem = (prompt: string, ...items: number[]) => items.some((n) => prompt.endsWith(`Artist ${n}.`));

const poolState = async () => (await readPool(stack.db, stack.pool))?.state;
const resumePool = () => stack.client.workflow.getHandle(`pool:${stack.pool}`).signal(resumeSignal);

/** The pool lets calls through, an earlier test's resume included. */
async function open(): Promise<void> {
  await eventually('not held', async () => (await poolState())?.state !== 'held');
}

async function held(id: number): Promise<void> {
  await eventually('held', async () => (await poolState())?.state === 'held');
  await eventually('nothing in flight', async () => (await countItems(stack.db, id)).running === 0);
}

async function paused(id: number): Promise<string> {
  await eventually('paused', async () => (await readBatch(stack.db, id))?.state === 'paused');
  await eventually('nothing in flight', async () => (await countItems(stack.db, id)).running === 0);
  return (await readBatch(stack.db, id))?.reason ?? '';
}

test.each<[string, HostileAnswer]>([
  ['403 by moderation', { status: 403, body: FLAGGED }],
  ['a firewall’s page', { status: 403, body: PAGE }],
  ['403 inside a success', { body: FLAGGED }],
  ['a firewall that leads elsewhere', { status: 302, body: '', headers: { location: '/blocked' } }],
  ['a firewall that knows no such page', { status: 404, body: PAGE }],
  [
    'a request larger than the deployment, with a day’s wait',
    {
      status: 429,
      headers: { 'retry-after': '86400' },
      body: {
        error: { code: '429', message: 'exceeded token rate limit. Please retry after 86400 seconds.' },
      },
    },
  ],
])('%s for one item fails that item, and the nine others go on', async (_, answer) => {
  server.answers = (prompt) => (isItem(prompt, 3) ? answer : null);
  const { id } = await stack.load(10);
  expect(await (await stack.run(id)).result()).toMatchObject({ done: 9, failed: 1 });
  const failed = (await resultsOf(stack.db, id)).filter(({ state }) => state === 'failed');
  expect(failed.map(({ seq }) => seq)).toEqual([3]);
  expect(server.prompts).toHaveLength(10);
  expect((await poolState())?.state ?? 'closed').toBe('closed');
});

test('several items in a row refused alike hold the pool, burn none, and are not the probe', async () => {
  server.answers = (prompt) => (isItem(prompt, 0, 1, 2) ? { status: 403, body: PAGE } : null);
  const { id } = await stack.load(10);
  const run = await stack.run(id);
  await held(id);
  expect(server.prompts).toHaveLength(3);
  expect(await countItems(stack.db, id)).toMatchObject({ failed: 0, retry: 3, pending: 7 });

  // Resumed, another item is the probe; what is refused now although others are answered is those items' own.
  await resumePool();
  expect(await run.result()).toMatchObject({ done: 7, failed: 3 });
  expect(isItem(server.prompts[3] ?? '', 3)).toBe(true);
  expect(server.prompts).toHaveLength(13);
});

test.each<[string, HostileAnswer]>([
  [
    'a team’s budget as 400',
    { status: 400, body: { error: { message: 'Budget has been exceeded! Max budget: 10', code: '400' } } },
  ],
  ['credits inside a success', { body: { error: { message: 'Insufficient credits', code: 402 } } }],
])('%s holds the pool, and burns no item', async (_, answer) => {
  server.answers = () => answer;
  const { id } = await stack.load(10);
  const run = await stack.run(id);
  await held(id);
  expect(server.prompts).toHaveLength(1);
  expect(await countItems(stack.db, id)).toMatchObject({ failed: 0 });
  server.answers = () => null;
  await resumePool();
  expect(await run.result()).toMatchObject({ done: 10, failed: 0 });
  expect(isItem(server.prompts[1] ?? '', 1)).toBe(true);
});

test('passing errors inside a success are waited out', async () => {
  server.answers = (_, nth) =>
    nth % 4 === 1 ? { body: { error: { message: 'Network connection lost.', code: 502 } } } : null;
  const { id } = await stack.load(10);
  expect(await (await stack.run(id)).result()).toMatchObject({ done: 10, failed: 0 });
});

const CHAT = { id: 'chatcmpl-1', object: 'chat.completion', created: 1, choices: [] };
const stream = 'event: response.created\ndata: {"type":"response.created"}\n\n';

test.each<[string, (prompt: string) => HostileAnswer, RegExp, number]>([
  ['another API’s answers', () => ({ body: CHAT }), /chat\.completion.*baseUrl/, 5],
  [
    'streams',
    () => ({ body: stream, headers: { 'content-type': 'text/event-stream' } }),
    /stream of events.*streams/,
    5,
  ],
  [
    'answers that are cut short',
    (prompt) => ({
      body: plainAnswer(prompt, {
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
      }),
    }),
    /incomplete: max_output_tokens.*--max-output-tokens/,
    5,
  ],
  ['empty answers', (prompt) => ({ body: plainAnswer(prompt, { output: [] }) }), /no text/, 5],
  [
    'a refusal that nobody has thought of',
    () => ({ status: 400, body: { error: { message: 'the purse is empty', code: 'no_purse' } } }),
    /the purse is empty/,
    5,
  ],
  [
    'nothing in time',
    (prompt) => ({ body: plainAnswer(prompt), delayMs: 3000 }),
    /no answer in time.*timeoutSeconds/,
    8,
  ],
])(
  '%s stop the run after a few, with the cause by name, and burn no item',
  async (_, answer, cause, most) => {
    server.answers = answer;
    const { id } = await stack.load(30);
    const run = await stack.run(id);
    expect(await paused(id)).toMatch(cause);
    expect(server.prompts.length).toBeLessThanOrEqual(most);
    expect(await countItems(stack.db, id)).toMatchObject({ done: 0, failed: 0 });
    server.answers = () => null;
    await run.signal(resumeSignal);
    await resumePool().catch(() => undefined);
    await run.signal(itemsDueSignal);
    expect(await run.result()).toMatchObject({ done: 30, failed: 0 });
  },
);

test('many items that are refused for reasons of their own, here and there, do not stop the run', async () => {
  server.answers = (prompt) =>
    /Artist \d*[37]\.$/.test(prompt)
      ? { status: 400, body: { error: { code: 'flagged', message: 'x' } } }
      : null;
  const { id } = await stack.load(100);
  expect(await (await stack.run(id)).result()).toMatchObject({ done: 80, failed: 20 });
});

test('a refusal that concerns the whole account, resumed without a cure, is reported each time and burns no item', async () => {
  server.answers = () => ({ status: 403, body: FLAGGED });
  const { id } = await stack.load(9);
  const run = await stack.run(id);
  await held(id);
  const { epoch = 0 } = (await poolState()) ?? {};
  await resumePool();
  await eventually('held again', async () => {
    const state = await poolState();
    return state?.state === 'held' && state.epoch > epoch;
  });
  await eventually('nothing in flight', async () => (await countItems(stack.db, id)).running === 0);
  expect(server.prompts).toHaveLength(6);
  expect(new Set(server.prompts).size).toBe(6);
  expect(await countItems(stack.db, id)).toMatchObject({ done: 0, failed: 0 });
  await run.signal(cancelSignal, {});
  await run.result();
  await resumePool();
});

const BAD_KEY = { error: { message: 'Incorrect API key provided', code: 'invalid_api_key' } };
const NO_MODEL = { error: { message: 'The model does not exist', code: 'model_not_found' } };

test('credentials refused for single items alone: the account is held once for each, and then they fail alone', async () => {
  server.answers = (prompt) => (isItem(prompt, 2, 5, 8) ? { status: 401, body: BAD_KEY } : null);
  await open();
  const { id } = await stack.load(30, { options: { maxOutputTokens: 300, maxConcurrency: 1 } });
  const run = await stack.run(id);
  await held(id);
  const before = server.prompts.length;
  let holds = 1;
  let ended = false;
  const result = run.result().finally(() => {
    ended = true;
  });
  for (; !ended; holds++) {
    await resumePool();
    await open();
    await eventually('held again, or done', async () => ended || (await poolState())?.state === 'held');
  }
  expect(await result).toMatchObject({ done: 27, failed: 3 });
  // The last three in a row may speak of all: an operator is asked once more.
  expect(holds).toBeLessThanOrEqual(5);
  expect(isItem(server.prompts[before] ?? '', 2)).toBe(false);
  const failed = (await resultsOf(stack.db, id)).filter(({ state }) => state === 'failed');
  expect(failed.map(({ seq, evidence }) => [seq, evidence?.reason])).toEqual(
    [2, 5, 8].map((seq) => [seq, expect.stringContaining('invalid_api_key')]),
  );
  expect((await poolState())?.state).not.toBe('held');
});

test('a single item that is refused so while another batch is served fails alone', async () => {
  server.answers = (prompt) => (isItem(prompt, 0) ? { status: 401, body: BAD_KEY } : null);
  await open();
  const lone = await stack.load(1);
  const run = await stack.run(lone.id);
  await held(lone.id);
  const other = await stack.load(5, {}, (n) => `Painter ${n}`);
  const otherRun = await stack.run(other.id);
  await resumePool();
  expect(await otherRun.result()).toMatchObject({ done: 5, failed: 0 });
  expect(await run.result()).toMatchObject({ done: 0, failed: 1 });
  expect((await poolState())?.state).toBe('closed');
});

test('credentials that are refused after all, for every item, hold the account again and burn no item', async () => {
  let isRevoked = false;
  server.answers = (prompt) => (isRevoked || isItem(prompt, 1) ? { status: 401, body: BAD_KEY } : null);
  await open();
  const { id } = await stack.load(12, { options: { maxOutputTokens: 300, maxConcurrency: 1 } });
  const run = await stack.run(id);
  await held(id);
  const { epoch = 0 } = (await poolState()) ?? {};
  server.answers = (prompt, nth) => {
    isRevoked ||= nth > 6;
    return isRevoked || isItem(prompt, 1) ? { status: 401, body: BAD_KEY } : null;
  };
  await resumePool();
  await eventually('held again', async () => {
    const state = await poolState();
    return state?.state === 'held' && state.epoch > epoch + 1;
  });
  await held(id);
  expect(await countItems(stack.db, id)).toMatchObject({ done: 5, failed: 0 });
  server.answers = () => null;
  await resumePool();
  expect(await run.result()).toMatchObject({ done: 12, failed: 0 });
});

test('a model that is refused for one item alone stops the run once', async () => {
  server.answers = (prompt) => (isItem(prompt, 1) ? { status: 404, body: NO_MODEL } : null);
  await open();
  const { id } = await stack.load(6);
  const run = await stack.run(id);
  expect(await paused(id)).toMatch(/model does not exist/);
  await run.signal(resumeSignal);
  expect(await run.result()).toMatchObject({ done: 5, failed: 1 });
});
