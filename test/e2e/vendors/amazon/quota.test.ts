/** A quota of Amazon's, wherever it shows: it stops the account, only the account, and in the open. */
import { backfillWorkflowId, resumeSignal } from '../../../../workflows/messages';
import { eventually } from '../../../support/eventually';
import { failuresIn } from '../../../support/histories';
import { Lab } from '../../../support/stacks/amazon-lab/lab';
import { leaksOf } from '../../../support/stacks/amazon-lab/leaks';
import { phaseOf } from '../../../support/stacks/amazon-lab/syncs';
import { lastHours } from '../../../support/stacks/due-hours';

const LONG_PAUSE = { pool: { cooldownMinutes: 10 } };

const lab = Lab.start({
  accounts: {
    createReport: { account: LONG_PAUSE },
    getReport: { account: LONG_PAUSE },
    getReportDocument: { account: LONG_PAUSE },
    downloadDocument: { account: LONG_PAUSE },
    bystander: {},
    // The second strike's pause is long enough to look at it.
    stubborn: { account: { pool: { cooldownMinutes: 0.01, cooldownFactor: 1000, hintAfterStrikes: 2 } } },
  },
});
afterAll(async () => (await lab).close());

/** As many calls of one operation as a backfill has in flight, at most. */
const IN_FLIGHT = { createReport: 2, getReport: 6, getReportDocument: 4, downloadDocument: 4 } as const;

describe.each(Object.keys(IN_FLIGHT) as (keyof typeof IN_FLIGHT)[])('QuotaExceeded from %s', (operation) => {
  test('stops every call of that account, and of no other, until the pool opens', async () => {
    const l = await lab;
    l.fault(operation, { id: operation, kind: 'quota', operation, skip: 2 });
    const span = lastHours(8);
    const work = await l.backfill(operation, span);
    const paused = await l.poolBecomes(operation, 'quota_paused');
    expect(paused).toMatchObject({
      strikes: 1,
      evidence: { httpStatus: 429, code: 'QuotaExceeded', operation },
    });
    await phaseOf(work, 'waiting for quota');

    // The time in which a bystander gets all of its reports is time enough for a call that should not be.
    const other = await l.backfill('bystander', lastHours(Object.keys(IN_FLIGHT).indexOf(operation) + 2));
    expect(await other.result()).toMatchObject({ failed: 0 });
    const afterwards = l.calls(operation).filter((call) => call.t > paused.since + 250);
    expect(afterwards).toEqual([]);
    const refused = l.calls(operation, operation).filter((call) => call.status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(1);
    expect(refused.length).toBeLessThanOrEqual(IN_FLIGHT[operation]);
    expect((await l.pool('bystander')).state).toBe('closed');

    l.simulator.control({ clearFaults: [operation] });
    await l.poolWorkflow(operation).signal(resumeSignal);
    expect(await work.result()).toMatchObject({ chunks: 8, done: 8, failed: 0 });
    expect(await l.data.rows(operation, span)).toEqual(await l.data.truth(operation, span));
    expect(l.reportsMade(operation)).toHaveLength(8);
  });
});

test('what stopped a workflow stands in its history: kind of failure, request, reason and end', async () => {
  const l = await lab;
  const { from, to } = lastHours(8);
  const id = backfillWorkflowId('amazon/rt-sales', l.account('createReport'), from, to);
  const failures = failuresIn(await l.client.workflow.getHandle(id).fetchHistory());
  const refused = l.calls('createReport', 'createReport').find((call) => call.status === 429);
  // Another call may be turned away first, at its permit: it has the reason, and no evidence of its own.
  const reported = failures
    .filter((f) => JSON.stringify(f.details).includes(refused?.requestId ?? 'none'))
    .find((f) => f.details.evidence !== null);
  expect(reported).toMatchObject({
    type: 'sluice.pool_closed',
    details: {
      pool: l.poolKey('createReport'),
      state: 'quota_paused',
      until: expect.any(Number),
      evidence: { httpStatus: 429, code: 'QuotaExceeded', operation: 'createReport' },
    },
  });
  expect(reported?.details.until).toBeGreaterThan(Date.now());
  expect(reported?.message).toMatch(/is quota_paused until 20\d\d-.*QuotaExceeded/);
});

test('after cooldowns in a row the pool says what to check: in its row, its event and its workflow', async () => {
  const l = await lab;
  l.fault('stubborn', { id: 'stubborn', kind: 'quota', operation: 'createReport' });
  const work = await l.backfill('stubborn', lastHours(2));
  const hinted = await eventually('the second strike', async () => {
    const pool = await l.pool('stubborn');
    return pool.strikes === 2 && pool.state === 'quota_paused' && pool;
  });
  expect(hinted.hint).toMatch(/check role and report type/);
  const events = (await l.poolEvents('stubborn')).filter((e) => e.kind === 'pool.quota_paused');
  expect(events.map((e) => e.data.hint)).toEqual([
    null,
    expect.stringContaining('check role and report type'),
  ]);
  const shown = await eventually('the workflow shows it', async () => {
    const { currentDetails } = await l
      .poolWorkflow('stubborn')
      .query<{ currentDetails?: string }>('__temporal_workflow_metadata');
    return currentDetails?.includes('Strikes: 2') && currentDetails;
  });
  expect(shown).toMatch(/check role and report type/);
  expect(l.logLines.join('')).toMatch(/check role and report type/);

  l.simulator.control({ clearFaults: ['stubborn'] });
  await l.poolWorkflow('stubborn').signal(resumeSignal);
  expect(await work.result()).toMatchObject({ done: 2, failed: 0 });
  expect(await l.pool('stubborn')).toMatchObject({ state: 'closed', strikes: 0, hint: null });
});

test('nothing secret is left anywhere', async () => {
  expect(await leaksOf(await lab)).toEqual([]);
});
