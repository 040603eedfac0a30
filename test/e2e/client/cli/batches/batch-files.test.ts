/** Batches by files as a person runs them, with worker processes that are killed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Runtime } from '@temporalio/worker';
import { listBatches } from '../../../../../store/batches/batches';
import { countItems } from '../../../../../store/batches/items';
import { listParts } from '../../../../../store/batches/parts';
import { callsSeen } from '../../../../support/callers/vendor-view';
import { Supervised } from '../../../../support/chaos/chaos-processes';
import { type Cli, cliFor } from '../../../../support/cli';
import { eventually } from '../../../../support/eventually';
import { WORKER_IS_UP, workerArguments } from '../../../../support/processes/worker';
import { temporaryFolder } from '../../../../support/stacks/embedded';
import {
  type OpenAiStack,
  type OpenAiStackOptions,
  startOpenAiStack,
} from '../../../../support/stacks/openai-stack';
import { trueText, vendorBatches } from '../../../../support/vendors/openai-batches';

const QUICK = { min: 50, max: 100 };
const workers: Supervised[] = [];
let stack: OpenAiStack | null = null;

afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.kill();
  await stack?.close();
  stack = null;
});

afterAll(() => Runtime.instance().shutdown());

interface Person {
  readonly s: OpenAiStack;
  readonly sluice: Cli;
  readonly path: (name: string) => string;
  /** Of `batch start`, for the file of artists. */
  readonly start: readonly string[];
  worker(): Promise<Supervised>;
}

async function person(items: number, options: OpenAiStackOptions): Promise<Person> {
  const s = await startOpenAiStack(options);
  stack = s;
  const folder = temporaryFolder('by-files');
  const path = (name: string) => join(folder, name);
  const settingsFile = path('sluice.yaml');
  writeFileSync(settingsFile, s.settingsYaml);
  writeFileSync(path('prompt.md'), 'Write about {{artist_name}}.');
  const rows = Array.from({ length: items }, (_, n) => `id-${n},Artist ${n}`);
  writeFileSync(path('artists.csv'), `artist_id,artist_name\n${rows.join('\n')}\n`);
  const env = { ...s.env, DATABASE_URL: s.databaseUrl, TEMPORAL_ADDRESS: s.temporalAddress };
  return {
    s,
    path,
    sluice: cliFor({ ...s, settingsFile }),
    start: [
      ...['batch', 'start', 'openai/bios', '--account', s.account, '--model', 'gpt-4.1-mini'],
      ...['--input', path('artists.csv'), '--prompt-file', path('prompt.md')],
    ],
    worker: async () => {
      const log = path(`worker-${workers.length}.log`);
      const worker = new Supervised(workerArguments(settingsFile), () => env, log);
      workers.push(worker);
      worker.start();
      await eventually('a worker starts', () => worker.said(WORKER_IS_UP) > 0);
      return worker;
    },
  };
}

const quickFiles = (more: object = {}) => ({
  maxRequests: 100,
  pollSeconds: 0.2,
  pollMaxSeconds: 1,
  settleSeconds: 2,
  ...more,
});

test('kill -9 of the worker again and again: every item is paid once and has the vendor’s text', async () => {
  const { s, sluice, path, start, worker } = await person(300, {
    scenario: {
      batches: { validatingMs: QUICK, finalizingMs: QUICK, requestsPerSecond: 25 },
      // Creations take a while, so that a kill falls into one.
      faults: [{ kind: 'latency', operation: 'createBatch', latencyMs: 1500 }],
    },
    // A kill may fall between the mark and the request, and a creation that may still be on its way is waited for.
    account: { batchApi: quickFiles(), timeoutSeconds: 5 },
  });
  let killed = await worker();
  const started = await sluice([...start, '--via', 'batch-api']);
  expect([started.code, started.err]).toEqual([0, '']);
  const id = (await listBatches(s.db))[0]?.id ?? 0;

  await eventually('a creation is under way', async () =>
    (await listParts(s.db, id)).some((p) => p.state === 'creating'),
  );
  await killed.kill();
  killed = await worker();
  await eventually('the vendor works', async () => (await vendorBatches(s)).length === 3);
  await killed.kill();
  killed = await worker();
  await eventually('some results are stored', async () => (await countItems(s.db, id)).done > 0);
  await killed.kill();
  await worker();

  const ended = await sluice([...start, '--wait', '--output', path('bios.jsonl')]);
  expect([ended.code, ended.err.includes('300 of 300 done, 0 failed')]).toEqual([0, true]);
  const seen = await vendorBatches(s);
  expect(seen.map((b) => [b.status, b.request_counts.total])).toEqual([
    ['completed', 100],
    ['completed', 100],
    ['completed', 100],
  ]);
  const lines = readFileSync(path('bios.jsonl'), 'utf8').trim().split('\n');
  expect(lines).toHaveLength(300);
  for (const n of [0, 99, 100, 299]) {
    const line = JSON.parse(lines[n] ?? '') as { artist_id: string; response_text: string; error: unknown };
    const text = await trueText(s, `Write about Artist ${n}.`, null);
    expect(line).toMatchObject({ artist_id: `id-${n}`, response_text: text, error: null });
  }
  const shown = await sluice(['batch', 'show', String(id), '--json']);
  expect(JSON.parse(shown.out)).toMatchObject({
    via: 'batch-api',
    done: 300,
    // Parts made side by side reach the vendor in any order.
    vendorBatches: expect.arrayContaining(
      seen.map((b) =>
        expect.objectContaining({ vendorBatch: b.id, state: 'settled', status: 'completed', items: 100 }),
      ),
    ),
  });
  const reported = await sluice(['batch', 'show', String(id)]);
  expect(reported.out).toContain(seen[0]?.id);
});

test('the same input another way: files are cancelled, what they answered is kept, and the rest is called for', async () => {
  const { s, sluice, start, worker } = await person(80, {
    scenario: {
      batches: { validatingMs: QUICK, finalizingMs: QUICK, cancellingMs: QUICK, requestsPerSecond: 5 },
    },
    account: { batchApi: quickFiles() },
  });
  await worker();
  await sluice([...start, '--via', 'batch-api']);
  const answered = async () => (await vendorBatches(s))[0]?.request_counts.completed ?? 0;
  await eventually('some are answered', async () => (await answered()) >= 10);
  const turned = await sluice([...start, '--via', 'responses', '--wait']);
  expect([turned.code, turned.err.includes('80 of 80 done')]).toEqual([0, true]);
  expect(turned.out).toMatch(/goes by calls of its own from now on .*80 items is cancelled/);
  const kept = await answered();
  expect((await vendorBatches(s)).map((b) => b.status)).toEqual(['cancelled']);
  const calls = (await callsSeen(s.simulator.url)).filter((c) => c.operation === 'createResponse');
  expect(calls).toHaveLength(80 - kept);
  const again = await sluice([...start, '--via', 'batch-api', '--wait']);
  expect([again.code, again.out.includes('goes by files from now on')]).toEqual([0, true]);
  expect(await vendorBatches(s)).toHaveLength(1);
});

test('the plan names both prices and the difference; without prices it says half, and what is wrong is named', async () => {
  const { s, sluice, start } = await person(200, {
    account: {
      prices: { 'gpt-4.1-mini': { input: 0.4, output: 1.6 } },
      batchApi: quickFiles({ enqueuedTokens: { 'gpt-4.1-mini': 1000 } }),
    },
  });
  const plan = start.map((word) => (word === 'start' ? 'plan' : word));
  const other = plan.map((word) => (word === 'gpt-4.1-mini' ? 'gpt-4o' : word));
  const [dry, json, unpriced, wrong, limited] = await Promise.all([
    sluice([...start, '--via', 'batch-api', '--max-output-tokens', '250', '--dry-run']),
    sluice([...plan, '--max-output-tokens', '250', '--json']),
    sluice(other),
    sluice([...start, '--via', 'fax']),
    sluice([...plan, '--via', 'batch-api', '--daily-limit', '100']),
  ]);
  expect(dry.code).toBe(0);
  expect(dry.out).toMatch(/By files: \d+ files, each answered within 24 hours/);
  const { batchApi } = JSON.parse(json.out) as {
    batchApi: { files: number; tokens: number; price: unknown };
  };
  const calls = (batchApi.tokens * 0.4 + 200 * 250 * 1.6) / 1_000_000;
  expect(batchApi.files).toBe(Math.ceil(batchApi.tokens / 1000));
  const price = batchApi.price as { responses: number; batchApi: number; saved: number };
  expect(price.responses).toBeCloseTo(calls, 5);
  expect([price.batchApi, price.saved]).toEqual([price.responses / 2, price.responses / 2]);
  expect(dry.out).toMatch(/Costs about 0\.08\d* USD by calls of their own, 0\.04\d* USD by files .*less/);
  expect(limited.out).toContain('A day takes 80 of them, by the daily limit: at the least 3 days.');
  expect(unpriced.out).toContain(
    'Costs half of the price by files (--via batch-api); for sums, set prices.gpt-4o',
  );
  expect([wrong.code, wrong.err]).toEqual([
    2,
    expect.stringContaining('--via: "fax" must be responses or batch-api'),
  ]);
  expect(await callsSeen(s.simulator.url)).toEqual([]);
});
