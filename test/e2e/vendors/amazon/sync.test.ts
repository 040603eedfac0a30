/** The sync of a dataset: what a cycle does, in which order, and what it leaves alone. */
import type { WorkflowHandle } from '@temporalio/client';
import { DAY_MS, HOUR_MS } from '../../../../quota/durations';
import type { Span } from '../../../../quota/windows/chunks';
import { pauseSignal, resumeSignal, workStatusQuery } from '../../../../workflows/messages';
import { eventually } from '../../../support/eventually';
import { Lab } from '../../../support/stacks/amazon-lab/lab';
import type { LedgerWindow } from '../../../support/stacks/amazon-lab/lab-data';
import { nextCycle, phaseOf } from '../../../support/stacks/amazon-lab/syncs';
import { steadyLagMinutes } from '../../../support/stacks/due-hours';

/** Without a least time between two requests for a window, so that audits can follow at once. */
const AT_ONCE = { minRerequestMinutes: 0 };

const lab = Lab.start({
  scenario: {
    reports: { duplicateWindowMinutes: 0 },
    // A good part of the hours comes up to a day late.
    data: { lateShare: 0.4, emptyHourShare: 0 },
  },
  accounts: {
    hourly: { dataset: { dailyAudit: false } },
    daily: { dataset: AT_ONCE },
    weekly: { dataset: { ...AT_ONCE, lookbackDays: 4, weeklyAudit: true, dailyAudit: false } },
    restful: { dataset: { dailyAudit: false } },
    stopped: { account: { pool: { cooldownMinutes: 10 } }, dataset: { dailyAudit: false, chunkHours: 2 } },
    unaudited: { account: { pool: { cooldownMinutes: 10 } }, dataset: { ...AT_ONCE, chunkHours: 2 } },
    behind: { dataset: { lookbackDays: 4 } },
  },
});
afterAll(async () => (await lab).close());

const spanOf = (windows: readonly LedgerWindow[]) => ({
  from: windows[0]?.from ?? 0,
  to: windows.at(-1)?.to ?? 0,
});

/** What the workflow has requested, each window once, in its order; two requests are under way at a time. */
async function requestsOf(sync: Pick<WorkflowHandle, 'fetchHistory'>): Promise<Span[]> {
  const { events } = await sync.fetchHistory();
  const windows = new Map<number, Span>();
  for (const { activityTaskScheduledEventAttributes: scheduled } of events ?? []) {
    if (scheduled?.activityType?.name !== 'requestReport') continue;
    const [input] = scheduled.input?.payloads ?? [];
    const { chunk } = JSON.parse(Buffer.from(input?.data ?? []).toString()) as { readonly chunk: Span };
    if (!windows.has(chunk.from)) windows.set(chunk.from, { from: chunk.from, to: chunk.to });
  }
  return [...windows.values()];
}

const auditTimes = async (l: Lab<string>, label: string) => {
  const { rows } = await l.db.query<{ daily: number | null; weekly: number | null }>(
    'select daily_audit_at as daily, weekly_audit_at as weekly from series where account = $1',
    [l.account(label)],
  );
  return rows[0];
};

test('a cycle fills the lookback, newest first, and sleeps; the next one asks for the new hour alone', async () => {
  const l = await lab;
  // The last hour is not asked for yet.
  await l.restartWorker({ datasets: { safeMinutesLag: steadyLagMinutes(2) } });
  const sync = await l.sync('hourly');
  const slept = await phaseOf(sync, 'sleeping');
  expect(slept).toMatchObject({ chunksFailed: 0, problems: [] });
  expect(slept.until).toBeGreaterThan(Date.now() + 10 * 60_000);
  const filled = spanOf(await l.data.windows('hourly'));
  // Less the hours that are not due yet, and the one that the lookback begins in.
  expect(filled.to - filled.from).toBeGreaterThanOrEqual(DAY_MS - 4 * HOUR_MS);
  expect((await l.data.coverage('hourly', filled)).gaps).toEqual([]);
  const asked = l.reportsMade('hourly');
  const requested = await requestsOf(sync);
  expect(requested[0]?.to).toBe(filled.to);
  expect(requested.at(-1)?.from).toBe(filled.from);
  expect(requested).toEqual([...requested].sort((a, b) => b.from - a.from));
  expect(await auditTimes(l, 'hourly')).toEqual({ daily: null, weekly: null });

  await l.restartWorker({});
  await nextCycle(sync);
  const now = spanOf(await l.data.windows('hourly'));
  expect(now.to).toBeGreaterThan(filled.to);
  expect(l.reportsMade('hourly').slice(asked.length)).toEqual([{ from: filled.to, to: now.to }]);

  await nextCycle(sync);
  expect(l.reportsMade('hourly')).toHaveLength(asked.length + 1);
  await sync.terminate();
});

test('the daily audit fetches again what had not settled: late rows come, lost rows go', async () => {
  const l = await lab;
  l.outcome('daily', { status: 'DONE', empty: true, count: 1 });
  const sync = await l.sync('daily');
  await phaseOf(sync, 'sleeping');
  const filled = spanOf(await l.data.windows('daily'));
  const before = l.reportsMade('daily').length;
  expect((await auditTimes(l, 'daily'))?.daily).toBeGreaterThan(Date.now() - 60_000);

  await nextCycle(sync);
  expect(l.reportsMade('daily')).toHaveLength(before);

  // A day passes at the vendor: late hours are ready, and some of the others have lost rows.
  const early = await l.data.rows('daily', filled);
  l.passTimeAtVendor(DAY_MS);
  const restated = { from: filled.from + 6 * HOUR_MS, to: filled.from + 12 * HOUR_MS };
  l.simulator.control({
    restate: [
      {
        account: l.account('daily'),
        from: new Date(restated.from).toISOString(),
        to: new Date(restated.to).toISOString(),
        loseShare: 0.25,
        changeShare: 0.3,
      },
    ],
  });
  await l.data.makeAuditsDue('daily');
  await nextCycle(sync);
  const rows = await l.data.rows('daily', filled);
  expect(rows).toEqual(await l.data.truth('daily', filled));
  const key = (row: unknown) => {
    const { start_time, asin } = row as { start_time: number; asin: string };
    return `${start_time} ${asin}`;
  };
  const [before24h, now] = [new Set(early.map(key)), new Set(rows.map(key))];
  expect(early.filter((row) => !now.has(key(row))).length).toBeGreaterThan(0);
  expect(rows.filter((row) => !before24h.has(key(row))).length).toBeGreaterThan(0);
  await sync.terminate();
});

test('an empty window counts and is audited again; a missed audit is made up for, however late', async () => {
  const l = await lab;
  const yesterday = Date.now() - DAY_MS;
  l.outcome('behind', { status: 'DONE', empty: true, to: new Date(yesterday).toISOString() });
  const sync = await l.sync('behind');
  expect(await phaseOf(sync, 'sleeping')).toMatchObject({ chunksFailed: 0 });
  const windows = await l.data.windows('behind');
  const empty = windows.filter((w) => w.state === 'empty_provisional');
  expect(empty.length).toBeGreaterThan(2);
  expect(windows.filter((w) => w.state === 'done').length).toBeGreaterThan(2);
  expect(await l.data.coverage('behind', spanOf(windows))).toMatchObject({
    gaps: [],
    emptyProvisional: empty.length,
  });

  // Two days pass without a worker, so the windows, their rows apart, are of two days before.
  await l.data.shiftWindows('behind', -2 * DAY_MS);
  await l.data.makeAuditsDue('behind');
  l.simulator.control({ clearOutcomes: true });
  await nextCycle(sync);
  const filled = spanOf(windows);
  expect(await l.data.rows('behind', filled)).toEqual(await l.data.truth('behind', filled));
  const states = (await l.data.windows('behind')).filter((w) => w.from >= filled.from).map((w) => w.state);
  expect(new Set(states)).toEqual(new Set(['done']));
  await sync.terminate();
});

test('the weekly audit is off unless it is switched on, and reaches back for days', async () => {
  const l = await lab;
  expect(
    l
      .settings()
      .datasets.map((d) => d.weeklyAudit)
      .filter(Boolean),
  ).toHaveLength(1);
  const sync = await l.sync('weekly');
  await phaseOf(sync, 'sleeping');
  const filled = spanOf(await l.data.windows('weekly'));
  expect(filled.to - filled.from).toBeGreaterThan(3 * DAY_MS);
  l.simulator.control({
    restate: [
      {
        account: l.account('weekly'),
        from: new Date(filled.from).toISOString(),
        to: new Date(filled.from + DAY_MS).toISOString(),
        loseShare: 0.3,
        changeShare: 1,
      },
    ],
  });
  const before = await l.data.rows('weekly', filled);
  await l.data.makeAuditsDue('weekly');
  await nextCycle(sync);
  const after = await l.data.rows('weekly', filled);
  expect(after).toEqual(await l.data.truth('weekly', filled));
  expect(after.length).toBeLessThan(before.length);
  const times = await auditTimes(l, 'weekly');
  expect(times?.weekly).toBeGreaterThan(Date.now() - 60_000);
  expect(times?.daily).toBeLessThan(Date.now() - DAY_MS);
  await sync.terminate();
});

test('an operator’s pause ends the requests, and the resume goes on where they stopped', async () => {
  const l = await lab;
  l.fault('restful', { id: 'slow', kind: 'latency', operation: 'createReport', latencyMs: 300 });
  const sync = await l.sync('restful');
  await eventually('the first report', () => l.reportsMade('restful').length >= 1);
  await sync.signal(pauseSignal, { reason: 'inventory count' });
  expect(await sync.query(workStatusQuery)).toMatchObject({ phase: 'paused', detail: 'inventory count' });
  // What was under way arrives; then nothing moves any more.
  const quiet = await eventually('no calls for a second', () => {
    const calls = l.calls('restful');
    return (calls.at(-1)?.t ?? 0) < l.vendorNow() - 1000 && calls.length;
  });
  const made = l.reportsMade('restful').length;
  expect(made).toBeLessThan(4);
  l.simulator.control({ clearFaults: ['slow'] });
  expect(l.calls('restful')).toHaveLength(quiet);
  await sync.signal(resumeSignal);
  await phaseOf(sync, 'sleeping');
  const { gaps } = await l.data.coverage('restful', spanOf(await l.data.windows('restful')));
  expect(gaps).toEqual([]);
  expect(new Set(l.reportsMade('restful').map((s) => s.from)).size).toBe(l.reportsMade('restful').length);

  await sync.signal(pauseSignal, 'asleep');
  await phaseOf(sync, 'paused');
  await sync.signal(resumeSignal);
  await phaseOf(sync, 'sleeping');
  await sync.terminate();
});

test('a quota stops the cycle: the rest is not tried, nothing is marked, and it goes on when the pool opens', async () => {
  const l = await lab;
  l.fault('stopped', { id: 'quota', kind: 'quota', operation: 'createReport', skip: 5 });
  const sync = await l.sync('stopped');
  const waiting = await phaseOf(sync, 'waiting for quota');
  const paused = await l.pool('stopped');
  expect(waiting).toMatchObject({ until: paused.until, detail: expect.stringContaining('QuotaExceeded') });
  expect(l.calls('stopped', 'createReport').length).toBeLessThanOrEqual(7);
  const windows = await l.data.windows('stopped');
  expect(windows.length).toBeLessThanOrEqual(5);
  expect(windows.filter((w) => w.state !== 'done')).toEqual([]);

  l.simulator.control({ clearFaults: ['quota'] });
  await l.poolWorkflow('stopped').signal(resumeSignal);
  await phaseOf(sync, 'sleeping');
  const filled = spanOf(await l.data.windows('stopped'));
  expect(filled.to - filled.from).toBeGreaterThanOrEqual(DAY_MS - 3 * HOUR_MS);
  expect((await l.data.coverage('stopped', filled)).gaps).toEqual([]);
  // What was asked for before the pause was taken up again, not asked for twice.
  const made = l.reportsMade('stopped').map((s) => s.from);
  expect(new Set(made).size).toBe(made.length);
  expect((await l.data.jobs('stopped')).filter((job) => job.state !== 'ingested')).toEqual([]);
  await sync.terminate();
});

test('an audit that a quota stops is not marked as done, and is due again', async () => {
  const l = await lab;
  const sync = await l.sync('unaudited');
  await phaseOf(sync, 'sleeping');
  const first = await auditTimes(l, 'unaudited');
  await l.data.makeAuditsDue('unaudited');
  const due = await auditTimes(l, 'unaudited');
  expect(due?.daily).toBeLessThan(first?.daily ?? 0);
  l.fault('unaudited', { id: 'quota', kind: 'quota', operation: 'getReportDocument', skip: 3 });
  await sync.signal(resumeSignal);
  await phaseOf(sync, 'waiting for quota');
  expect(await auditTimes(l, 'unaudited')).toEqual(due);

  l.simulator.control({ clearFaults: ['quota'] });
  await l.poolWorkflow('unaudited').signal(resumeSignal);
  await phaseOf(sync, 'sleeping');
  expect((await auditTimes(l, 'unaudited'))?.daily).toBeGreaterThan(due?.daily ?? 0);
  const filled = spanOf(await l.data.windows('unaudited'));
  expect(await l.data.rows('unaudited', filled)).toEqual(await l.data.truth('unaudited', filled));
  expect((await l.data.jobs('unaudited')).filter((job) => job.state !== 'ingested')).toEqual([]);
  await sync.terminate();
});
