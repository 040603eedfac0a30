import type { Span } from '../../../../quota/windows/chunks';
import { ensureSeries, getSeries, listSeries } from '../../../../store/datasets/datasets';
import { failedWindows, recordFailure } from '../../../../store/datasets/failed-windows';
import { auditCandidates, coverage, gaps, recordAudit } from '../../../../store/datasets/ledger';
import { RT_SALES, RT_TRAFFIC } from '../../../../vendors/amazon/datasets';
import { NOW, salesLedger } from '../../../support/stacks/sales-ledger';
import { DAY_START, HOUR, hours, PARTITION } from '../../../support/vendors/sales-documents';

const MINUTE = 60_000;
const { state, ingestHours, fail, newJob } = salesLedger();

describe('series', () => {
  test('are found again, and have exactly the partition of their dataset', async () => {
    const again = await ensureSeries(state.pool, RT_SALES, state.series.account, {
      currencyCode: 'USD',
      marketplaceId: 'ATVPDKIKX0DER',
    });
    expect(again.id).toBe(state.series.id);
    const euro = await ensureSeries(state.pool, RT_SALES, state.series.account, {
      ...PARTITION,
      currencyCode: 'EUR',
    });
    expect((await listSeries(state.pool, { account: state.series.account })).map(({ id }) => id)).toEqual([
      state.series.id,
      euro.id,
    ]);
    await expect(ensureSeries(state.pool, RT_TRAFFIC, 'a', PARTITION)).rejects.toThrow(
      /needs \[marketplaceId\]/,
    );
  });
});

describe('gaps', () => {
  test('are the requested range less what is good', async () => {
    await ingestHours(hours(2, 4), ['A']);
    await ingestHours(hours(6, 8), []);
    const found = await gaps(state.pool, state.series.id, hours(0, 10), NOW);
    expect(found.all).toEqual([hours(0, 2), hours(4, 6), hours(8, 10)]);
    expect(found.missing).toEqual(found.all);
    expect((await gaps(state.pool, state.series.id, hours(3, 7), NOW)).all).toEqual([hours(4, 6)]);
  });

  test('of an untouched series are all of it, and of another series are its own', async () => {
    await ingestHours(hours(0, 24), ['A']);
    const other = await ensureSeries(state.pool, RT_SALES, `${state.series.account}-other`, PARTITION);
    expect((await gaps(state.pool, other.id, hours(0, 24), NOW)).all).toEqual([hours(0, 24)]);
    expect((await gaps(state.pool, state.series.id, hours(0, 24), NOW)).all).toEqual([]);
  });

  test('that live jobs ask for are requested and not missing', async () => {
    await newJob(hours(2, 4));
    const found = await gaps(state.pool, state.series.id, hours(0, 6), NOW);
    expect(found.all).toEqual([hours(0, 6)]);
    expect(found.missing).toEqual([hours(0, 2), hours(4, 6)]);
    expect(found.requested).toEqual([hours(2, 4)]);
  });

  test('that failed are left alone until their retry time', async () => {
    await fail(hours(2, 3));
    await fail(hours(4, 5), NOW + HOUR);
    const before = await gaps(state.pool, state.series.id, hours(0, 6), NOW);
    expect(before.all).toEqual([hours(0, 6)]);
    expect(before.missing).toEqual([hours(0, 2), hours(3, 4), hours(5, 6)]);
    expect(before.failed).toEqual([
      { ...hours(2, 3), reason: 'FATAL', retryAt: null, cause: 'failed', tries: 1 },
      { ...hours(4, 5), reason: 'FATAL', retryAt: NOW + HOUR, cause: 'failed', tries: 1 },
    ]);
    const after = await gaps(state.pool, state.series.id, hours(0, 6), NOW + HOUR);
    expect(after.missing).toEqual([hours(0, 2), hours(3, 6)]);
    expect(after.failed).toEqual([before.failed[0]]);
    expect(after.due).toEqual([before.failed[1]]);
  });

  test('a failure never takes away what is good already', async () => {
    await ingestHours(hours(2, 4), ['A']);
    await fail(hours(1, 2));
    await fail(hours(0, 6), NOW + HOUR);
    const { failed } = await gaps(state.pool, state.series.id, hours(0, 6), NOW);
    expect(failed.map(({ from, to }) => ({ from, to }))).toEqual([hours(0, 2), hours(4, 6)]);
  });

  test('failures are counted with the window, and tried again at growing distances', async () => {
    const answer = (span: Span, now: number) =>
      recordFailure(state.pool, {
        seriesId: state.series.id,
        span,
        reason: 'FATAL: x',
        cause: 'fatal',
        evidence: {},
        now,
      });
    expect(await answer(hours(0, 6), NOW)).toEqual({ tries: 1, retryAt: NOW + 24 * HOUR, empty: false });
    // A part of it carries its count.
    expect(await answer(hours(0, 3), NOW + 6 * HOUR)).toMatchObject({ tries: 2, retryAt: NOW + 54 * HOUR });
    expect(await failedWindows(state.pool, [state.series.id], hours(0, 24))).toEqual([
      expect.objectContaining({
        ...hours(0, 3),
        tries: 2,
        since: NOW,
        failedAt: NOW + 6 * HOUR,
        cause: 'fatal',
      }),
      expect.objectContaining({ ...hours(3, 6), tries: 1, since: NOW, retryAt: NOW + 24 * HOUR }),
    ]);
  });

  test('cancelled again and again is no data, and is then no gap', async () => {
    for (const tries of [1, 2, 3]) {
      const failure = {
        seriesId: state.series.id,
        span: hours(0, 6),
        reason: 'CANCELLED',
        evidence: {},
        now: NOW,
      };
      expect(await recordFailure(state.pool, { ...failure, cause: 'cancelled' })).toMatchObject({
        tries,
        empty: tries === 3,
      });
    }
    expect((await gaps(state.pool, state.series.id, hours(0, 6), NOW)).all).toEqual([]);
    expect(await coverage(state.pool, state.series.id, hours(0, 6), NOW)).toMatchObject({
      emptyProvisional: 1,
      failed: 0,
    });
  });

  test('a range that is empty or endless is refused', async () => {
    await expect(gaps(state.pool, state.series.id, hours(2, 2), NOW)).rejects.toThrow(
      /needs two finite times/,
    );
    await expect(gaps(state.pool, state.series.id, { from: 0, to: Infinity }, NOW)).rejects.toThrow(
      RangeError,
    );
  });

  test('the database itself refuses two opinions about one hour', async () => {
    await ingestHours(hours(0, 4), ['A']);
    const insert = `insert into coverage (series_id, span, state, fetched_at) values ($1, $2, 'done', now())`;
    const range = '[2026-11-20T03:00:00Z,2026-11-20T05:00:00Z)';
    await expect(state.pool.query(insert, [state.series.id, range])).rejects.toMatchObject({
      constraint: 'coverage_no_overlap',
    });
  });
});

describe('a summary of a range', () => {
  test('counts windows, rows and gaps, and says when audits were', async () => {
    await ingestHours(hours(0, 2), ['A', 'B']);
    await ingestHours(hours(2, 3), []);
    await fail(hours(3, 4));
    await newJob(hours(4, 5));
    await recordAudit(state.pool, state.series.id, 'daily', NOW);
    await recordAudit(state.pool, state.series.id, 'daily', NOW - HOUR);
    expect(await coverage(state.pool, state.series.id, hours(0, 6), NOW)).toEqual({
      windows: 5,
      done: 1,
      emptyProvisional: 1,
      failed: 1,
      requested: 1,
      missing: 1,
      rows: 2,
      gaps: [hours(3, 6)],
      lastAudit: { daily: NOW, weekly: null },
    });
    expect((await getSeries(state.pool, state.series.id))?.lastAudit.daily).toBe(NOW);
    await expect(coverage(state.pool, -1, hours(0, 1), NOW)).rejects.toThrow(/series -1 does not exist/);
  });
});

describe('audits', () => {
  const candidates = (kind: 'daily' | 'weekly', now: number) =>
    auditCandidates(state.pool, state.series.id, { kind, now });

  test('fetch again what was fetched before it had settled, empty windows too, and then leave it alone', async () => {
    await ingestHours(hours(0, 2), ['A'], DAY_START + 3 * HOUR);
    await ingestHours(hours(2, 4), [], DAY_START + 5 * HOUR);
    await fail(hours(4, 5));
    const day = DAY_START + 30 * HOUR;
    expect(await candidates('daily', day)).toEqual([hours(0, 2), hours(2, 4)]);

    await ingestHours(hours(0, 2), ['A'], day);
    expect(await candidates('daily', day + HOUR)).toEqual([hours(2, 4)]);
    expect(await candidates('weekly', day + HOUR)).toEqual([hours(0, 2), hours(2, 4)]);

    await ingestHours(hours(0, 4), ['A'], DAY_START + 9 * 24 * HOUR);
    expect(await candidates('weekly', DAY_START + 10 * 24 * HOUR)).toEqual([]);
  });

  test('do not ask again for what was fetched a moment ago', async () => {
    await ingestHours(hours(0, 2), ['A'], DAY_START + 3 * HOUR);
    expect(await candidates('daily', DAY_START + 3 * HOUR + 29 * MINUTE)).toEqual([]);
    expect(await candidates('daily', DAY_START + 3 * HOUR + 30 * MINUTE)).toEqual([hours(0, 2)]);
  });
});
