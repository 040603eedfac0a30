/** Windows that cannot be had, and documents that are not to be believed: what they cost, and what stays. */
import { HOUR_MS } from '../../../../quota/durations';
import { workStatusQuery } from '../../../../workflows/messages';
import { eventually } from '../../../support/eventually';
import { Lab } from '../../../support/stacks/amazon-lab/lab';
import { leaksOf } from '../../../support/stacks/amazon-lab/leaks';
import { lastHours } from '../../../support/stacks/due-hours';

/** Failing windows may make three calls a day here: the fewest there are. */
const SETTINGS = { reports: { failingShare: 0, settleSeconds: 4 } };
const AT_ONCE = { dailyAudit: false, minRerequestMinutes: 0 };

const lab = Lab.start({
  settings: SETTINGS,
  scenario: { reports: { duplicateWindowMinutes: 0 }, data: { emptyHourShare: 0 } },
  accounts: {
    emptied: { dataset: AT_ONCE },
    thinned: { dataset: AT_ONCE },
    refused: { dataset: AT_ONCE },
    both: { dataset: AT_ONCE },
    onebad: { dataset: AT_ONCE },
    budget: { dataset: AT_ONCE },
    nodata: { dataset: AT_ONCE },
    cancelled: { dataset: { dailyAudit: false, minRerequestMinutes: 1 / 60 } },
    lagging: {},
    young: {},
    page: {},
    numbers: {},
    badrows: {},
    twice: {},
    lies: {},
  },
});
afterAll(async () => (await lab).close());

type Label = Parameters<Awaited<typeof lab>['data']['windows']>[0];

const iso = (ms: number) => new Date(ms).toISOString();

async function tries(label: Label) {
  const l = await lab;
  const { rows } = await l.db.query<{ from: number; tries: number; cause: string; state: string }>(
    `select lower(span) as "from", tries, cause, state from coverage where series_id = $1 and tries > 0 order by 1`,
    [await l.data.seriesId(label)],
  );
  return rows;
}

describe('an audit', () => {
  test.each([
    ['emptied', { empty: true }],
    ['thinned', { rowShare: 0.2 }],
  ] as const)('whose documents are %s takes nothing away', async (label, outcome) => {
    const l = await lab;
    const span = lastHours(6);
    expect(await (await l.backfill(label, span, 3)).result()).toMatchObject({ done: 2, failed: 0 });
    const before = await l.data.rows(label, span);
    expect(before.length).toBeGreaterThan(100);
    l.outcome(label, { status: 'DONE', ...outcome, count: 2 });
    const reported = await (await l.audit(label, span, 3)).result();
    expect(reported).toMatchObject({
      done: 2,
      problems: [
        expect.stringMatching(/are doubted: the known ones of 3 hours stay, next check 20/),
        expect.anything(),
      ],
    });
    expect(await l.data.rows(label, span)).toEqual(before);
    const events = (await l.poolEvents(label)).filter(({ kind }) => kind === 'window.doubted');
    expect(events).toHaveLength(2);
    expect(events[0]?.data).toMatchObject({ dataset: 'amazon/rt-sales', hours: 3, answers: 1 });

    // The hour of the next try has come, and the vendor has found its data.
    await l.db.query(
      `update doubted_hours set recheck_at = now() where series_id = ${await l.data.seriesId(label)}`,
    );
    const made = l.reportsMade(label).length;
    const sync = await l.sync(label);
    await eventually('the doubt is over', async () => {
      const { rows } = await l.db.query('select from doubted_hours where series_id = $1', [
        await l.data.seriesId(label),
      ]);
      return rows.length === 0;
    });
    expect(
      l
        .reportsMade(label)
        .slice(made)
        .filter(({ from }) => from >= span.from && from < span.to),
    ).not.toEqual([]);
    expect(await l.data.rows(label, span)).toEqual(await l.data.truth(label, span));
    await sync.terminate();
  });
});

describe('a refusal', () => {
  test.each(['FATAL', 'REFUSED'] as const)(
    'of everything (%s) is found out by a handful of calls',
    async (status) => {
      const l = await lab;
      const label = 'refused';
      const span = status === 'FATAL' ? lastHours(10) : { from: lastHours(20).from, to: lastHours(10).from };
      l.simulator.control({ clearOutcomes: true });
      l.outcome(label, { status, errorDetails: 'Something is wrong, says the vendor', varyText: true });
      const calls = l.calls(label, 'createReport').length;
      const result = await (await l.backfill(label, span, 1)).result();
      expect(result).toMatchObject({ done: 0, failed: 10 });
      expect(l.calls(label, 'createReport').length - calls).toBeLessThanOrEqual(5);
      const windows = (await l.data.windows(label)).filter(({ from }) => from >= span.from && from < span.to);
      expect(windows.map((w) => w.state)).toEqual(windows.map(() => 'failed'));
      expect(windows.every((w) => w.retry_at !== null && w.retry_at > Date.now() + 30 * 60_000)).toBe(true);
      // Five are asked for at first; three refusals are enough, and more may have come in the same moment.
      const skipped = windows
        .map((w) => w.reason ?? '')
        .filter((reason) => reason.startsWith('not requested'));
      expect(skipped.length).toBeGreaterThanOrEqual(5);
      for (const reason of skipped)
        expect(reason).toMatch(/^not requested: [345] reports of the series in a row/);
    },
  );

  test('that ends heals at once what was not requested', async () => {
    const l = await lab;
    l.simulator.control({ clearOutcomes: true });
    const result = await (await l.backfill('refused', lastHours(1))).result();
    expect(result).toMatchObject({ done: 1, failed: 0 });
    const { rows } = await l.db.query(
      `select from coverage where series_id = $1 and state = 'failed' and cause = 'skipped' and retry_at > now()`,
      [await l.data.seriesId('refused')],
    );
    expect(rows).toEqual([]);
  });

  test('that both parts of a span repeat is true of the whole: three calls', async () => {
    const l = await lab;
    const span = lastHours(16);
    l.outcome('both', { status: 'FATAL', errorDetails: null });
    expect(await (await l.backfill('both', span, 16)).result()).toMatchObject({
      chunks: 1,
      done: 0,
      failed: 1,
    });
    expect(l.calls('both', 'createReport')).toHaveLength(3);
    expect(await l.data.windows('both')).toMatchObject([
      {
        ...span,
        state: 'failed',
        reason: expect.stringContaining('both parts of the span were refused as well'),
      },
    ]);
    expect(await tries('both')).toMatchObject([{ tries: 1, cause: 'fatal' }]);
  });

  test('of one hour is narrowed down, until failing windows have had their share of the day', async () => {
    const l = await lab;
    const span = lastHours(16);
    const bad = { from: iso(span.from + 5 * HOUR_MS), to: iso(span.from + 6 * HOUR_MS) };
    l.outcome('budget', { status: 'REFUSED', errorDetails: 'This range cannot be reported.', ...bad });
    const { done, failed: left } = await (await l.backfill('budget', span, 16)).result();
    expect(done).toBeGreaterThan(0);
    expect(left).toBeGreaterThan(0);
    // The whole, its two halves, and half of the half that was refused; the share is three calls.
    expect(l.calls('budget', 'createReport')).toHaveLength(4);
    const failed = (await l.data.windows('budget')).filter((w) => w.state === 'failed');
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.map((w) => w.reason).join()).toMatch(/This range cannot be reported|reports.failingShare/);
    expect(failed.every((w) => w.retry_at !== null)).toBe(true);
  });

  test('as "no data" leaves an empty window', async () => {
    const l = await lab;
    l.outcome('nodata', {
      status: 'FATAL',
      errorDetails: 'There is no data available for the requested date range.',
    });
    expect(await (await l.backfill('nodata', lastHours(2), 2)).result()).toMatchObject({
      done: 1,
      failed: 0,
    });
    expect(await l.data.windows('nodata')).toMatchObject([{ state: 'empty_provisional' }]);
    expect(l.calls('nodata', 'createReport')).toHaveLength(1);
  });

  test('as CANCELLED is tried again at growing distances, counted, and then means that there is nothing', async () => {
    const l = await lab;
    l.outcome('cancelled', { status: 'CANCELLED' });
    const work = await l.backfill('cancelled', lastHours(2), 2);
    expect(await work.result()).toMatchObject({ done: 1, failed: 0 });
    expect(l.calls('cancelled', 'createReport')).toHaveLength(3);
    expect(await l.data.windows('cancelled')).toMatchObject([{ state: 'empty_provisional' }]);
    const told = (await l.poolEvents('cancelled')).filter(({ kind }) => kind.startsWith('window.'));
    expect(told.map(({ kind }) => kind)).toEqual(['window.failed', 'window.failed', 'window.empty']);
    // As they are planned: how late a busy machine is with each does not matter.
    const [first = 0, second = 0] = told.map(({ at, data }) => Date.parse(String(data.nextTryAt)) - at);
    expect(first).toBeGreaterThan(0);
    expect(second).toBeGreaterThan(first * 1.5);
  });
});

describe('a report is requested once', () => {
  // One that fails is not to be the reason why the next does.
  afterEach(async () => {
    const usual = { listLagSeconds: 0, unknownForSeconds: 0, numericIds: false, listLoops: false };
    (await lab).simulator.control({ reports: usual });
  });

  test('although the list lags', async () => {
    const l = await lab;
    l.simulator.control({ reports: { listLagSeconds: 3 } });
    l.fault('lagging', { kind: 'drop-after-processing', operation: 'createReport', count: 1 });
    expect(await (await l.backfill('lagging', lastHours(1))).result()).toMatchObject({ done: 1, failed: 0 });
    expect(l.calls('lagging', 'createReport')).toHaveLength(1);
  });

  test('although its id comes as a number, and the list leads back to itself', async () => {
    const l = await lab;
    l.simulator.control({ reports: { numericIds: true, listLoops: true, listLagSeconds: 3 } });
    l.fault('numbers', { kind: 'drop-after-processing', operation: 'createReport', count: 1 });
    const work = await l.backfill('numbers', lastHours(2));
    // It waits for four seconds, in which a machine may be too busy to be asked what for.
    const done = work.result();
    const waiting = await eventually('it says what it waits for, or is done', async () => {
      const { phase, since, until } = await work.query(workStatusQuery);
      return phase === 'done' || (phase === 'running' && until !== null && { since, until });
    });
    if (waiting !== true) expect(waiting).toEqual({ since: expect.any(Number), until: expect.any(Number) });
    expect(await done).toMatchObject({ done: 2, failed: 0 });
    expect(l.calls('numbers', 'createReport')).toHaveLength(2);
    // A page and the one that leads to itself, at each check.
    expect(l.calls('numbers', 'getReports').length).toBeLessThanOrEqual(4);
    const reported = (await l.poolEvents('numbers')).filter(({ kind }) => kind === 'report.unanswered');
    expect(reported).toMatchObject([
      { data: { requests: 1, reason: expect.stringContaining('createReport') } },
    ]);
  });

  test('although the vendor does not know it at first, nor its document', async () => {
    const l = await lab;
    l.simulator.control({ reports: { unknownForSeconds: 3600 } });
    const work = await l.backfill('young', lastHours(1));
    await eventually('the report is not known', () =>
      l.calls('young', 'getReport').some((call) => call.status === 404),
    );
    l.simulator.control({ reports: { unknownForSeconds: 0 } });
    expect(await work.result()).toMatchObject({ done: 1, failed: 0 });
    expect(l.calls('young', 'createReport')).toHaveLength(1);
  });

  test('although it calls the requests for a young report wrong', async () => {
    const l = await lab;
    const body = JSON.stringify({ errors: [{ code: 'InvalidInput', message: 'Report not found' }] });
    l.fault('young', { kind: 'status', status: 400, body, operation: 'getReport', count: 2 });
    expect(await (await l.backfill('young', lastHours(2))).result()).toMatchObject({ failed: 0 });
    expect(l.calls('young', 'getReport').filter((call) => call.status === 400)).toHaveLength(2);
    expect(l.calls('young', 'createReport')).toHaveLength(2);
  });

  test('although a page of a gateway says 503', async () => {
    const l = await lab;
    l.fault('page', {
      kind: 'status-after-processing',
      status: 503,
      body: '<html><body><h1>503 Service Unavailable</h1></body></html>',
      headers: { 'content-type': 'text/html' },
      operation: 'createReport',
      count: 1,
    });
    expect(await (await l.backfill('page', lastHours(1))).result()).toMatchObject({ done: 1, failed: 0 });
    expect(l.calls('page', 'createReport')).toHaveLength(1);
    expect(l.calls('page', 'getReports')).toHaveLength(1);
  });
});

describe('a document', () => {
  test.each([
    ['badrows', { badRows: { field: 'orderedRevenue', value: '{"amount":1}', count: 2 } }, 2],
    ['twice', { duplicates: { count: 3, differ: true } }, 3],
  ] as const)('with %s is taken in without them', async (label, outcome, aside) => {
    const l = await lab;
    const span = lastHours(2);
    l.outcome(label, { status: 'DONE', ...outcome, count: 1 });
    const reported = await (await l.backfill(label, span, 2)).result();
    expect(reported).toMatchObject({
      done: 1,
      failed: 0,
      problems: [expect.stringContaining(`${aside} rows could not be used`)],
    });
    const truth = await l.data.truth(label, span);
    expect(await l.data.rows(label, span)).toHaveLength(
      label === 'badrows' ? truth.length - 2 : truth.length,
    );
    const { rows } = await l.db.query('select problem from set_aside_rows where series_id = $1', [
      await l.data.seriesId(label),
    ]);
    expect(rows).toHaveLength(aside);
  });

  test('is decoded by its first bytes, whatever its compression is declared to be', async () => {
    const l = await lab;
    const span = lastHours(2);
    l.outcome('lies', { status: 'DONE', compressionLie: 'plain-as-gzip', count: 1 });
    l.outcome('lies', { status: 'DONE', compressionLie: 'gzip-as-plain', count: 1 });
    expect(await (await l.backfill('lies', span)).result()).toMatchObject({ done: 2, failed: 0 });
    expect(await l.data.rows('lies', span)).toEqual(await l.data.truth('lies', span));
  });
});

test('nothing secret is left anywhere', async () => {
  expect(await leaksOf(await lab)).toEqual([]);
});
