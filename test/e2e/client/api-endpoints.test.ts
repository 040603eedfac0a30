import { parse, stringify } from 'yaml';
import { applyPoolEvent } from '../../../store/pools/pools';
import { type ApiProcess, startApi } from '../../support/processes/api-process';
import { type Stack, startStack } from '../../support/stacks/stack';

let stack: Stack;
let api: ApiProcess;

beforeAll(async () => {
  stack = await startStack();
  await stack.startWorker();
  const own = parse(stack.settingsYaml) as { temporal: object };
  api = await startApi(
    stringify({
      ...own,
      database: { url: stack.databaseUrl },
      temporal: { ...own.temporal, address: stack.temporalAddress },
    }),
    stack.env,
  );
});
afterAll(async () => {
  await api?.end();
  await stack.close();
});

const get = async (path: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(`${api.url}${path}`, { headers });
  return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
};
const json = (text: string) => JSON.parse(text) as Record<string, unknown>;
const refresh = async (body: unknown, url = api.url) => {
  const answer = await fetch(`${url}/api/vendor-realtime-sales/refresh`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};

test('the last hours are fetched and summed up; under quota nothing is called, and what is known is shown', async () => {
  const fetched = await refresh({ window: 'last_3h' });
  expect(fetched).toMatchObject({
    status: 200,
    body: {
      status: 'success',
      window: 'last_3h',
      ingest_summary: { complete: true, rows: expect.any(Number) },
    },
  });
  const known = json((await get('/api/vendor-realtime-sales/summary')).text);
  expect(known).toMatchObject({ status: 'success', spans: [{ window: 'last_3h' }, { window: 'last_24h' }] });
  const explained = await get(
    `/api/v1/explain/${encodeURIComponent(`sync:amazon/rt-sales:${stack.account}`)}`,
  );
  expect(explained.status).toBe(404);

  const evidence = {
    vendor: 'amazon',
    account: stack.account,
    operation: 'createReport',
    message: 'used up',
  };
  const quota = {
    type: 'quota',
    epoch: 1,
    statedWaitMs: 600_000,
    reason: 'used up',
    jitter: 0,
    evidence,
  } as const;
  const { rows } = await stack.db.query<{ epoch: number }>('select epoch from pools where key = $1', [
    stack.pool,
  ]);
  await applyPoolEvent(stack.db, stack.pool, { ...quota, epoch: rows[0]?.epoch ?? 1 });
  const calls = () => stack.simulator.log.list({}).length;
  const before = calls();
  expect(await refresh({ window: 'last_24h' })).toEqual({
    status: 200,
    body: {
      status: 'error',
      error: 'QuotaExceeded',
      message: 'Amazon Vendor real-time sales quota has been exceeded for now. Showing last known data.',
      window: 'last_24h',
    },
  });
  expect((await get('/api/vendor-realtime-sales/summary')).status).toBe(200);
  expect(calls()).toBe(before);
  expect(json((await get('/health')).text)).toMatchObject({
    status: 'degraded',
    quota_status: { paused: true, retry_after: expect.any(Number) },
    circuit_breaker_state: 'QUOTA_PAUSED',
    user_agent_info: { user_agent: null },
  });
});

/** The pool as if this had happened to it. */
async function poolAfter(event: Record<string, unknown>): Promise<void> {
  await applyPoolEvent(stack.db, stack.pool, { type: 'resume' });
  const { rows } = await stack.db.query<{ epoch: number }>('select epoch from pools where key = $1', [
    stack.pool,
  ]);
  await applyPoolEvent(stack.db, stack.pool, { epoch: rows[0]?.epoch ?? 1, ...event } as never);
}

const said = { vendor: 'amazon', account: 'any', operation: 'createReport', message: 'no' };

test.each([
  ['PausedByOperator', 'HELD', { type: 'pause', reason: 'stock-taking', until: null }],
  ['PausedByOperator', 'HELD', { type: 'pause', reason: 'stock-taking', until: Date.now() + 3_600_000 }],
  ['CredentialsRefused', 'HELD', { type: 'hold', reason: 'no', cause: 'credentials', evidence: said }],
  ['LoginNeeded', 'HELD', { type: 'hold', reason: 'no', cause: 'login', evidence: said }],
  ['AccountStopped', 'HELD', { type: 'hold', reason: 'no', cause: 'billing', evidence: said }],
  ['VendorUnavailable', 'OPEN', { type: 'failure', reason: 'no', evidence: said }],
  [
    'QuotaExceeded',
    'QUOTA_PAUSED',
    { type: 'quota', statedWaitMs: 600_000, reason: 'no', jitter: 0, evidence: said },
  ],
])('%s: a refresh says so, and calls nothing', async (error, breaker, event) => {
  await poolAfter(event);
  // Five failures in a row open it.
  for (let i = 0; i < 4 && event.type === 'failure'; i++) {
    const { rows } = await stack.db.query<{ epoch: number }>('select epoch from pools where key = $1', [
      stack.pool,
    ]);
    await applyPoolEvent(stack.db, stack.pool, { ...event, epoch: rows[0]?.epoch ?? 1 } as never);
  }
  const before = stack.simulator.log.list({}).length;
  const refused = await refresh({ window: 'last_3h' });
  expect(refused).toMatchObject({
    status: 200,
    body: {
      status: 'error',
      error,
      window: 'last_3h',
      message: expect.stringMatching(/Showing last known data\.$/),
    },
  });
  expect(/quota/i.test(String(refused.body.message))).toBe(error === 'QuotaExceeded');
  expect(stack.simulator.log.list({})).toHaveLength(before);
  const isQuota = error === 'QuotaExceeded';
  expect(json((await get('/health')).text)).toMatchObject({
    status: 'degraded',
    quota_status: {
      paused: isQuota,
      retry_after: isQuota ? expect.any(Number) : null,
      reason: isQuota ? 'no' : '',
    },
    circuit_breaker_state: breaker,
    worker: { running: true },
  });
  await applyPoolEvent(stack.db, stack.pool, { type: 'resume' });
});

test('a refresh that was begun and has failed says so, and why', async () => {
  const reason = 'The data is not there';
  stack.simulator.control({
    outcomes: [{ account: '*', status: 'REFUSED', errorDetails: reason } as never],
  });
  try {
    expect(await refresh({ window: 'last_24h' })).toEqual({
      status: 200,
      body: {
        status: 'error',
        error: 'RefreshFailed',
        window: 'last_24h',
        message: expect.stringMatching(
          /^Amazon .* could not be refreshed: .*The data is not there.*\. Showing last known data\.$/,
        ),
      },
    });
  } finally {
    stack.simulator.control({ clearOutcomes: true });
  }
});

test('without a worker a refresh says so, and begins nothing', async () => {
  const own = parse(stack.settingsYaml) as { temporal: object };
  const temporal = { ...own.temporal, address: stack.temporalAddress, taskQueue: 'nobody-works-here' };
  const alone = await startApi(
    stringify({ ...own, database: { url: stack.databaseUrl }, temporal }),
    stack.env,
  );
  try {
    expect(await refresh({ window: 'last_24h' }, alone.url)).toMatchObject({
      status: 200,
      body: { status: 'error', error: 'NoWorker', message: expect.stringContaining('no worker runs') },
    });
    const listed = await fetch(`${alone.url}/api/v1/backfills`);
    expect(await listed.text()).not.toMatch(/"running": ?true/);
  } finally {
    await alone.end();
  }
  await stack.db.query('update worker_presence set to_ms = to_ms - 600000, from_ms = from_ms - 600000');
  expect(json((await get('/health')).text)).toMatchObject({ status: 'degraded', worker: { running: false } });
});

test('figures come as JSON, and as Prometheus text on request', async () => {
  const asJson = await get('/metrics');
  expect(asJson.type).toContain('application/json');
  expect(json(asJson.text)).toMatchObject({ quota_retry_count: expect.any(Number) });
  for (const asText of [
    await get('/metrics?format=prometheus'),
    await get('/metrics', { accept: 'text/plain' }),
  ]) {
    expect(asText.type).toContain('text/plain');
    expect(asText.text).toMatch(/^sluice_quota_retry_count \d+$/m);
  }
  expect((await get('/metrics?format=xml')).status).toBe(400);
});

test.each([[{}], [{ window: 'last_1h' }], [{ window: 'last_3h', more: 1 }]])(
  '%j is refused',
  async (body) => {
    expect(await refresh(body)).toMatchObject({ status: 400 });
  },
);
