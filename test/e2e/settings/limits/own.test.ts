/** A limit that an operator adds for one report type, over two accounts of one application, as the vendor sees it. */

import { planReports } from '../../../../client/operations/datasets/plan';
import { datasetContext } from '../../../../settings/datasets/report-context';
import { violations } from '../../../support/models/arrival-judge';
import { Lab, lastHours } from '../../../support/stacks/amazon-lab';

const TRAFFIC = 'amazon/rt-traffic';
const SALES = 'amazon/rt-sales';
const SPACING_MS = 1500;

const account = {
  application: 'one application',
  limits: {
    createReport: { ratePerSecond: 50, burst: 50 },
    getReport: { ratePerSecond: 50, burst: 50 },
    getReportDocument: { ratePerSecond: 50, burst: 50 },
    'traffic-spacing': {
      operations: ['createReport'],
      scope: ['application'],
      match: { reportType: 'GET_VENDOR_REAL_TIME_TRAFFIC_REPORT' },
      ms: SPACING_MS,
    },
  },
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
  },
});
afterAll(async () => (await lab).close());

test('is planned with, and keeps the calls of both accounts apart that it matches, and no others', async () => {
  const l = await lab;
  const span = lastHours(8);
  const context = datasetContext(l.settings(), TRAFFIC, l.account('first'));
  const options = { ...span, chunkHours: 1, priority: null, reportMs: { min: 0, max: 0 } };
  const plan = await planReports(l.db, context, options, Date.now());
  expect(plan.binding).toMatchObject({ limit: 'traffic-spacing', waitMs: 7 * SPACING_MS });
  const work = await Promise.all(
    (['first', 'second'] as const).flatMap((name) => [
      l.backfill(name, span, 1, TRAFFIC),
      l.backfill(name, span, 1, SALES),
    ]),
  );
  for (const one of work) expect(await one.result()).toMatchObject({ chunks: 8, done: 8, failed: 0 });
  const created = (['first', 'second'] as const).flatMap((name) => l.calls(name, 'createReport'));
  const traffic = created.filter(({ requestDetail }) => String(requestDetail.reportType).includes('TRAFFIC'));
  expect(traffic).toHaveLength(16);
  const arrivals = traffic.map(({ t }) => ({ at: t, units: 1 })).sort((a, b) => a.at - b.at);
  expect(violations({ kind: 'spacing', ms: SPACING_MS }, arrivals)).toEqual([]);
  // Sales are done long before.
  const sales = created.filter((call) => !traffic.includes(call));
  expect(Math.max(...sales.map(({ t }) => t))).toBeLessThan(arrivals[8]?.at ?? 0);
  const { rows } = await l.db.query(
    `select key, granted_calls::int as calls, (select count(*)::int from pool_limits p where p.limit_key = l.key) as pools
     from limits l where name = 'traffic-spacing'`,
  );
  expect(rows).toEqual([{ key: 'amazon/one%20application/traffic-spacing', calls: 16, pools: 2 }]);
});
