import {
  type AmazonScenarioInput,
  type AmazonSimulator,
  startAmazonSimulator,
} from '../../../../vendors/amazon/simulator';
import * as caller from '../../../support/callers/amazon-caller';
import { HOUR, INVENTORY, iso, MARKET, rowsIn, SALES, TRAFFIC } from '../../../support/callers/amazon-caller';

/** A clock that only the test moves, set to half past an hour. */
const START = Date.UTC(2026, 4, 20, 12, 30);
const QUOTA_BODY = {
  errors: [
    { code: 'QuotaExceeded', message: 'You exceeded your quota for the requested resource.', details: '' },
  ],
};

let sim: AmazonSimulator;
let now: number;

async function start(options: AmazonScenarioInput = {}): Promise<void> {
  now = START;
  sim = await startAmazonSimulator(options, { clock: () => now });
}

afterEach(async () => {
  await sim.close();
});

const login = (refreshToken?: string, client?: string) => caller.login(sim.url, refreshToken, client);
const requestToken = (fields: Record<string, string>) => caller.requestToken(sim.url, fields);
const api = (token: string, method: string, path: string, body?: unknown) =>
  caller.api(sim.url, token, method, path, body);
const fetchDocument = (token: string, id: unknown) => caller.fetchDocument(sim.url, token, id);

/** Six hours of sales, which ended half an hour ago. */
function salesRequest(startMs = START - 6.5 * HOUR): Record<string, unknown> {
  return caller.salesRequest(startMs, START - 0.5 * HOUR);
}

async function create(token: string, request: Record<string, unknown> = salesRequest()): Promise<string> {
  const reply = await api(token, 'POST', '/reports', request);
  expect(reply.status).toBe(202);
  return String(reply.body.reportId);
}

/** Lets the report's time pass and returns it. */
async function finish(token: string, reportId: string): Promise<Record<string, unknown>> {
  now += 60_000;
  return (await api(token, 'GET', `/reports/${reportId}`)).body;
}

describe('login with Amazon', () => {
  beforeEach(() => start());

  test('gives a bearer token for an hour', async () => {
    const response = await requestToken({});
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      access_token: expect.stringMatching(/^Atza\|/),
      token_type: 'bearer',
      expires_in: 3600,
      refresh_token: 'Atzr|acme',
    });
  });

  test.each([
    [{ grant_type: 'password' }, 'unsupported_grant_type'],
    [{ client_secret: '' }, 'invalid_client'],
    [{ refresh_token: '' }, 'invalid_request'],
  ])('answers %j with 400 %s', async (fields, error) => {
    const response = await requestToken(fields as Record<string, string>);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error });
  });

  test('a revoked refresh token is an invalid_grant, and a renewed authorisation of the account is not', async () => {
    sim.control({ revokeRefreshTokens: ['Atzr|acme'] });
    const refused = await requestToken({});
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: 'invalid_grant' });
    expect((await requestToken({ refresh_token: 'Atzr|acme#2' })).status).toBe(200);
  });

  test('an access token that is over is a 403 that says so', async () => {
    const token = await login();
    now += 3_600_000;
    const expired = await api(token, 'GET', '/reports/1');
    expect(expired.status).toBe(403);
    expect(JSON.stringify(expired.body)).toContain('The access token you provided has expired.');
    const fresh = await login();
    expect((await api(fresh, 'GET', '/reports/1')).status).toBe(404);
    now += 1;
    sim.control({ expireAccessTokens: true });
    expect((await api(fresh, 'GET', '/reports/1')).status).toBe(403);
  });

  test('a token that was never given out is refused without saying expired', async () => {
    const reply = await api('Atza|guess', 'GET', '/reports/1');
    expect(reply.status).toBe(403);
    expect(reply.body).toMatchObject({ errors: [{ code: 'Unauthorized' }] });
    expect(JSON.stringify(reply.body)).not.toContain('expired');
  });
});

describe('quotas', () => {
  test('createReport: 15 at once, the 16th is QuotaExceeded, the next token comes after 1/0.0167 s', async () => {
    await start();
    const token = await login();
    for (let i = 0; i < 15; i++) {
      const reply = await api(token, 'POST', '/reports', salesRequest(START - (20 + i) * HOUR));
      expect(reply.status).toBe(202);
      expect(reply.headers.get('x-amzn-ratelimit-limit')).toBe('0.0167');
    }
    const refused = await api(token, 'POST', '/reports', salesRequest());
    expect(refused.status).toBe(429);
    expect(refused.body).toEqual(QUOTA_BODY);
    expect(refused.headers.has('x-amzn-ratelimit-limit')).toBe(false);
    expect(refused.headers.get('x-amzn-requestid')).toBeTruthy();
    now += 1000 / 0.0167 - 1;
    expect((await api(token, 'POST', '/reports', salesRequest())).status).toBe(429);
    now += 2;
    expect((await api(token, 'POST', '/reports', salesRequest())).status).toBe(202);
  });

  test('each account and each application has its own bucket', async () => {
    await start({ limits: { getReport: { burst: 1 } } });
    const tokens = [await login('Atzr|a'), await login('Atzr|b'), await login('Atzr|a', 'other app')];
    for (const token of tokens) expect((await api(token, 'GET', '/reports/1')).status).toBe(404);
    for (const token of tokens) expect((await api(token, 'GET', '/reports/1')).status).toBe(429);
  });

  test('the true limit can be lower than the one announced', async () => {
    await start({ limits: { getReport: { ratePerSecond: 0.5, burst: 1, announcedRatePerSecond: 2 } } });
    const token = await login();
    expect((await api(token, 'GET', '/reports/1')).headers.get('x-amzn-ratelimit-limit')).toBe('2');
    now += 600;
    expect((await api(token, 'GET', '/reports/1')).status).toBe(429);
    now += 1400;
    expect((await api(token, 'GET', '/reports/1')).status).toBe(404);
  });

  test('an account-wide bucket holds at the same time', async () => {
    await start({ accountWideLimit: { ratePerSecond: 1, burst: 2 } });
    const token = await login();
    expect((await api(token, 'GET', '/reports/1')).status).toBe(404);
    expect((await api(token, 'GET', '/documents/1')).status).toBe(404);
    expect((await api(token, 'GET', `/reports?reportTypes=${SALES}`)).status).toBe(429);
  });

  test('a quota can be out for a while, for one account and the download too', async () => {
    await start();
    const [a, b] = [await login('Atzr|a'), await login('Atzr|b')];
    sim.control({ quota: { account: 'a', forMs: 20_000 } });
    expect((await api(a, 'GET', '/reports/1')).body).toEqual(QUOTA_BODY);
    expect((await api(b, 'GET', '/reports/1')).status).toBe(404);
    now += 20_000;
    expect((await api(a, 'GET', '/reports/1')).status).toBe(404);
    const report = await finish(a, await create(a));
    const described = await api(a, 'GET', `/documents/${report.reportDocumentId}`);
    sim.control({ quota: { operation: 'downloadDocument', count: 1 } });
    const refused = await fetch(String(described.body.url));
    expect(refused.status).toBe(429);
    expect(await refused.json()).toEqual(QUOTA_BODY);
    expect((await fetch(String(described.body.url))).status).toBe(200);
  });
});

describe('createReport', () => {
  beforeEach(() => start({ limits: { createReport: { burst: 100 } } }));

  const wrong: [string, Record<string, unknown>][] = [
    ['an unknown report type', { reportType: 'GET_FLAT_FILE' }],
    ['no marketplace', { marketplaceIds: [] }],
    ['26 marketplaces', { marketplaceIds: Array<string>(26).fill(MARKET) }],
    ['a date without zone', { dataStartTime: '2026-05-20T00:00:00' }],
    ['an end in the future', { dataEndTime: iso(START + HOUR) }],
    ['a start after the end', { dataStartTime: iso(START - 0.4 * HOUR) }],
    ['more than 14 days of sales', { dataStartTime: iso(START - 15 * 24 * HOUR) }],
    [
      'more than 7 days of inventory',
      { reportType: INVENTORY, reportOptions: {}, dataStartTime: iso(START - 8 * 24 * HOUR) },
    ],
    [
      'a start more than 30 days ago',
      { dataStartTime: iso(START - 31 * 24 * HOUR), dataEndTime: iso(START - 29 * 24 * HOUR) },
    ],
    ['an option that is not a string', { reportOptions: { currencyCode: 978 } }],
    ['an option that the type does not define', { reportType: TRAFFIC }],
    ['a field that the model does not know', { reportPeriod: 'DAY' }],
  ];
  test.each(wrong)('refuses %s', async (_, change) => {
    const reply = await api(await login(), 'POST', '/reports', { ...salesRequest(), ...change });
    expect(reply.status).toBe(400);
    expect(reply.body).toMatchObject({ errors: [{ code: 'InvalidInput' }] });
    expect(reply.headers.get('x-amzn-ratelimit-limit')).toBe('0.0167');
  });

  test('refuses a body that is not JSON with 400, and another content type with 415', async () => {
    const token = await login();
    expect((await api(token, 'POST', '/reports', '{')).status).toBe(400);
    const plain = await fetch(`${sim.url}/reports/2021-06-30/reports`, {
      method: 'POST',
      headers: { 'x-amz-access-token': token, 'content-type': 'text/plain' },
      body: JSON.stringify(salesRequest()),
    });
    expect(plain.status).toBe(415);
  });

  const fatal: [string, Record<string, unknown>, string][] = [
    [
      'no currency',
      { reportOptions: {} },
      'This report type requires the currencyCode reportOption to be specified',
    ],
    ['no dates', { dataStartTime: undefined }, 'dataStartTime and dataEndTime must be supplied'],
    [
      'traffic that ends within the last hour',
      { reportType: TRAFFIC, reportOptions: {} },
      'is not yet available',
    ],
  ];
  test.each(fatal)('accepts %s, and the report ends FATAL with a document', async (_, change, text) => {
    const token = await login();
    const report = await finish(token, await create(token, { ...salesRequest(), ...change }));
    expect(report.processingStatus).toBe('FATAL');
    const document = JSON.parse((await fetchDocument(token, report.reportDocumentId)).text) as object;
    expect(Object.keys(document)).toEqual([expect.stringMatching(/^(errorDetails|reportRequestError)$/)]);
    expect(Object.values(document)[0]).toContain(text);
  });
});

describe('the life of a report', () => {
  test('IN_QUEUE, IN_PROGRESS, DONE; options are never echoed', async () => {
    await start({ reports: { queueMs: { min: 5000, max: 5000 }, processingMs: { min: 7000, max: 7000 } } });
    const token = await login();
    const id = await create(token);
    const queued = (await api(token, 'GET', `/reports/${id}`)).body;
    expect(queued).toMatchObject({ reportId: id, reportType: SALES, processingStatus: 'IN_QUEUE' });
    expect(queued).not.toHaveProperty('processingStartTime');
    now += 5000;
    const running = (await api(token, 'GET', `/reports/${id}`)).body;
    expect(running).toMatchObject({ processingStatus: 'IN_PROGRESS' });
    expect(running).not.toHaveProperty('reportDocumentId');
    now += 7000;
    const done = (await api(token, 'GET', `/reports/${id}`)).body;
    expect(done).toMatchObject({ processingStatus: 'DONE', reportDocumentId: expect.any(String) });
    expect(Date.parse(String(done.processingEndTime)) - Date.parse(String(done.processingStartTime))).toBe(
      7000,
    );
    expect(Date.parse(String(done.dataStartTime))).toBe(START - 6.5 * HOUR);
    expect(done).not.toHaveProperty('reportOptions');
  });

  test('times are printed with Z by one report and with +00:00 by the next', async () => {
    await start();
    const token = await login();
    const [a, b] = [await create(token), await create(token, salesRequest(START - 9 * HOUR))];
    const zones = await Promise.all(
      [a, b].map(async (id) => String((await finish(token, id)).createdTime).slice(19)),
    );
    expect(zones.sort()).toEqual(['+00:00', 'Z']);
  });

  test('only a queued report can be cancelled', async () => {
    await start({ reports: { queueMs: { min: 5000, max: 5000 } } });
    const token = await login();
    const [queued, running] = [await create(token), await create(token, salesRequest(START - 9 * HOUR))];
    expect((await api(token, 'DELETE', `/reports/${queued}`)).status).toBe(200);
    expect(await finish(token, queued)).toMatchObject({ processingStatus: 'CANCELLED' });
    expect((await api(token, 'DELETE', `/reports/${running}`)).status).toBe(400);
  });

  test('with one slot, a report waits behind another', async () => {
    await start({
      reports: { concurrency: 1, queueMs: { min: 0, max: 0 }, processingMs: { min: 10_000, max: 10_000 } },
    });
    const token = await login();
    const [first, second] = [await create(token), await create(token, salesRequest(START - 9 * HOUR))];
    now += 9000;
    expect((await api(token, 'GET', `/reports/${first}`)).body.processingStatus).toBe('IN_PROGRESS');
    expect((await api(token, 'GET', `/reports/${second}`)).body.processingStatus).toBe('IN_QUEUE');
    now += 2000;
    expect((await api(token, 'GET', `/reports/${first}`)).body.processingStatus).toBe('DONE');
    expect((await api(token, 'GET', `/reports/${second}`)).body.processingStatus).toBe('IN_PROGRESS');
  });

  test('the same request within 30 minutes ends FATAL or CANCELLED, later it does not', async () => {
    await start();
    const token = await login();
    await create(token);
    now += 29 * 60_000;
    const twin = await finish(token, await create(token));
    expect(['FATAL', 'CANCELLED']).toContain(twin.processingStatus);
    now += 31 * 60_000;
    const later = await login();
    expect(await finish(later, await create(later))).toMatchObject({ processingStatus: 'DONE' });
    expect(sim.stats()).toMatchObject({ amazon: { reports: { created: 3, duplicates: 1 } } });
  });

  test('how the next reports end can be configured', async () => {
    await start();
    const token = await login();
    sim.control({
      outcomes: [
        { status: 'CANCELLED', count: 1 },
        { status: 'FATAL', count: 1 },
        { status: 'FATAL', count: 1, errorDetails: 'The requested data is unavailable.' },
        { status: 'DONE', count: 1, empty: true },
      ],
    });
    const reports = [];
    for (let i = 0; i < 5; i++) {
      reports.push(await finish(token, await create(token, salesRequest(START - (10 + i) * HOUR))));
    }
    expect(reports.map((r) => r.processingStatus)).toEqual(['CANCELLED', 'FATAL', 'FATAL', 'DONE', 'DONE']);
    expect(reports.map((r) => r.reportDocumentId !== undefined)).toEqual([false, false, true, true, true]);
    expect((await fetchDocument(token, reports[2]?.reportDocumentId)).text).toBe(
      '{"errorDetails":"The requested data is unavailable."}',
    );
    expect(rowsIn((await fetchDocument(token, reports[3]?.reportDocumentId)).text)).toEqual([]);
    expect(rowsIn((await fetchDocument(token, reports[4]?.reportDocumentId)).text).length).toBeGreaterThan(0);
  });

  test('an unknown report, an unknown path and a report of another account are 404', async () => {
    await start();
    const token = await login();
    const id = await create(token);
    expect((await api(token, 'GET', '/reports/123')).status).toBe(404);
    expect((await api(token, 'GET', '/schedules')).status).toBe(404);
    expect((await api(await login('Atzr|other'), 'GET', `/reports/${id}`)).status).toBe(404);
  });
});

describe('getReports', () => {
  test('pages newest first, by filters or by nextToken alone', async () => {
    await start();
    const token = await login();
    const ids = [];
    for (let i = 0; i < 5; i++) {
      ids.unshift(await create(token, salesRequest(START - (10 + i) * HOUR)));
      now += 1000;
    }
    const list = async (query: string) => (await api(token, 'GET', `/reports?${query}`)).body;
    const idsOf = (body: Record<string, unknown>) =>
      (body.reports as { reportId: string }[]).map((r) => r.reportId);
    const first = await list(`reportTypes=${SALES}&pageSize=3`);
    expect(idsOf(first)).toEqual(ids.slice(0, 3));
    const second = await list(`nextToken=${first.nextToken}`);
    expect(idsOf(second)).toEqual(ids.slice(3));
    expect(second).not.toHaveProperty('nextToken');
    expect(idsOf(await list(`reportTypes=${TRAFFIC}`))).toEqual([]);
    now += 60_000;
    expect(idsOf(await list(`reportTypes=${SALES}&processingStatuses=IN_QUEUE`))).toEqual([]);
    expect(idsOf(await list(`reportTypes=${SALES}&createdSince=${iso(START + 2500)}`))).toEqual(
      ids.slice(0, 2),
    );
    for (const bad of ['', 'pageSize=10', `reportTypes=${SALES}&pageSize=101`, 'nextToken=x']) {
      expect((await api(token, 'GET', `/reports?${bad}`)).status).toBe(400);
    }
  });
});
