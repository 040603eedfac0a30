/** What stops is no wider than what was refused, what may mean the token gets another one, what may be cured is looked at. */

import { listKindStops } from '../../../../store/permits/call-kinds';
import { applyPoolEvent } from '../../../../store/pools/pools';
import { resumeSignal } from '../../../../workflows/messages';
import { eventually } from '../../../support/eventually';
import { Lab } from '../../../support/stacks/amazon-lab/lab';
import { leaksOf } from '../../../support/stacks/amazon-lab/leaks';
import { phaseOf } from '../../../support/stacks/amazon-lab/syncs';
import { lastHours } from '../../../support/stacks/due-hours';
import { MARKETPLACE } from '../../../support/stacks/stack';

const SALES = 'GET_VENDOR_REAL_TIME_SALES_REPORT';
const CANADA = 'A2EUQ1WTGCTBG2';
const TRAFFIC = 'amazon/rt-traffic';
const BOTH = ['amazon/rt-sales', TRAFFIC];
const PAUSE = { pool: { cooldownMinutes: 10 } };
const SOON = { pool: { cooldownMinutes: 10, recheckMinutes: 0.03 } };

const lab = Lab.start({
  accounts: {
    limited: { datasets: BOTH, account: PAUSE },
    absurd: { datasets: BOTH, account: PAUSE },
    usedUp: { datasets: BOTH, account: PAUSE },
    halved: {
      account: {
        ...PAUSE,
        marketplaces: [MARKETPLACE, CANADA],
        currency: { [MARKETPLACE]: 'USD', [CANADA]: 'CAD' },
      },
    },
    roleless: { datasets: BOTH, account: PAUSE },
    revoked: { account: PAUSE },
    fenced: { account: { ...PAUSE, retry: { server: { baseMs: 50, maxMs: 100, attempts: 8 } } } },
    cured: { account: SOON },
    redirected: { account: SOON },
    nonsense: { account: SOON },
  },
});
afterAll(async () => (await lab).close());

const denied = (message: string) =>
  JSON.stringify({ errors: [{ code: 'Unauthorized', message, details: '' }] });
const QUOTA = JSON.stringify({ errors: [{ code: 'QuotaExceeded', message: 'Too many', details: '' }] });
const kinds = (l: Lab<string>, label: string) => l.poolEventKinds(label);

test('a wait of years for one report type stops no other, and a resume ends it', async () => {
  const l = await lab;
  l.fault('absurd', {
    id: 'absurd',
    kind: 'status',
    status: 429,
    headers: { 'retry-after': '99999999999999' },
    body: QUOTA,
    operation: 'createReport',
    where: { reportType: SALES },
  });
  const refused = await l.backfill('absurd', lastHours(1));
  await eventually(
    'the stop is known',
    async () => (await listKindStops(l.db, l.poolKey('absurd'))).length > 0,
  );
  expect(await (await l.backfill('absurd', lastHours(2), 1, TRAFFIC)).result()).toMatchObject({ done: 2 });
  const [stop] = await listKindStops(l.db, l.poolKey('absurd'));
  expect(stop).toMatchObject({ subject: SALES, refusedFor: 'quota' });
  expect(stop?.until).toBeGreaterThan(Date.now() + 300 * 24 * 3_600_000);
  expect((await l.pool('absurd')).state).toBe('closed');
  l.simulator.control({ clearFaults: ['absurd'] });
  await l.poolWorkflow('absurd').signal(resumeSignal);
  expect(await refused.result()).toMatchObject({ done: 1, failed: 0 });
});

test('a 429 for one report type stops its requests alone: the others are served, and it says which', async () => {
  const l = await lab;
  l.fault('limited', {
    id: 'limited',
    kind: 'quota',
    operation: 'createReport',
    where: { reportType: SALES },
  });
  const refused = await l.backfill('limited', lastHours(4));
  const served = await l.backfill('limited', lastHours(6), 1, TRAFFIC);
  expect(await served.result()).toMatchObject({ done: 6, failed: 0 });
  const [stop] = await eventually('the stop is known', async () => {
    const stops = await listKindStops(l.db, l.poolKey('limited'));
    return stops.length > 0 && stops;
  });
  expect(stop).toMatchObject({
    operation: 'createReport',
    subject: SALES,
    refusedFor: 'quota',
    evidence: { operation: 'createReport', subject: SALES, caller: 'amazon/rt-sales', code: 'QuotaExceeded' },
  });
  expect(stop?.until).toBeGreaterThan(Date.now() + 9 * 60_000);
  // Two may have left together: each is refused, and both count once.
  expect(stop?.strikes).toBe(1);
  expect(stop?.reason).toContain(`createReport of ${SALES}`);
  expect((await l.pool('limited')).state).toBe('closed');
  expect(await kinds(l, 'limited')).toEqual(['calls.stopped']);
  // Two at a time, and no more while it is stopped.
  expect(l.calls('limited', 'createReport').filter((call) => call.status === 429).length).toBeLessThanOrEqual(
    2,
  );
  await refused.terminate();
});

test('a 429 that the other report types get as well stops the account, for one further refused call', async () => {
  const l = await lab;
  l.fault('usedUp', { id: 'usedUp', kind: 'quota', operation: 'createReport' });
  const sales = await l.backfill('usedUp', lastHours(1));
  await eventually('the first refusal', () => l.calls('usedUp', 'createReport').length === 1);
  const traffic = await l.backfill('usedUp', lastHours(1), 1, TRAFFIC);
  await l.poolBecomes('usedUp', 'quota_paused');
  expect(l.calls('usedUp', 'createReport')).toHaveLength(2);
  expect(await kinds(l, 'usedUp')).toEqual(['calls.stopped', 'pool.quota_paused']);

  l.simulator.control({ clearFaults: ['usedUp'] });
  await l.poolWorkflow('usedUp').signal(resumeSignal);
  expect(await traffic.result()).toMatchObject({ done: 1 });
  // The operator's word frees what was stopped for itself, too, and wakes it.
  expect(await sales.result()).toMatchObject({ done: 1, failed: 0 });
  expect(await listKindStops(l.db, l.poolKey('usedUp'))).toEqual([]);
});

test('a 403 for one report type stops that one, after one login; the account goes on', async () => {
  const l = await lab;
  const body = denied('The application has no role for this report.');
  l.fault('roleless', { id: 'role', kind: 'status', status: 403, body, where: { reportType: SALES } });
  const refused = await l.backfill('roleless', lastHours(1));
  await eventually('it is stopped', async () => (await kinds(l, 'roleless')).includes('calls.stopped'));
  expect(l.calls('roleless').map((c) => [c.operation, c.status])).toEqual([
    ['token', 200],
    ['createReport', 403],
    ['token', 200],
    ['createReport', 403],
  ]);
  const served = await l.backfill('roleless', lastHours(6), 1, TRAFFIC);
  expect(await served.result()).toMatchObject({ done: 6, failed: 0 });
  expect((await l.pool('roleless')).state).toBe('closed');
  expect(await listKindStops(l.db, l.poolKey('roleless'))).toEqual([
    expect.objectContaining({ operation: 'createReport', subject: SALES, refusedFor: 'access', strikes: 1 }),
  ]);
  await refused.terminate();
});

test('a 403 for one marketplace stops that one: the other is asked for its hours', async () => {
  const l = await lab;
  const body = denied('Access to requested resource is denied.');
  const where = { marketplaceIds: CANADA };
  l.fault('halved', { id: 'halved', kind: 'status', status: 403, body, where, operation: 'createReport' });
  const work = await l.backfill('halved', lastHours(6));
  const made = () =>
    l.calls('halved', 'createReport').filter(({ status, requestDetail }) => {
      return status === 202 && [requestDetail.marketplaceIds].flat()[0] === MARKETPLACE;
    });
  await eventually('the other marketplace has its reports', () => made().length === 6);
  const stops = await eventually('it is stopped', async () => {
    const found = await listKindStops(l.db, l.poolKey('halved'));
    return found.length > 0 && found;
  });
  expect(stops).toEqual([
    expect.objectContaining({ subject: SALES, part: `${CANADA} CAD`, refusedFor: 'access', strikes: 1 }),
  ]);
  expect((await l.pool('halved')).state).toBe('closed');
  expect(await phaseOf(work, 'waiting for quota')).toMatchObject({ detail: expect.stringContaining(CANADA) });
  l.simulator.control({ clearFaults: ['halved'] });
  const logins = l.calls('halved', 'token').length;
  // A role that was granted meanwhile may not be in the old token.
  const { freed } = await applyPoolEvent(l.db, l.poolKey('halved'), { type: 'resume' });
  expect(freed).toMatchObject([{ operation: 'createReport', part: `${CANADA} CAD`, refusedFor: 'access' }]);
  await l.poolWorkflow('halved').signal(resumeSignal);
  expect(await work.result()).toMatchObject({ done: 12, failed: 0 });
  expect(l.calls('halved', 'token')).toHaveLength(logins + 1);
});

test('an access token that is withdrawn in whatever words is replaced once, and nothing else happens', async () => {
  const l = await lab;
  for (let i = 1; i <= 5; i++) {
    const work = await l.backfill('revoked', { from: lastHours(i).from, to: lastHours(i).from + 3_600_000 });
    expect(await work.result()).toMatchObject({ done: 1, failed: 0 });
    expect(l.calls('revoked', 'token')).toHaveLength(i);
    l.simulator.control({ revokeAccessTokens: [l.account('revoked')] });
  }
  expect(await kinds(l, 'revoked')).toEqual([]);
});

test('a 403 in HTML is a failure of the service: no login, no hold', async () => {
  const l = await lab;
  const body = '<html><body><h1>403 Forbidden</h1>Access token blocked</body></html>';
  l.fault('fenced', { kind: 'status', status: 403, body, operation: 'createReport', count: 3 });
  expect(await (await l.backfill('fenced', lastHours(1))).result()).toMatchObject({ done: 1, failed: 0 });
  expect(l.calls('fenced', 'token')).toHaveLength(1);
  expect(await kinds(l, 'fenced')).toEqual([]);
});

test('a pool held for refused credentials probes by itself, and goes on once they are good', async () => {
  const l = await lab;
  l.simulator.control({ revokeRefreshTokens: [l.refreshToken('cured')] });
  const work = await l.backfill('cured', lastHours(2));
  const held = await l.poolBecomes('cured', 'held');
  expect(held).toMatchObject({ cause: 'credentials', strikes: 1 });
  expect(held.until).not.toBeNull();
  const longer = await eventually('it has looked twice', async () => {
    const pool = await l.pool('cured');
    return pool.state === 'held' && pool.strikes === 3 && pool;
  });
  expect((longer.until ?? 0) - longer.since).toBeGreaterThan(3 * ((held.until ?? 0) - held.since));
  // Each check is one login by one caller.
  expect(l.calls('cured').map((c) => c.operation)).toEqual(['token', 'token', 'token']);
  l.simulator.control({ restoreRefreshTokens: [l.refreshToken('cured')] });
  expect(await work.result()).toMatchObject({ done: 2, failed: 0 });
  expect(await l.pool('cured')).toMatchObject({ state: 'closed', strikes: 0 });
});

test.each([
  ['redirected', { operation: 'createReport', status: 302, headers: { location: 'https://example.com/' } }],
  ['nonsense', { operation: 'token', status: 200, body: '<html>Please sign in</html>' }],
] as const)('an answer that any request would have got blames no window: %s', async (label, fault) => {
  const l = await lab;
  l.fault(label, { id: label, kind: 'status', ...fault });
  const work = await l.backfill(label, lastHours(3));
  const held = await l.poolBecomes(label, 'held');
  expect(held).toMatchObject({ cause: 'configuration', evidence: { httpStatus: fault.status } });
  expect(held.until).not.toBeNull();
  await phaseOf(work, 'waiting for quota');
  l.simulator.control({ clearFaults: [label] });
  expect(await work.result()).toMatchObject({ done: 3, failed: 0, problems: [] });
  expect((await l.data.windows(label)).filter((w) => w.state === 'failed')).toEqual([]);
});

test('nothing secret is left anywhere', async () => {
  expect(await leaksOf(await lab)).toEqual([]);
});
