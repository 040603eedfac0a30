import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  type AmazonScenarioInput,
  type AmazonSimulator,
  amazonScenarioSchema,
  startAmazonSimulator,
} from '../../../../vendors/amazon/simulator';
import { readScenario, ScenarioError } from '../../../../vendors/kit/scenario';
import { api, HOUR, login, SALES, salesRequest } from '../../../support/callers/amazon-caller';
import { program } from '../../../support/processes/program';

const START = Date.UTC(2026, 4, 20, 12, 30);
const REQUEST = salesRequest(START - 6.5 * HOUR, START - 0.5 * HOUR);

let folder: string;
let sim: AmazonSimulator;
let now: number;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'simulator-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(options: AmazonScenarioInput = {}): Promise<void> {
  now = START;
  sim = await startAmazonSimulator(options, { clock: () => now });
}

const control = (command: unknown, method = 'POST') =>
  fetch(`${sim.url}/_sim/control`, { method, body: JSON.stringify(command) });
const calls = async (query = '') =>
  (await (await fetch(`${sim.url}/_sim/calls?${query}`)).json()) as Record<string, unknown>[];

describe('faults', () => {
  beforeEach(() => start());
  afterEach(() => sim.close());

  const getReport = async () => (await api(sim.url, await login(sim.url), 'GET', '/reports/1')).status;

  test('a status for the next two calls of one operation', async () => {
    await control({ addFaults: [{ kind: 'status', status: 503, operation: 'getReport', count: 2 }] });
    expect([await getReport(), await getReport(), await getReport()]).toEqual([503, 503, 404]);
  });

  test('a status until an instant, after some calls have passed', async () => {
    await control({
      addFaults: [{ kind: 'status', status: 500, operation: 'getReport', forMs: 1000, skip: 1 }],
    });
    expect([await getReport(), await getReport()]).toEqual([404, 500]);
    now += 1000;
    expect(await getReport()).toBe(404);
  });

  test('a connection dropped after the 202 was decided: the report exists', async () => {
    const token = await login(sim.url);
    await control({ addFaults: [{ kind: 'drop-after-processing', operation: 'createReport', count: 1 }] });
    await expect(api(sim.url, token, 'POST', '/reports', REQUEST)).rejects.toThrow('fetch failed');
    const listed = await api(sim.url, token, 'GET', `/reports?reportTypes=${SALES}`);
    expect(listed.body.reports).toHaveLength(1);
    expect(await calls('operation=createReport')).toEqual([
      expect.objectContaining({ status: 202, fault: 'drop-after-processing' }),
    ]);
  });

  test('a connection dropped before the request was read: nothing is charged', async () => {
    const token = await login(sim.url);
    await control({ addFaults: [{ kind: 'drop-before', operation: 'createReport', count: 1 }] });
    await expect(api(sim.url, token, 'POST', '/reports', REQUEST)).rejects.toThrow('fetch failed');
    const listed = await api(sim.url, token, 'GET', `/reports?reportTypes=${SALES}`);
    expect(listed.body.reports).toEqual([]);
    expect(sim.limits.report(now).map((l) => l.limit)).toEqual(['getReports']);
  });

  test('a body that is no JSON, one that breaks off, one that comes slowly, and a late answer', async () => {
    const token = await login(sim.url);
    const created = await api(sim.url, token, 'POST', '/reports', REQUEST);
    const get = () => api(sim.url, token, 'GET', `/reports/${created.body.reportId}`);
    await control({ addFaults: [{ kind: 'garbage-body', count: 1 }] });
    await expect(get()).rejects.toThrow('is not valid JSON');
    await control({ addFaults: [{ kind: 'truncated-body', count: 1 }] });
    await expect(get()).rejects.toThrow('terminated');
    for (const kind of ['slow-body', 'latency'] as const) {
      await control({ addFaults: [{ kind, count: 1, latencyMs: 200 }] });
      const began = performance.now();
      expect((await get()).status).toBe(200);
      expect(performance.now() - began).toBeGreaterThan(150);
    }
  });

  test('a probability hits the same calls for the same seed', async () => {
    const pattern = async () => {
      sim.control({
        addFaults: [{ id: 'half', kind: 'status', status: 500, operation: 'getReport', probability: 0.5 }],
        resetLimits: true,
      });
      const token = await login(sim.url);
      const seen = [];
      for (let i = 0; i < 12; i++) seen.push((await api(sim.url, token, 'GET', '/reports/1')).status);
      return seen;
    };
    const first = await pattern();
    expect(new Set(first)).toEqual(new Set([404, 500]));
    expect(await pattern()).toEqual(first);
  });
});

describe('the log and the statistics', () => {
  beforeEach(() => start());
  afterEach(() => sim.close());

  test('every call is logged with its arrival, status and request', async () => {
    const token = await login(sim.url);
    now += 0.5;
    const created = await api(sim.url, token, 'POST', '/reports', REQUEST);
    expect(await calls(`since=${START}`)).toEqual([
      {
        t: START + 0.5,
        operation: 'createReport',
        account: 'acme',
        status: 202,
        requestId: created.headers.get('x-amzn-requestid'),
        requestDetail: { ...REQUEST, reportId: created.body.reportId },
      },
    ]);
    expect(await calls('account=nobody')).toEqual([]);
    expect((await calls('operation=token')).map((c) => c.account)).toEqual(['acme']);
  });

  test('refusals show in the counts, and in the worst window of their limit', async () => {
    const token = await login(sim.url);
    sim.control({ limits: { getReport: { burst: 3 } } });
    for (let i = 0; i < 5; i++) await api(sim.url, token, 'GET', '/reports/1');
    const stats = (await (await fetch(`${sim.url}/_sim/stats`)).json()) as Record<string, unknown>;
    expect(stats.calls).toContainEqual(
      expect.objectContaining({ operation: 'getReport', calls: 5, refused: 2, statuses: { 404: 3, 429: 2 } }),
    );
    expect(stats.limits).toContainEqual(
      expect.objectContaining({ limit: 'getReport', scope: 'app/acme', allowed: 3, worst: 5, violations: 2 }),
    );
  });

  test('DELETE of control clears faults, limits and log', async () => {
    await control({ quota: { forMs: 1000 } });
    await api(sim.url, await login(sim.url), 'GET', '/reports/1');
    expect((await control({}, 'DELETE')).status).toBe(200);
    expect(sim.stats()).toMatchObject({ calls: [], limits: [], faults: [] });
  });

  test('a wrong command says what is wrong and changes nothing', async () => {
    const refused = async (command: unknown) => {
      const response = await control(command);
      expect(response.status).toBe(400);
      return ((await response.json()) as { error: string }).error;
    };
    expect(await refused({ addFaults: [{ kind: 'status' }] })).toContain(
      'addFaults[0].status: a fault of kind',
    );
    expect(await refused({ limits: { getRepot: { burst: 1 } } })).toContain('there is no limit "getRepot"');
    expect(await refused({ limits: { getReport: { count: 1 } } })).toContain('has no "count"');
    expect(await refused({ restart: true })).toContain('restart');
    expect(await refused({ addFaults: [{ kind: 'latency' }], nextReset: { limit: 'getReport' } })).toContain(
      'reset',
    );
    expect(sim.faults.list()).toEqual([]);
    const page = await fetch(`${sim.url}/_sim/truth?dataset=clicks&account=a`);
    expect(await page.json()).toEqual({ error: 'dataset: "clicks" is not one of sales, traffic, inventory' });
  });
});

describe('a scenario file', () => {
  test('is JSON or YAML', () => {
    const file = join(folder, 'scenario.yaml');
    writeFileSync(
      file,
      'seed: 9\nlimits:\n  createReport: { ratePerSecond: 1 }\nfaults:\n  - { kind: quota, forMs: 20 }\n',
    );
    expect(readScenario(amazonScenarioSchema, file)).toMatchObject({
      seed: 9,
      limits: { createReport: { ratePerSecond: 1 } },
      data: { catalogueSize: 400 },
    });
  });

  test('that is wrong names every field', () => {
    const file = join(folder, 'wrong.json');
    writeFileSync(file, JSON.stringify({ sead: 1, data: { density: 2 }, outcomes: [{ status: 'LOST' }] }));
    const read = () => readScenario(amazonScenarioSchema, file);
    expect(read).toThrow(ScenarioError);
    expect(read).toThrow('sead');
    expect(read).toThrow('data.density');
    expect(read).toThrow('outcomes[0].status');
    expect(() => readScenario(amazonScenarioSchema, join(folder, 'absent.json'))).toThrow('cannot be read');
  });
});

describe('a restart', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  async function run(state: string): Promise<{ url: string; kill: () => Promise<void> }> {
    const child = spawn(
      process.execPath,
      [program('vendors', 'amazon', 'simulator', 'main'), '--state', state],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    children.push(child);
    const [line] = (await once(
      createInterface({ input: child.stdout as NodeJS.ReadableStream }),
      'line',
    )) as string[];
    const { url } = JSON.parse(line ?? '') as { url: string };
    return {
      url,
      kill: async () => {
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      },
    };
  }

  test('after kill -9 knows its tokens, reports, spent quota, running faults and calls', async () => {
    const state = join(folder, 'state.jsonl');
    const first = await run(state);
    const token = await login(first.url);
    const at = Math.floor(Date.now() / HOUR) * HOUR;
    const ids = [];
    for (let i = 0; i < 15; i++) {
      const request = salesRequest(at - (10 + i) * HOUR, at - 3 * HOUR);
      ids.push((await api(first.url, token, 'POST', '/reports', request)).body.reportId);
    }
    await fetch(`${first.url}/_sim/control`, {
      method: 'POST',
      body: JSON.stringify({ quota: { operation: 'getReportDocument', forMs: 600_000 } }),
    });
    await first.kill();
    // What a crash leaves of a line that was being written.
    writeFileSync(state, '{"k":"arri', { flag: 'a' });

    const second = await run(state);
    for (const id of ids.slice(0, 2)) {
      expect((await api(second.url, token, 'GET', `/reports/${id}`)).status).toBe(200);
    }
    const again = await api(
      second.url,
      token,
      'POST',
      '/reports',
      salesRequest(at - 5 * HOUR, at - 4 * HOUR),
    );
    expect(again.status).toBe(429);
    expect((await api(second.url, token, 'GET', '/documents/1')).status).toBe(429);
    const logged = (await (
      await fetch(`${second.url}/_sim/calls?operation=createReport`)
    ).json()) as object[];
    expect(logged).toHaveLength(16);
    await second.kill();
    const third = await run(state);
    const stats = (await (await fetch(`${third.url}/_sim/stats`)).json()) as Record<string, unknown>;
    expect(stats.calls).toContainEqual(
      expect.objectContaining({ operation: 'createReport', calls: 16, refused: 1 }),
    );
    expect(stats.amazon).toMatchObject({ reports: { created: 15 }, tokens: { issued: 1 } });
  });
});
