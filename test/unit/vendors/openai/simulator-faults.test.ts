/** What goes wrong between a caller and OpenAI, and what a simulator still knows after kill -9. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
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

const NO_WAIT = { latencyMs: { min: 0, max: 0 } };

let sim: OpenAiSimulator;

async function start(options: OpenAiScenarioInput = {}, clock?: () => number): Promise<void> {
  sim = await startOpenAiSimulator({ ...NO_WAIT, ...options }, clock ? { clock } : {});
}

afterEach(() => sim.close());

const ask = (input = 'x', key?: string) =>
  clientOf(sim.baseUrl, key).responses.create({ model: MODEL, input });
const stats = () => (sim.stats() as { openai: { responses: { answered: number; repeated: number } } }).openai;

describe('faults', () => {
  test.each([
    [500, 'server_error', null],
    [503, 'service_unavailable_error', 'overloaded'],
    [502, undefined, undefined],
  ])('a %d has the body that OpenAI or its gateway would send', async (status, type, code) => {
    await start();
    sim.control({ addFaults: [{ kind: 'status', status, count: 1 }] });
    const error = await refusalOf(ask());
    expect(error.status).toBe(status);
    expect(error.type).toBe(type);
    expect(error.code).toBe(code);
    expect(error.requestID).toMatch(/^req_/);
    await ask();
  });

  test('a connection cut before the request was read leaves nothing behind', async () => {
    await start({ faults: [{ kind: 'drop-before', count: 1 }] });
    await expect(ask()).rejects.toThrow(OpenAI.APIConnectionError);
    expect(stats().responses.answered).toBe(0);
  });

  test('a connection cut afterwards has cost a call, which the next one repeats', async () => {
    await start({ faults: [{ kind: 'drop-after-processing', count: 1 }] });
    await expect(ask()).rejects.toThrow(OpenAI.APIConnectionError);
    await ask();
    expect(stats().responses).toMatchObject({ answered: 2, repeated: 1 });
  });

  test('an answer cut in the middle is no answer', async () => {
    await start({ faults: [{ kind: 'truncated-body', count: 1 }] });
    await expect(ask()).rejects.toThrow();
  });

  test('a stream cut in the middle ends without its last event', async () => {
    await start({ faults: [{ kind: 'truncated-body', count: 1 }] });
    const types: string[] = [];
    const read = async () => {
      const stream = await clientOf(sim.baseUrl).responses.create({ model: MODEL, input: 'x', stream: true });
      for await (const event of stream) types.push(event.type);
    };
    await expect(read()).rejects.toThrow();
    expect(types).toContain('response.created');
    expect(types).not.toContain('response.completed');
  });

  test('a slow answer takes the time of the fault on top of its own', async () => {
    await start({ latencyMs: { min: 50, max: 50 }, faults: [{ kind: 'latency', latencyMs: 100 }] });
    const from = performance.now();
    await ask();
    expect(performance.now() - from).toBeGreaterThanOrEqual(149);
  });

  test('an injected quota is a rate limit for the project that it names', async () => {
    await start();
    sim.control({ quota: { account: 'bios', waitMs: 20_000, count: 1 } });
    await ask('x', 'sk-other');
    const error = await refusalOf(ask());
    expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
    expect(error.headers?.get('retry-after')).toBe('20');
  });
});

describe('latency', () => {
  test('follows from seed and input, and lies in its range', async () => {
    await start({ latencyMs: { min: 10, max: 60 } });
    const inputs = Array.from({ length: 20 }, (_, i) => `artist ${i}`);
    const taken = async () => {
      await Promise.all(inputs.map((input) => ask(input)));
      const arrivals = sim.log.list({ operation: 'createResponse' });
      return Object.fromEntries(
        arrivals.map((a) => [String(a.requestDetail.inputHash), a.requestDetail.latencyMs]),
      );
    };
    const first = await taken();
    const times = Object.values(first).map(Number);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(10);
    expect(Math.max(...times)).toBeLessThanOrEqual(60);
    expect(new Set(times).size).toBeGreaterThan(5);
    await sim.close();
    await start({ latencyMs: { min: 10, max: 60 } });
    expect(await taken()).toEqual(first);
  });
});

describe('a restarted simulator', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'openai-simulator-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('still knows limits, files, batches, errors and what was answered', async () => {
    let now = Date.UTC(2026, 4, 20, 12, 0);
    const clock = () => now;
    const options = { stateFile: join(folder, 'state.jsonl') };
    await start(options, clock);
    await ask('first');
    await ask('second');
    const client = clientOf(sim.baseUrl);
    const input = await upload(client, [batchLine('a', 'x'), batchLine('b', 'y')]);
    const batch = await client.batches.create({
      input_file_id: input,
      endpoint: '/v1/responses',
      completion_window: '24h',
    });
    const gone = await upload(client, [batchLine('c', 'z')]);
    await client.files.delete(gone);
    sim.control({ addErrors: [{ code: 'slow_down', count: 2 }], revokeKeys: ['sk-old'] });
    await refusalOf(ask());
    const before = sim.limits.report(now);
    await sim.close();

    await start(options, clock);
    expect(sim.limits.report(now)).toEqual(before);
    expect(stats().responses.answered).toBe(2);
    const later = clientOf(sim.baseUrl);
    expect((await refusalOf(ask())).code).toBe('slow_down');
    await ask('first');
    expect(stats().responses.repeated).toBe(1);
    expect((await refusalOf(later.files.retrieve(gone))).status).toBe(404);
    expect((await refusalOf(ask('x', 'sk-old'))).status).toBe(401);
    now += 60_000;
    const done = await later.batches.retrieve(batch.id);
    expect(done).toMatchObject({ status: 'completed', request_counts: { completed: 2 } });
    expect(await readLines(later, String(done.output_file_id))).toHaveLength(2);
  });
});

test('a scenario that does not fit is refused with the field at fault', async () => {
  await start();
  await expect(startOpenAiSimulator({ latencyMs: { min: 5, max: 1 } })).rejects.toThrow(
    /latencyMs: min must not be above max/,
  );
  expect(() => sim.control({ addErrors: [{ code: 'no_such_code' as 'slow_down' }] })).toThrow();
});
