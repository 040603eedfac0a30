/** What Amazon allows may differ from what it says: headers teach, and a hidden limit costs what is in flight. */
import type { Arrival } from '../../../../vendors/kit/judge/arrivals';
import { failuresIn } from '../../../support/histories';
import { Lab } from '../../../support/stacks/amazon-lab/lab';
import { lastHours } from '../../../support/stacks/due-hours';

const lab = Lab.start({
  // Longer waits than this sleep in the workflow.
  settings: { permits: { inlineWaitMs: 200 } },
  scenario: {
    limits: {
      // Says what it does, and it is less than the settings have.
      getReportDocument: { ratePerSecond: 4, burst: 15 },
      // Allows less than it says, and less than a busy machine asks for.
      createReport: { ratePerSecond: 0.5, burst: 2, announcedRatePerSecond: 20 },
    },
  },
  accounts: {
    hidden: {
      account: {
        limits: {
          createReport: { ratePerSecond: 20, burst: 15 },
          getReportDocument: { ratePerSecond: 20, burst: 15 },
        },
        pool: { cooldownMinutes: 0.05, cooldownFactor: 1 },
      },
    },
    known: {
      account: {
        limits: {
          // Slower than a busy machine is.
          createReport: { ratePerSecond: 1 / 15, burst: 1 },
          getReport: { ratePerSecond: 50, burst: 50 },
          getReportDocument: { ratePerSecond: 20, burst: 15 },
        },
      },
    },
  },
});
afterAll(async () => (await lab).close());

async function limitStatus(l: Awaited<typeof lab>, label: 'hidden' | 'known', name: string) {
  const { rows } = await l.db.query<{ capacity: number; ratio_period: number; source: string }>(
    'select capacity, ratio_period, source from limit_status where pool = $1 and name = $2',
    [l.poolKey(label), name],
  );
  return rows[0];
}

test('a limit that is lower than announced costs the calls in flight at each discovery, no more', async () => {
  const l = await lab;
  const span = lastHours(14);
  const work = await l.backfill('hidden', span);
  expect(await work.result()).toMatchObject({ chunks: 14, done: 14, failed: 0 });
  const pauses = (await l.poolEvents('hidden')).filter((e) => e.kind === 'pool.quota_paused');
  expect(pauses.length).toBeGreaterThanOrEqual(1);
  const refused = l.calls('hidden').filter((c) => c.status === 429);
  // Two requests for reports are in flight at most.
  for (const group of together(refused)) expect(group.length).toBeLessThanOrEqual(2);
  // Each discovery is one pause; on a busy machine its second refusal may come more than a second later.
  expect(refused.length).toBeGreaterThanOrEqual(pauses.length);
  expect(refused.length).toBeLessThanOrEqual(2 * pauses.length);
  expect(l.reportsMade('hidden')).toHaveLength(14);
  expect(await l.data.rows('hidden', span)).toEqual(await l.data.truth('hidden', span));
});

test('a limit that a header announces takes the place of ours', async () => {
  const l = await lab;
  const learned = await limitStatus(l, 'hidden', 'getReportDocument');
  expect(learned).toMatchObject({ source: 'header', capacity: 15 });
  expect(learned?.ratio_period).toBeCloseTo(250, 6);
  expect(l.logLines.filter((line) => line.includes('limit.learned')).length).toBeGreaterThanOrEqual(1);
  // What was set by hand is never raised by a header.
  expect(await limitStatus(l, 'known', 'createReport')).toBeUndefined();
});

test('a limit that is known is never overrun; the wait stands in the history with the limit and its end', async () => {
  const l = await lab;
  const work = await l.backfill('known', lastHours(3));
  expect(await work.result()).toMatchObject({ chunks: 3, done: 3, failed: 0 });
  expect(l.calls('known').filter((c) => c.status === 429)).toEqual([]);
  expect(await limitStatus(l, 'known', 'createReport')).toMatchObject({
    source: 'settings',
    ratio_period: 15_000,
  });
  const waits = failuresIn(await work.fetchHistory()).filter((f) => f.type === 'sluice.permit_wait');
  expect(waits.length).toBeGreaterThanOrEqual(1);
  for (const wait of waits) {
    expect(wait.details).toEqual({
      limit: expect.stringMatching(/createReport/),
      until: expect.any(Number),
    });
    expect(wait.message).toMatch(/^limit amazon.*createReport.* has no room until 20\d\d-/);
  }
});

/** Refusals within a second of each other are of one discovery. */
function together(calls: readonly Arrival[]): Arrival[][] {
  const groups: Arrival[][] = [];
  for (const call of calls) {
    const group = groups.at(-1);
    if (group && call.t - (group.at(-1)?.t ?? 0) < 1000) group.push(call);
    else groups.push([call]);
  }
  return groups;
}
