/** Batches by files at a vendor whose word is wrong for a while, or for good: what was paid for is not paid for again. */
import { readBatch } from '../../../../store/batches/batches';
import { countItems } from '../../../../store/batches/items';
import { listParts } from '../../../../store/batches/parts';
import { listEvents } from '../../../../store/events/events';
import { cancelSignal, itemsDueSignal, resumeSignal } from '../../../../workflows/messages';
import { callsSeen } from '../../../support/callers/vendor-view';
import { eventually } from '../../../support/eventually';
import type { RewriteAnswer } from '../../../support/network/rewriting-proxy';
import { BY_FILES, fileStacks, UNBROKEN } from '../../../support/stacks/file-stacks';
import type { OpenAiStack, OpenAiStackOptions } from '../../../support/stacks/openai-stack';
import { cancelAtVendor, vendorBatches } from '../../../support/vendors/openai-batches';

const isPoll = (request: string) => /^GET \/batches\/\w+$/.test(request);
const isDownload = (request: string) => request.endsWith('/content');
const NOT_FOUND = {
  status: 404,
  body: '{"error":{"message":"No such thing.","type":"invalid_request_error"}}',
};

const open = fileStacks(
  { min: 20, max: 50 },
  { ...UNBROKEN, batchApi: { pollSeconds: 0.1, pollMaxSeconds: 0.5, settleSeconds: 0.3 } },
);

async function start(rewrite: RewriteAnswer, options: OpenAiStackOptions = {}): Promise<OpenAiStack> {
  const stack = await open({ ...options, rewrite });
  await stack.startWorker();
  return stack;
}

const statuses = async (s: OpenAiStack) => (await vendorBatches(s)).map(({ status }) => status);

const hasEnded = (body: string) => JSON.parse(body).status === 'completed';
const withoutFile = (body: string) => JSON.stringify({ ...JSON.parse(body), output_file_id: null });

test('what comes late is waited for, failures in between or not: the batch, the name of its results, and they', async () => {
  let checks = 0;
  let ends = 0;
  let downloads = 0;
  const s = await start((request, { body }) => {
    if (isDownload(request)) return ++downloads <= 2 ? NOT_FOUND : undefined;
    if (!isPoll(request)) return undefined;
    if (++checks <= 1) return NOT_FOUND;
    const text = body.toString('utf8');
    if (!hasEnded(text)) return undefined;
    ends++;
    if (ends <= 4) return { status: 503, body: '' };
    return ends <= 5 ? { status: 200, body: withoutFile(text) } : undefined;
  });
  const { id } = await s.load(20, BY_FILES);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 20, failed: 0 });
  expect(await statuses(s)).toEqual(['completed']);
  expect([checks > 1, ends > 5, downloads > 2]).toEqual([true, true, true]);
});

test('a file that is never named is given up at last, and its items are called again', async () => {
  const s = await start(
    (request, { status, body }) => {
      const text = body.toString('utf8');
      if (!isPoll(request) || !hasEnded(text) || !text.includes('"total":12')) return undefined;
      return { status, body: withoutFile(text) };
    },
    { account: { batchApi: { maxRequests: 12, pollSeconds: 0.1, pollMaxSeconds: 0.5, settleSeconds: 0.3 } } },
  );
  const { id } = await s.load(15, BY_FILES);
  const handle = await s.run(id);
  await eventually('it is given up', async () =>
    (await listParts(s.db, id)).some(
      ({ items, state, note }) => items === 12 && state === 'settled' && note.includes('no line'),
    ),
  );
  const [first] = await listParts(s.db, id);
  expect(first).toMatchObject({ items: 12, completed: 12, outputFileId: null });
  const reported = (await listEvents(s.db, { pool: s.pool, limit: 50 })).find(
    (e) => e.kind === 'batch.results_gone',
  );
  expect(reported?.data).toMatchObject({ batch: id, items: 12 });
  await handle.terminate('the test is over');
});

test('a batch that only the list knows is an operator’s business, and one that nobody knows is made again', async () => {
  let isListed = true;
  let lost: string | undefined;
  const s = await start((request, { status, body }) => {
    const first = /"id":"(batch_\w+)"/.exec(body.toString('utf8'))?.[1];
    lost ??= first;
    if (isPoll(request) && request.endsWith(`/${lost}`)) return NOT_FOUND;
    if (request !== 'GET /batches' || isListed) return undefined;
    return { status, body: '{"object":"list","data":[],"has_more":false}' };
  });
  const { id } = await s.load(20, BY_FILES);
  const handle = await s.run(id);
  await eventually('paused', async () => (await readBatch(s.db, id))?.state === 'paused');
  expect((await readBatch(s.db, id))?.reason).toContain("is in the vendor's list");
  expect(await statuses(s)).toEqual(['completed']);
  isListed = false;
  await handle.signal(resumeSignal);
  expect(await handle.result()).toMatchObject({ done: 20, failed: 0 });
  expect(await statuses(s)).toEqual(['completed', 'completed']);
});

test('lines that stay unreadable are passed over at last, and of several for one item an answer counts, in any order', async () => {
  const refused = (item: string, status: number) =>
    JSON.stringify({
      custom_id: item,
      response: { status_code: status, request_id: 'r\u0000', body: { error: { message: 'x', code: 'y' } } },
    });
  const s = await start((request, { status, body }) => {
    const text = body.toString('utf8');
    if (!isDownload(request) || !text.includes('"item-19"')) return undefined;
    const lines = text
      .trim()
      .split('\n')
      .map((line) => (/"item-[37]"/.test(line) ? `${line.slice(0, 40)}\u0000` : line))
      .reverse();
    const before = [refused('item-2', 500), refused('item-99', 400), refused('item-x', 500)];
    const after = [refused('item-1', 500), refused('item-1', 400), refused('item-0', 400)];
    return { status, body: [...before, ...lines, ...after].join('\n') };
  });
  const { id } = await s.load(20, BY_FILES);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 20, failed: 0 });
  const seen = await vendorBatches(s);
  expect(seen.map((b) => b.request_counts.total)).toEqual([20, 2]);
  const { rows } = await s.db.query('select seq from batch_items where attempts > 0 order by seq');
  expect(rows.map((r) => r.seq)).toEqual([3, 7]);
});

test('a file that is refused for lines that it does not have is an operator’s business after some tries', async () => {
  const outcome = { end: 'failed', code: 'invalid_request', message: 'a bad line', line: 4711 } as const;
  const s = await start(() => undefined, { scenario: { batches: { outcomes: [outcome] } } });
  const { id } = await s.load(20, BY_FILES);
  const handle = await s.run(id);
  await eventually('paused', async () => (await readBatch(s.db, id))?.state === 'paused');
  expect((await readBatch(s.db, id))?.reason).toContain('a bad line');
  expect(await countItems(s.db, id)).toMatchObject({ pending: 20, failed: 0, running: 0 });
  expect(await statuses(s)).toEqual(Array(5).fill('failed'));
  await handle.terminate('the test is over');
});

test('a cancelled batch whose files cannot be read is not taken up again, and ends when they can', async () => {
  let isBroken = false;
  const s = await start(
    (request) => (isBroken && isPoll(request) ? { status: 400, body: '{}' } : undefined),
    {
      scenario: { batches: SLOW },
    },
  );
  const { id } = await s.load(40, BY_FILES);
  const handle = await s.run(id);
  await eventually('it runs', async () => (await statuses(s))[0] === 'in_progress');
  isBroken = true;
  await handle.signal(cancelSignal, {});
  const checks = async () =>
    (await callsSeen(s.simulator.url)).filter(({ operation }) => operation === 'getBatch').length;
  await eventually('it is cancelled', async () => (await readBatch(s.db, id))?.state === 'cancelled');
  const before = await checks();
  await eventually('it was looked at', async () => (await checks()) > before);
  isBroken = false;
  await handle.signal(itemsDueSignal);
  expect(await handle.result()).toMatchObject({ cancelled: true });
  expect((await readBatch(s.db, id))?.state).toBe('cancelled');
  expect(await statuses(s)).toEqual(['cancelled']);
});

test('a list that goes in a circle does not say that a batch is not there', async () => {
  let isCircle = true;
  const s = await start(
    (request) => {
      if (request !== 'GET /batches' || !isCircle) return undefined;
      const stranger = {
        id: 'batch_other',
        object: 'batch',
        status: 'completed',
        created_at: Date.now() / 1000,
      };
      return {
        status: 200,
        body: JSON.stringify({ data: [stranger], has_more: true, last_id: stranger.id }),
      };
    },
    { scenario: { faults: [{ kind: 'drop-after-processing', operation: 'createBatch', count: 1 }] } },
  );
  const { id } = await s.load(20, BY_FILES);
  const handle = await s.run(id);
  await eventually('it has been looked for', async () =>
    (await listParts(s.db, id)).some(({ note, doubts }) => doubts > 2 && note.includes('goes round')),
  );
  expect((await listParts(s.db, id)).map(({ state }) => state)).toEqual(['creating']);
  isCircle = false;
  expect(await handle.result()).toMatchObject({ done: 20, failed: 0 });
  expect(await vendorBatches(s)).toHaveLength(1);
});

/** So slow that a busy machine sees it half answered. */
const SLOW = { requestsPerSecond: 1 };

/** A batch by files of which some items are answered, and the vendor's own id for it. */
async function halfAnswered(s: OpenAiStack) {
  const { id } = await s.load(40, BY_FILES);
  const handle = await s.run(id);
  await eventually('some are answered', async () => {
    const [first] = await vendorBatches(s);
    return first?.status === 'in_progress' && first.request_counts.completed > 3;
  });
  return { id, handle, vendorBatch: (await vendorBatches(s))[0]?.id ?? '' };
}

test('a batch that somebody cancels at the vendor pauses ours, and is sent again only after a resume', async () => {
  const s = await start(() => undefined, { scenario: { batches: SLOW } });
  const { id, handle, vendorBatch } = await halfAnswered(s);
  expect(await cancelAtVendor(s, vendorBatch)).toBe(200);
  await eventually('paused', async () => (await readBatch(s.db, id))?.state === 'paused');
  expect((await readBatch(s.db, id))?.reason).toContain(
    `${vendorBatch} was cancelled at the vendor, and not by`,
  );
  const { done, pending } = await countItems(s.db, id);
  expect(done).toBeGreaterThan(3);
  expect(done + pending).toBe(40);
  expect(await statuses(s)).toEqual(['cancelled']);

  await handle.signal(resumeSignal);
  await eventually('the rest is with the vendor', async () => (await statuses(s)).length === 2);
  await handle.signal(cancelSignal, {});
  expect(await handle.result()).toMatchObject({ cancelled: true });
  expect((await vendorBatches(s))[1]?.request_counts.total).toBe(40 - done);
});

test('a resume that comes before the workflow has seen the pause is not lost', async () => {
  const s = await start(() => undefined, { scenario: { batches: SLOW } });
  const { id, handle, vendorBatch } = await halfAnswered(s);
  s.simulator.control({ batches: { requestsPerSecond: 100 } });
  // The pause cannot be written until the page's last word, the counts, cannot be read: then it stands for itself.
  const [pause, counts] = [await s.db.connect(), await s.db.connect()];
  try {
    await pause.query('begin; set local idle_in_transaction_session_timeout = 0');
    await pause.query('select 1 from batches where id = $1 for no key update', [id]);
    await cancelAtVendor(s, vendorBatch);
    await eventually('its file is settled', async () => (await listParts(s.db, id))[0]?.state === 'settled');
    await counts.query('begin; set local idle_in_transaction_session_timeout = 0');
    await counts.query('lock table batch_items in access exclusive mode');
    await pause.query('rollback');
    await eventually('paused', async () => (await readBatch(s.db, id))?.state === 'paused');
    await handle.signal(resumeSignal);
  } finally {
    await counts.query('rollback');
    for (const client of [pause, counts]) client.release();
  }
  expect(await handle.result()).toMatchObject({ done: 40, cancelled: false });
});

test('an unknown status, and a batch that is long overdue, are reported once, and polling goes on', async () => {
  let checks = 0;
  const s = await start((request, { status, body }) => {
    if (!isPoll(request)) return undefined;
    checks++;
    const batch = JSON.parse(body.toString('utf8'));
    if (checks <= 3) return { status, body: JSON.stringify({ ...batch, status: 'reticulating' }) };
    const overdue = { status: 'in_progress', expires_at: Math.floor(Date.UTC(2026, 0, 1) / 1000) };
    return checks <= 6 ? { status, body: JSON.stringify({ ...batch, ...overdue }) } : undefined;
  });
  const { id } = await s.load(20, BY_FILES);
  expect(await (await s.run(id)).result()).toMatchObject({ done: 20, failed: 0 });
  expect(checks).toBeGreaterThan(6);
  const reported = (await listEvents(s.db, { pool: s.pool, limit: 50 })).filter(
    (e) => e.kind === 'batch.stalled',
  );
  expect(reported.map((e) => e.data.reason).reverse()).toEqual([
    expect.stringContaining('is "reticulating"'),
    expect.stringContaining('was to end by 2026-01-01T00:00:00.000Z and is in_progress'),
  ]);
});
