/** How reports end at Amazon, and what becomes of their windows. */
import { HOUR_MS } from '../../../../quota/durations';
import { resumeSignal } from '../../../../workflows/messages';
import { eventually } from '../../../support/eventually';
import { Lab } from '../../../support/stacks/amazon-lab/lab';
import type { LedgerWindow } from '../../../support/stacks/amazon-lab/lab-data';
import { leaksOf } from '../../../support/stacks/amazon-lab/leaks';
import { nextCycle, phaseOf } from '../../../support/stacks/amazon-lab/syncs';
import { lastHours } from '../../../support/stacks/due-hours';

const NOT_YET =
  'The report data for the requested date range is not yet available. Please try again with an earlier date range.';
const OPTION_MISSING = 'This report type requires the currencyCode reportOption to be specified';
const CLIENT_ERROR = 'A client error occurred. Please check your request and try again.';

/** The same window is not asked for again within this. */
const INTERVAL_MS = 3_000;
const SHORT_INTERVAL = { dailyAudit: false, minRerequestMinutes: INTERVAL_MS / 60_000 };

const lab = Lab.start({
  settings: { reports: { settleSeconds: 1, youngSeconds: 0 } },
  scenario: { reports: { duplicateWindowMinutes: 0 }, data: { emptyHourShare: 0 } },
  accounts: {
    notyet: { dataset: SHORT_INTERVAL },
    configuration: { dataset: SHORT_INTERVAL },
    unknown: {},
    speechless: {},
    interrupted: { account: { pool: { cooldownMinutes: 10 } }, dataset: SHORT_INTERVAL },
    cancelled: { dataset: SHORT_INTERVAL },
    unknownreport: { dataset: SHORT_INTERVAL },
    unknowndocument: { dataset: SHORT_INTERVAL },
    invalidcreateReport: { dataset: SHORT_INTERVAL },
    invalidgetReport: { dataset: SHORT_INTERVAL },
    invalidgetReportDocument: { dataset: SHORT_INTERVAL },
    babble: {},
    lostanswer: {},
    lostrequest: {},
    garbage: { dataset: SHORT_INTERVAL },
    currency: {},
    oldlink: {},
  },
});
afterAll(async () => (await lab).close());

const failed = (windows: readonly LedgerWindow[]) => windows.filter((w) => w.state === 'failed');

/** Some windows end in another way than DONE; the sync goes over all of them. Returns once it sleeps. */
async function firstCycle(l: Awaited<typeof lab>, label: Parameters<typeof l.sync>[0]) {
  const sync = await l.sync(label);
  const status = await phaseOf(sync, 'sleeping');
  return { sync, status };
}

describe('FATAL', () => {
  test('not yet available: recorded, left alone for a while, then requested again', async () => {
    const l = await lab;
    l.outcome('notyet', { status: 'FATAL', errorDetails: NOT_YET, count: 1 });
    const { sync, status } = await firstCycle(l, 'notyet');
    expect(status).toMatchObject({
      chunksFailed: 1,
      problems: [expect.stringContaining('not ready at the vendor')],
    });
    const [late, ...others] = failed(await l.data.windows('notyet'));
    expect(others).toEqual([]);
    expect(late).toMatchObject({ reason: expect.stringContaining(NOT_YET), evidence: { fatal: 'not-yet' } });
    expect(late?.retry_at).toBeGreaterThan(Date.now() + 30 * 60_000);

    const made = l.reportsMade('notyet').length;
    await nextCycle(sync);
    expect(l.reportsMade('notyet')).toHaveLength(made);

    // The hour is over, and so is the interval between two requests.
    await l.db.query(
      `update coverage set retry_at = now() where state = 'failed' and series_id = ${await l.data.seriesId('notyet')}`,
    );
    await eventually(
      'the interval is over',
      () => (l.calls('notyet').at(-1)?.t ?? 0) < Date.now() - INTERVAL_MS - 500,
    );
    await nextCycle(sync);
    expect(l.reportsMade('notyet').slice(made)).toEqual([{ from: late?.from, to: late?.to }]);
    expect(failed(await l.data.windows('notyet'))).toEqual([]);
    await sync.terminate();
  });

  test('a request that is wrong: left alone for a day, the rest goes on', async () => {
    const l = await lab;
    l.outcome('configuration', {
      status: 'FATAL',
      errorDetails: OPTION_MISSING,
      errorField: 'reportRequestError',
      count: 1,
    });
    const { sync } = await firstCycle(l, 'configuration');
    const windows = await l.data.windows('configuration');
    expect(failed(windows)).toMatchObject([
      {
        reason: expect.stringContaining(OPTION_MISSING),
        evidence: { fatal: 'configuration' },
      },
    ]);
    expect(failed(windows)[0]?.retry_at).toBeGreaterThan(Date.now() + 12 * HOUR_MS);
    expect(windows.length).toBeGreaterThan(3);
    const made = l.reportsMade('configuration').length;
    await nextCycle(sync);
    expect(l.reportsMade('configuration')).toHaveLength(made);
    await sync.terminate();
  });

  test('for an unknown reason: the halves are tried', async () => {
    const l = await lab;
    l.outcome('unknown', { status: 'FATAL', errorDetails: CLIENT_ERROR, count: 1 });
    const span = lastHours(6);
    const work = await l.backfill('unknown', span, 6);
    expect(await work.result()).toMatchObject({ chunks: 2, done: 2, failed: 0 });
    const middle = span.from + 3 * HOUR_MS;
    expect(l.reportsMade('unknown')).toEqual([
      span,
      expect.objectContaining({ from: expect.any(Number) }),
      expect.objectContaining({ from: expect.any(Number) }),
    ]);
    expect((await l.data.windows('unknown')).map(({ from, to }) => ({ from, to }))).toEqual([
      { from: span.from, to: middle },
      { from: middle, to: span.to },
    ]);
    expect(await l.data.rows('unknown', span)).toEqual(await l.data.truth('unknown', span));
  });

  test('without a document: halves down to an hour, which may be late, and is tried again in its own age', async () => {
    const l = await lab;
    const span = lastHours(2);
    const bad = { from: new Date(span.from).toISOString(), to: new Date(span.from + HOUR_MS).toISOString() };
    l.outcome('speechless', { status: 'FATAL', ...bad });
    const work = await l.backfill('speechless', span, 2);
    expect(await work.result()).toMatchObject({ chunks: 2, done: 1, failed: 1 });
    expect(l.calls('speechless', 'createReport')).toHaveLength(3);
    const windows = await l.data.windows('speechless');
    expect(windows.map((w) => w.state)).toEqual(['failed', 'done']);
    expect(windows[0]?.reason).toMatch(/FATAL: no explanation/);
    const age = Date.now() - span.from - HOUR_MS;
    expect(windows[0]?.retry_at).toBeGreaterThan(Date.now() + 0.5 * HOUR_MS);
    expect(windows[0]?.retry_at).toBeLessThan(Date.now() + age + HOUR_MS);
  });

  test('a quota between the report and its explanation does not make a late hour a bad one', async () => {
    const l = await lab;
    l.outcome('interrupted', { status: 'FATAL', errorDetails: NOT_YET });
    l.fault('interrupted', { id: 'explain', kind: 'quota', operation: 'getReportDocument' });
    const sync = await l.sync('interrupted');
    await phaseOf(sync, 'waiting for quota');
    l.simulator.control({ clearFaults: ['explain'] });
    await l.poolWorkflow('interrupted').signal(resumeSignal);
    await phaseOf(sync, 'sleeping');
    const windows = failed(await l.data.windows('interrupted'));
    expect(windows.length).toBeGreaterThan(3);
    expect(windows.filter((w) => w.evidence.fatal !== 'not-yet' || w.retry_at === null)).toEqual([]);
    expect(await rejected(l, 'interrupted')).toEqual([]);
    await sync.terminate();
  });
});

describe.each([
  ['CANCELLED', 'cancelled', (l) => l.outcome('cancelled', { status: 'CANCELLED', count: 1 })],
  [
    'a report that the vendor no longer knows',
    'unknownreport',
    (l) => l.fault('unknownreport', { kind: 'status', status: 404, operation: 'getReport', count: 1 }),
  ],
  [
    'a document that the vendor no longer knows',
    'unknowndocument',
    (l) =>
      l.fault('unknowndocument', { kind: 'status', status: 404, operation: 'getReportDocument', count: 1 }),
  ],
] as [string, 'cancelled' | 'unknownreport' | 'unknowndocument', (l: Awaited<typeof lab>) => void][])(
  '%s',
  (_, label, arrange) => {
    test('is requested again, but not within the least interval', async () => {
      const l = await lab;
      arrange(l);
      const { sync, status } = await firstCycle(l, label);
      expect(status.chunksFailed).toBe(1);
      const asked = l.reportsMade(label);
      const ended = (await l.data.jobs(label)).filter((job) => job.state !== 'ingested');
      expect(ended).toHaveLength(1);

      const firstAskedAt = l.calls(label, 'createReport')[0]?.t ?? 0;
      await eventually('another cycle gets it', async () => {
        await nextCycle(sync);
        return l.reportsMade(label).length > asked.length;
      });
      const again = l.calls(label, 'createReport').slice(asked.length);
      expect(l.reportsMade(label).slice(asked.length)).toEqual([{ from: ended[0]?.from, to: ended[0]?.to }]);
      expect(again[0]?.t).toBeGreaterThanOrEqual(firstAskedAt + INTERVAL_MS);
      expect((await l.data.windows(label)).filter((w) => w.state !== 'done')).toEqual([]);
      await sync.terminate();
    });
  },
);

describe.each(['getReport', 'getReportDocument'] as const)('400 from %s', (operation) => {
  test("is our mistake: recorded with the vendor's message, left alone for a day, and the rest goes on", async () => {
    const l = await lab;
    const label = `invalid${operation}` as const;
    const body = JSON.stringify({
      errors: [{ code: 'InvalidInput', message: 'Not like this.', details: '' }],
    });
    l.fault(label, { kind: 'status', status: 400, operation, count: 1, body });
    const { sync, status } = await firstCycle(l, label);
    expect(status).toMatchObject({ chunksFailed: 1, problems: [expect.stringContaining('Not like this.')] });
    const answer = l.calls(label, operation).find((call) => call.status === 400);
    const windows = await l.data.windows(label);
    expect(failed(windows)).toMatchObject([
      {
        reason: expect.stringContaining('400 InvalidInput "Not like this."'),
        evidence: { httpStatus: 400, code: 'InvalidInput', requestId: answer?.requestId },
      },
    ]);
    expect(failed(windows)[0]?.retry_at).toBeGreaterThan(Date.now() + 12 * HOUR_MS);
    expect(windows.filter((w) => w.state === 'done').length).toBeGreaterThan(2);
    expect((await l.data.jobs(label)).filter((job) => job.state !== 'ingested')).toMatchObject([
      { state: 'failed' },
    ]);
    const calls = l.calls(label).length;
    await nextCycle(sync);
    expect(l.calls(label)).toHaveLength(calls);
    await sync.terminate();
  });
});

test('400 from createReport: the span is requested in two parts', async () => {
  const l = await lab;
  const body = JSON.stringify({ errors: [{ code: 'InvalidInput', message: 'Not like this.', details: '' }] });
  l.fault('invalidcreateReport', { kind: 'status', status: 400, operation: 'createReport', count: 1, body });
  const span = lastHours(6);
  const work = await l.backfill('invalidcreateReport', span, 6);
  expect(await work.result()).toMatchObject({ chunks: 2, done: 2, failed: 0 });
  expect(l.reportsMade('invalidcreateReport')).toEqual([
    { from: span.from, to: span.from + 3 * HOUR_MS },
    { from: span.from + 3 * HOUR_MS, to: span.to },
  ]);
});

test('an answer that is not JSON is no answer: the call is repeated', async () => {
  const l = await lab;
  for (const operation of ['createReport', 'getReport', 'getReportDocument'])
    l.fault('babble', { kind: 'garbage-body', operation, count: 1 });
  const span = lastHours(2);
  const work = await l.backfill('babble', span);
  expect(await work.result()).toMatchObject({ done: 2, failed: 0 });
  expect(l.reportsMade('babble')).toHaveLength(2);
  expect(await l.data.rows('babble', span)).toEqual(await l.data.truth('babble', span));
});

describe('a createReport without an answer', () => {
  test('that the vendor has carried out: its report is found and adopted', async () => {
    const l = await lab;
    l.fault('lostanswer', { kind: 'drop-after-processing', operation: 'createReport', count: 2 });
    const span = lastHours(6);
    const work = await l.backfill('lostanswer', span);
    expect(await work.result()).toMatchObject({ chunks: 6, done: 6, failed: 0 });
    const made = l.reportsMade('lostanswer').map((s) => s.from);
    expect(made).toHaveLength(6);
    expect(new Set(made).size).toBe(6);
    expect(l.calls('lostanswer', 'getReports')).toHaveLength(2);
    expect(await l.data.rows('lostanswer', span)).toEqual(await l.data.truth('lostanswer', span));
  });

  test('that never arrived: looked up, then requested', async () => {
    const l = await lab;
    l.fault('lostrequest', { kind: 'drop-before', operation: 'createReport', count: 1 });
    const work = await l.backfill('lostrequest', lastHours(2));
    expect(await work.result()).toMatchObject({ done: 2, failed: 0 });
    expect(
      l
        .calls('lostrequest', 'createReport')
        .map((c) => c.status)
        .sort(),
    ).toEqual([0, 202, 202]);
    // Once at once, and once when the list can be believed, unless that is so already.
    expect([1, 2]).toContain(l.calls('lostrequest', 'getReports').length);
  });
});

describe('a document', () => {
  test('that is no report: refused, kept as evidence, its window failed, the rest goes on', async () => {
    const l = await lab;
    l.fault('garbage', { kind: 'garbage-body', operation: 'downloadDocument', count: 1 });
    const { sync, status } = await firstCycle(l, 'garbage');
    expect(status).toMatchObject({ chunksFailed: 1 });
    const windows = await l.data.windows('garbage');
    expect(failed(windows)).toHaveLength(1);
    expect(windows.filter((w) => w.state === 'done').length).toBeGreaterThan(2);
    const [evidence] = await rejected(l, 'garbage');
    expect(evidence).toMatchObject({ code: 'json', from: failed(windows)[0]?.from });
    expect(failed(windows)[0]?.retry_at).toBeGreaterThan(Date.now() + 12 * HOUR_MS);
    await sync.terminate();
  });

  test('of an adopted report in another currency: refused', async () => {
    const l = await lab;
    const span = lastHours(1);
    await askAsStranger(l, 'currency', span, 'EUR');
    l.fault('currency', { kind: 'drop-before', operation: 'createReport', count: 1 });
    const work = await l.backfill('currency', span);
    expect(await work.result()).toMatchObject({ done: 0, failed: 1 });
    expect(failed(await l.data.windows('currency'))[0]?.reason).toMatch(/currency/i);
    const [evidence] = await rejected(l, 'currency');
    expect(evidence?.head).toMatch(/"currencyCode":"EUR"/);
    expect(await l.data.rows('currency', span)).toEqual([]);
  });

  test('behind a link that has expired: another link is fetched', async () => {
    const l = await lab;
    l.simulator.control({ documentUrlLifetimeSeconds: 0.001 });
    const span = lastHours(1);
    l.outcome('oldlink', { status: 'FATAL', errorDetails: NOT_YET, from: new Date(span.from).toISOString() });
    const work = await l.backfill('oldlink', { from: span.from - HOUR_MS, to: span.to });
    await eventually('a document is behind an expired link', () => {
      const refused = l.calls('oldlink', 'downloadDocument').filter((c) => c.status === 403);
      return refused.length >= 2;
    });
    l.simulator.control({ documentUrlLifetimeSeconds: 300 });
    await eventually('the good one is in', async () => (await l.data.windows('oldlink')).length === 2);
    const windows = await l.data.windows('oldlink');
    expect(windows.map((w) => w.state)).toEqual(['done', 'failed']);
    expect(windows[1]).toMatchObject({ evidence: { fatal: 'not-yet' } });
    expect(await l.pool('oldlink')).toMatchObject({ state: 'closed', failures: 0 });
    await work.terminate();
  });
});

test('nothing secret is left anywhere', async () => {
  expect(await leaksOf(await lab)).toEqual([]);
});

async function rejected(l: Awaited<typeof lab>, label: Parameters<typeof l.data.seriesId>[0]) {
  const { rows } = await l.db.query<{ code: string; problem: string; head: string; from: number }>(
    `select code, problem, convert_from(case when code = 'gzip' then ''::bytea else head end, 'utf8') as head,
            lower(span) as "from"
     from rejected_documents where series_id = $1 order by id`,
    [await l.data.seriesId(label)],
  );
  return rows;
}

/** A report that somebody else has asked for with the same account. */
async function askAsStranger(
  l: Awaited<typeof lab>,
  label: Parameters<typeof l.data.seriesId>[0],
  span: { from: number; to: number },
  currencyCode: string,
): Promise<void> {
  const login = await fetch(l.simulator.tokenUrl, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: l.refreshToken(label),
      client_id: 'stranger',
      client_secret: 'stranger',
    }),
  });
  const { access_token: token } = (await login.json()) as { access_token: string };
  const made = await fetch(`${l.simulator.url}/reports/2021-06-30/reports`, {
    method: 'POST',
    headers: { 'x-amz-access-token': token, 'content-type': 'application/json' },
    body: JSON.stringify({
      reportType: 'GET_VENDOR_REAL_TIME_SALES_REPORT',
      marketplaceIds: ['ATVPDKIKX0DER'],
      dataStartTime: new Date(span.from).toISOString(),
      dataEndTime: new Date(span.to).toISOString(),
      reportOptions: { currencyCode },
    }),
  });
  expect(made.status).toBe(202);
}
