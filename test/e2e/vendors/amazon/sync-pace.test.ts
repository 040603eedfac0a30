/** A sync never waits for its slowest piece. */
import { HOUR_MS } from '../../../../quota/durations';
import { workStatusQuery } from '../../../../workflows/messages';
import { eventually } from '../../../support/eventually';
import { Lab, nextCycle, phaseOf } from '../../../support/stacks/amazon-lab';

const MARKETPLACES = ['ATVPDKIKX0DER', 'A2EUQ1WTGCTBG2'];

const lab = Lab.start({
  accounts: {
    stuck: { dataset: { dailyAudit: false, lookbackDays: 1, chunkHours: 6 } },
    apart: { account: { marketplaces: MARKETPLACES }, dataset: { dailyAudit: false } },
    old: {
      dataset: {
        dailyAudit: false,
        poll: {
          initialSeconds: 0.1,
          factor: 1.5,
          maxSeconds: 0.2,
          reportAfterMinutes: 0.01,
          requestAgainAfterHours: 0.0006,
        },
        minRerequestMinutes: 0,
      },
    },
  },
});
afterAll(async () => (await lab).close());

test('new hours are requested on time while an old report is stuck, and nothing is requested twice', async () => {
  const l = await lab;
  l.outcome('stuck', { id: 'stuck', status: 'IN_QUEUE', count: 1 });
  await l.restartWorker({ safeMinutesLag: 180 });
  const sync = await l.sync('stuck');
  await eventually('one report alone is left', async () => {
    const status = await sync.query(workStatusQuery);
    return (
      status.phase === 'running' && status.chunksDone === status.chunksTotal - 1 && status.chunksTotal > 1
    );
  });
  const before = l.reportsMade('stuck').length;
  expect((await sync.query(workStatusQuery)).detail).toMatch(/sync: 1 of \d+ reports under way since/);

  await l.restartWorker({});
  await sync.signal('resume');
  await eventually('the new hours are there', async () => l.reportsMade('stuck').length > before);
  await eventually('they are in', async () => {
    const windows = await l.windows('stuck');
    return Math.max(...windows.map((w) => w.to)) > Date.now() - 3 * HOUR_MS;
  });
  const asked = l.reportsMade('stuck').map(({ from, to }) => `${from}..${to}`);
  expect(new Set(asked).size).toBe(asked.length);
  await sync.terminate();
});

test('a marketplace that is refused keeps no other from its hours', async () => {
  const l = await lab;
  const body = JSON.stringify({
    errors: [{ code: 'InvalidInput', message: 'Marketplace is not allowed.', details: '' }],
  });
  l.fault('apart', {
    kind: 'status',
    status: 400,
    operation: 'createReport',
    body,
    where: { marketplaceId: MARKETPLACES[1] },
  });
  const sync = await l.sync('apart');
  await phaseOf(sync, 'sleeping');
  const made = l.calls('apart', 'createReport').filter((call) => call.status === 202);
  expect(made.every((call) => String(call.requestDetail.marketplaceIds) === MARKETPLACES[0])).toBe(true);
  expect(made.length).toBeGreaterThanOrEqual(4);
  await sync.terminate();
});

test('a report that is not made is reported with its age, and requested again at some age', async () => {
  const l = await lab;
  l.outcome('old', { id: 'old', status: 'IN_QUEUE', count: 1 });
  const sync = await l.sync('old');
  const slow = await eventually('it is told of', async () =>
    (await l.poolEvents('old')).find((e) => e.kind === 'report.slow'),
  );
  expect(slow.data).toMatchObject({
    dataset: 'amazon/rt-sales',
    reportId: expect.any(String),
    age: expect.stringMatching(/ h$/),
  });
  await phaseOf(sync, 'sleeping');
  const failed = (await l.windows('old')).find((w) => w.state === 'failed');
  expect(failed?.reason).toMatch(/has not made report \d+ within/);
  await l.db.query(`update coverage set retry_at = now() where series_id = $1 and state = 'failed'`, [
    await l.seriesId('old'),
  ]);
  // The vendor may end a report that is asked for again so soon in any way; here it makes it.
  l.outcome('old', { id: 'anew', status: 'DONE' });
  await nextCycle(sync);
  expect((await l.windows('old')).filter((w) => w.state === 'failed')).toEqual([]);
  await sync.terminate();
});
