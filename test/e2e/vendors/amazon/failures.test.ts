/** Amazon's own failures and the network's: short waits, a breaker when they go on, and no report twice. */

import { failuresIn } from '../../../support/histories';
import { Lab } from '../../../support/stacks/amazon-lab/lab';
import { leaksOf } from '../../../support/stacks/amazon-lab/leaks';
import { lastHours } from '../../../support/stacks/due-hours';

const TIMEOUT_MS = 3000;
const OPEN_MS = 10_000;
const BREAKER = { pool: { breakerFailures: 5, breakerOpenSeconds: OPEN_MS / 1000 } };

const lab = Lab.start({
  settings: { http: { timeoutMs: TIMEOUT_MS } },
  accounts: {
    silent: { dataset: { minRerequestMinutes: 90 } },
    backoff: {},
    unavailable: {},
    breaker: { account: BREAKER },
    dropped: {},
    cut: {},
    slow: {},
  },
});
afterAll(async () => (await lab).close());

test('503 is retried after 0.5, 1 and 2 seconds, give or take a tenth, and the history says why', async () => {
  const l = await lab;
  l.fault('backoff', { kind: 'status', status: 503, operation: 'getReportDocument', count: 3 });
  const span = lastHours(1);
  const work = await l.backfill('backoff', span);
  expect(await work.result()).toMatchObject({ done: 1, failed: 0 });
  const calls = l.calls('backoff', 'getReportDocument');
  expect(calls.map((c) => c.status)).toEqual([503, 503, 503, 200]);
  const waits = calls.slice(1).map((call, i) => call.t - (calls[i]?.t ?? 0));
  for (const [i, least] of [450, 900, 1800].entries()) expect(waits[i]).toBeGreaterThanOrEqual(least);
  // A busy machine adds to it, but not minutes.
  for (const wait of waits) expect(wait).toBeLessThan(30_000);
  // Three failures and then a success: the breaker counts anew.
  expect(await l.pool('backoff')).toMatchObject({ state: 'closed', failures: 0 });

  const [reported] = failuresIn(await work.fetchHistory());
  expect(reported).toMatchObject({
    type: 'sluice.server',
    message: expect.stringMatching(
      /^server: 503 InternalFailure .*\(getReportDocument of GET_VENDOR_REAL_TIME_SALES_REPORT, request /,
    ),
    details: { evidence: { requestId: calls[2]?.requestId, httpStatus: 503 }, waitMs: expect.any(Number) },
  });
});

test('a report is requested at most three times when neither an answer nor a report comes', async () => {
  const l = await lab;
  l.fault('silent', { id: 'silent', kind: 'drop-before', operation: 'createReport' });
  expect(await (await l.backfill('silent', lastHours(1))).result()).toMatchObject({ done: 0, failed: 1 });
  expect(l.calls('silent', 'createReport')).toHaveLength(3);
  const [window] = await l.data.windows('silent');
  expect(window).toMatchObject({
    state: 'failed',
    reason: expect.stringMatching(/^3 requests brought no report; the last: .*createReport/),
  });
  l.simulator.control({ clearFaults: ['silent'] });
});

test('500 from every operation in turn is got over', async () => {
  const l = await lab;
  for (const operation of ['createReport', 'getReport', 'getReportDocument', 'downloadDocument', 'token'])
    l.fault('unavailable', { kind: 'status', status: 500, operation, count: 1 });
  const span = lastHours(3);
  const work = await l.backfill('unavailable', span);
  expect(await work.result()).toMatchObject({ chunks: 3, done: 3, failed: 0 });
  // Whether a gateway's 500 has made a report is not known: it is looked for first, and once more when the list can be
  // believed, unless that is so already.
  expect([1, 2]).toContain(l.calls('unavailable', 'getReports').length);
  expect(l.reportsMade('unavailable')).toHaveLength(3);
  expect(await l.data.rows('unavailable', span)).toEqual(await l.data.truth('unavailable', span));
});

test('five failures in a row open the breaker; one probe ends it', async () => {
  const l = await lab;
  // Not five and no more: between them, a create call that comes late would begin the count anew.
  l.fault('breaker', { id: 'breaker', kind: 'status', status: 500, operation: 'getReport' });
  const span = lastHours(6);
  const work = await l.backfill('breaker', span);
  const open = await l.poolBecomes('breaker', 'open');
  l.simulator.control({ clearFaults: ['breaker'] });
  expect(open.reason).toMatch(/^5 service failures in a row; last: 500/);
  expect((open.until ?? 0) - open.since).toBeCloseTo(OPEN_MS, -2);
  expect(await work.result()).toMatchObject({ chunks: 6, done: 6, failed: 0 });

  const until = open.until ?? 0;
  expect(l.calls('breaker').filter((c) => c.t > open.since + 1000 && c.t < until)).toEqual([]);
  // The probe goes alone: whatever comes next comes after it.
  const after = l.calls('breaker').filter((c) => c.t >= until);
  const closedAt = await l.db.query<{ at: number }>(
    `select at from events where pool = $1 and kind = 'pool.closed'`,
    [l.poolKey('breaker')],
  );
  expect(after.filter((c) => c.t < (closedAt.rows[0]?.at ?? 0))).toHaveLength(1);
  expect(await l.poolEventKinds('breaker')).toEqual(['pool.open', 'pool.half_open', 'pool.closed']);
  expect(await l.data.rows('breaker', span)).toEqual(await l.data.truth('breaker', span));
});

test('dropped connections are tried again, wherever they happen', async () => {
  const l = await lab;
  for (const operation of ['token', 'getReport', 'getReportDocument', 'downloadDocument'])
    l.fault('dropped', { kind: 'drop-before', operation, count: 1 });
  const span = lastHours(2);
  const work = await l.backfill('dropped', span);
  expect(await work.result()).toMatchObject({ done: 2, failed: 0 });
  expect(l.calls('dropped').filter((c) => c.status === 0)).toHaveLength(4);
  expect(l.reportsMade('dropped')).toHaveLength(2);
  const reported = failuresIn(await work.fetchHistory());
  expect(reported.map((f) => f.type)).toContain('sluice.server');
});

test('a document that breaks off leaves nothing behind and is fetched again', async () => {
  const l = await lab;
  l.fault('cut', { kind: 'truncated-body', operation: 'downloadDocument', count: 1 });
  const span = lastHours(20);
  const work = await l.backfill('cut', span, 20);
  expect(await work.result()).toMatchObject({ done: 1, failed: 0 });
  expect(l.calls('cut', 'downloadDocument')).toHaveLength(2);
  expect(l.calls('cut', 'getReportDocument')).toHaveLength(1);
  expect((await l.data.windows('cut')).map((w) => w.state)).toEqual(['done']);
  expect(await l.data.rows('cut', span)).toEqual(await l.data.truth('cut', span));
});

test('an answer that takes too long is given up, and its report is found again', async () => {
  const l = await lab;
  for (const operation of ['createReport', 'getReport'])
    l.fault('slow', { kind: 'latency', operation, latencyMs: TIMEOUT_MS * 1.5, count: 1 });
  const span = lastHours(1);
  const work = await l.backfill('slow', span);
  expect(await work.result()).toMatchObject({ done: 1, failed: 0 });
  expect(l.reportsMade('slow')).toHaveLength(1);
  expect(l.calls('slow', 'getReports')).toHaveLength(1);
  const [first, second] = l.calls('slow', 'getReport');
  expect((second?.t ?? 0) - (first?.t ?? 0)).toBeGreaterThanOrEqual(TIMEOUT_MS);
  const reported = failuresIn(await work.fetchHistory());
  expect(reported.map((f) => f.message).join()).toMatch(/UND_ERR_HEADERS_TIMEOUT/);
});

test('nothing secret is left anywhere', async () => {
  expect(await leaksOf(await lab)).toEqual([]);
});
