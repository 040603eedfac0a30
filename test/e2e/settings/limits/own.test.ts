/** A limit that an operator adds for one report type, over two accounts of one application, as the vendor sees it. */
import type { Backend } from '../../../../client/operations/backend/backend';
import { planReports } from '../../../../client/operations/datasets/plan';
import { changeLimit } from '../../../../client/operations/pools/limits';
import { datasetContext } from '../../../../settings/datasets/report-context';
import { listKindStops } from '../../../../store/permits/call-kinds';
import { listLimits } from '../../../../store/permits/permits';
import { eventually } from '../../../support/eventually';
import { violations } from '../../../support/models/arrival-judge';
import { Lab } from '../../../support/stacks/amazon-lab/lab';
import { phaseOf } from '../../../support/stacks/amazon-lab/syncs';
import { lastHours } from '../../../support/stacks/due-hours';
import { plainBackend } from '../../../support/stacks/plain-backend';

const TRAFFIC = 'amazon/rt-traffic';
const SALES = 'amazon/rt-sales';
const SPACING_MS = 1500;
const TYPE = 'GET_VENDOR_REAL_TIME_TRAFFIC_REPORT';

const account = {
  application: 'one application',
  limits: {
    createReport: { ratePerSecond: 50, burst: 50 },
    getReport: { ratePerSecond: 50, burst: 50 },
    getReportDocument: { ratePerSecond: 50, burst: 50 },
    'traffic-spacing': {
      operations: ['createReport'],
      scope: ['application'],
      match: { reportType: TYPE },
      ms: SPACING_MS,
    },
  },
};
/** Two reports, and then none for hours. */
const SCARCE = { 'of-mine': { operations: ['createReport'], scope: ['account'], count: 2, ms: '6h' } };
const SCARCE_OF_TYPE = { 'of-mine': { ...SCARCE['of-mine'], scope: ['account', 'reportType'] } };
const WIDE = {
  createReport: { ratePerSecond: 50, burst: 50 },
  getReport: { ratePerSecond: 50, burst: 50 },
  getReportDocument: { ratePerSecond: 50, burst: 50 },
};

const lab = Lab.start({
  scenario: {
    limits: {
      createReport: { ratePerSecond: 100, burst: 100 },
      getReport: { ratePerSecond: 100, burst: 100 },
      getReportDocument: { ratePerSecond: 100, burst: 100 },
    },
  },
  accounts: {
    first: { datasets: [TRAFFIC, SALES], account },
    second: { datasets: [TRAFFIC, SALES], account },
    raised: { account: { limits: { ...WIDE, ...SCARCE_OF_TYPE } } },
    removed: { account: { limits: { ...WIDE, ...SCARCE } } },
  },
});
afterAll(async () => (await lab).close());

test('is planned with, and keeps the calls of both accounts apart that it matches, and no others', async () => {
  const l = await lab;
  const span = lastHours(4);
  const context = datasetContext(l.settings(), TRAFFIC, l.account('first'));
  const options = { ...span, chunkHours: 1, priority: null, reportMs: { min: 0, max: 0 } };
  const plan = await planReports(l.db, context, options, Date.now());
  expect(plan.binding).toMatchObject({ limit: 'traffic-spacing', waitMs: 3 * SPACING_MS });
  const work = await Promise.all(
    (['first', 'second'] as const).flatMap((name) => [
      l.backfill(name, span, 1, TRAFFIC),
      l.backfill(name, span, 1, SALES),
    ]),
  );
  for (const one of work) expect(await one.result()).toMatchObject({ chunks: 4, done: 4, failed: 0 });
  const created = (['first', 'second'] as const).flatMap((name) => l.calls(name, 'createReport'));
  const traffic = created.filter(({ requestDetail }) => String(requestDetail.reportType).includes('TRAFFIC'));
  expect(traffic).toHaveLength(8);
  const arrivals = traffic.map(({ t }) => ({ at: t, units: 1 })).sort((a, b) => a.at - b.at);
  expect(violations({ kind: 'spacing', ms: SPACING_MS }, arrivals)).toEqual([]);
  // Sales go between, without a distance to them.
  const all = created.map(({ t }) => ({ at: t, units: 1 })).sort((a, b) => a.at - b.at);
  expect(all).toHaveLength(16);
  expect(violations({ kind: 'spacing', ms: SPACING_MS }, all)).not.toEqual([]);
  const { rows } = await l.db.query(
    `select key, granted_calls::int as calls, (select count(*)::int from pool_limits p where p.limit_key = l.key) as pools
     from limits l where name = 'traffic-spacing'`,
  );
  // A permit that a busy process could not use counts as well.
  expect(rows).toEqual([
    { key: 'amazon/one%20application/traffic-spacing', calls: expect.any(Number), pools: 2 },
  ]);
  expect(rows[0].calls).toBeGreaterThanOrEqual(8);
});

test('a call that waited for its turn does not leave when its report type was refused meanwhile', async () => {
  const l = await lab;
  l.fault('first', { id: 'refused', kind: 'quota', operation: 'createReport', where: { reportType: TYPE } });
  const before = l.calls('first', 'createReport').length;
  const work = await l.backfill('first', lastHours(12), 1, TRAFFIC);
  await phaseOf(work, 'waiting for quota');
  // Any more of its calls would have left by then.
  await new Promise((resolve) => setTimeout(resolve, 3 * SPACING_MS));
  expect(l.calls('first', 'createReport').length - before).toBe(1);
  expect(await listKindStops(l.db, l.poolKey('first'))).toMatchObject([{ subject: TYPE, strikes: 1 }]);
  l.simulator.control({ clearFaults: ['refused'] });
  await work.terminate();
});

describe('work that sleeps until a limit has room goes on at once', () => {
  const waiting = async (name: 'raised' | 'removed') => {
    const l = await lab;
    const work = await l.backfill(name, lastHours(4));
    await phaseOf(work, 'waiting for quota');
    const isOfType = name === 'raised';
    const scope = isOfType ? `of-mine of ${l.account(name)}/GET_VENDOR_REAL_TIME_SALES_REPORT` : 'of-mine';
    const data = expect.objectContaining({ reason: `${scope} has 2 of 2 used, by settings` });
    // The call's own process reports it, a moment before or after the workflow sleeps.
    const reported = await eventually('the wait is reported', async () =>
      (await l.poolEvents(name)).find(({ kind }) => kind === 'limit.waiting'),
    );
    expect(reported).toMatchObject({ data });
    return { l, work };
  };

  test('when an operator raises it', async () => {
    const { l, work } = await waiting('raised');
    const backend: Backend = {
      ...plainBackend(l.db, {}),
      settings: l.settings(),
      temporal: (ask) => ask(l.client),
    };
    const terms = {
      pool: l.account('raised'),
      limit: 'of-mine',
      capacity: 9,
      reason: 'the vendor has raised it',
    };
    expect(await changeLimit(backend, terms)).toMatchObject({ limits: [{ limit: 9 }], unreached: null });
    expect(await work.result()).toMatchObject({ chunks: 4, done: 4 });
  });

  test('when the settings have it no more, and nobody is shown it any more', async () => {
    const { l, work } = await waiting('removed');
    await l.restartWorker({ accounts: { removed: { limits: WIDE } } });
    expect(await work.result()).toMatchObject({ chunks: 4, done: 4 });
    const names = (await listLimits(l.db, l.poolKey('removed'))).map(({ name }) => name);
    expect(names).toContain('createReport');
    expect(names).not.toContain('of-mine');
  });
});
