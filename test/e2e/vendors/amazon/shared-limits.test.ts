/** Traffic and inventory share everything with sales; and what Temporal stores can be encrypted. */
import { resumeSignal, type WorkStatus, workStatusQuery } from '../../../../workflows/messages';
import { eventually } from '../../../support/eventually';
import { Lab } from '../../../support/stacks/amazon-lab/lab';
import { historyText, leaksOf } from '../../../support/stacks/amazon-lab/leaks';
import { phaseOf } from '../../../support/stacks/amazon-lab/syncs';
import { lastHours } from '../../../support/stacks/due-hours';

const TRAFFIC = 'amazon/rt-traffic';
const INVENTORY = 'amazon/rt-inventory';
const SALES = 'amazon/rt-sales';

const lab = Lab.start({
  encryptPayloads: true,
  accounts: {
    vendor: {
      datasets: [SALES, TRAFFIC, INVENTORY],
      account: { pool: { cooldownMinutes: 10 } },
      dataset: { dailyAudit: false },
    },
  },
});
afterAll(async () => (await lab).close());

test.each([
  [TRAFFIC, 'GET_VENDOR_REAL_TIME_TRAFFIC_REPORT'],
  [INVENTORY, 'GET_VENDOR_REAL_TIME_INVENTORY_REPORT'],
])(
  '%s is filled from its own report, without an option that the report does not have',
  async (dataset, type) => {
    const l = await lab;
    const before = l.calls('vendor', 'createReport').length;
    const span = lastHours(12);
    const work = await l.backfill('vendor', span, 6, dataset);
    expect(await work.result()).toMatchObject({ chunks: 2, done: 2, failed: 0 });
    const rows = await l.data.rows('vendor', span, dataset);
    expect(rows.length).toBeGreaterThan(100);
    expect(rows).toEqual(await l.data.truth('vendor', span, dataset));
    const asked = l.calls('vendor', 'createReport').slice(before);
    expect(asked.map((c) => c.requestDetail.reportType)).toEqual([type, type]);
    for (const { requestDetail } of asked) expect(requestDetail).not.toHaveProperty('reportOptions');
  },
);

/** What a sync says of itself once it waits: for the pool, or with all its work for its own report type. */
async function waitOf(sync: Awaited<ReturnType<Awaited<typeof lab>['sync']>>): Promise<WorkStatus | false> {
  const status = await sync.query(workStatusQuery);
  const { phase, until: end } = status;
  return (phase === 'waiting for quota' || (phase === 'running' && end !== null)) && status;
}

test('the datasets of an account stop together, and each goes on', async () => {
  const l = await lab;
  l.fault('vendor', { id: 'quota', kind: 'quota', operation: 'createReport' });
  const syncs = await Promise.all([TRAFFIC, INVENTORY, SALES].map((dataset) => l.sync('vendor', dataset)));
  // The first refusal may mean its report type alone; the second shows that it is the account's.
  const reported = await Promise.all(syncs.map((sync) => eventually('the sync waits', () => waitOf(sync))));
  const alone = reported.filter(({ phase }) => phase === 'running');
  expect(alone.length).toBeLessThanOrEqual(1);
  for (const { detail } of alone)
    expect(detail).toMatch(/the vendor accepts no more createReport of GET_VENDOR_REAL_TIME_\w+_REPORT: /);
  for (const { until: end } of reported) expect(end).toBeGreaterThan(Date.now() + 5 * 60_000);
  expect((await l.pool('vendor')).state).toBe('quota_paused');
  l.simulator.control({ clearFaults: ['quota'] });
  await l.poolWorkflow('vendor').signal(resumeSignal);
  for (const [i, dataset] of [TRAFFIC, INVENTORY, SALES].entries()) {
    const sync = syncs[i];
    if (sync === undefined) throw new Error('a sync for each dataset');
    await phaseOf(sync, 'sleeping');
    const span = lastHours(20);
    expect((await l.data.coverage('vendor', span, dataset)).gaps).toEqual([]);
    expect(await l.data.rows('vendor', span, dataset)).toEqual(await l.data.truth('vendor', span, dataset));
    await sync.terminate();
  }
});

test('encrypted histories reveal nothing: neither what was requested, nor why it paused', async () => {
  const l = await lab;
  const ids = await l.workflowIds();
  expect(ids.length).toBeGreaterThanOrEqual(6);
  for (const id of ids) {
    const history = await historyText(l.client, id);
    // A payload in the clear would say that it is JSON.
    const reported = [
      'json/plain',
      'seriesId',
      'QuotaExceeded',
      'half_open',
      'until the report is made',
    ].filter((word) => history.includes(word));
    expect({ id, reported, encrypted: history.includes('binary/encrypted') }).toEqual({
      id,
      reported: [],
      encrypted: true,
    });
  }
});

test('nothing secret is left anywhere', async () => {
  expect(await leaksOf(await lab)).toEqual([]);
});
