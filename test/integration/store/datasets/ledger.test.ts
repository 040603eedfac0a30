import type { Pool } from 'pg';
import type { Span } from '../../../../quota/windows/chunks';
import {
  ensureSeries,
  getSeries,
  installDatasets,
  listSeries,
  type Series,
} from '../../../../store/datasets/datasets';
import { failedWindows, failsAlike, recordFailure } from '../../../../store/datasets/failed-windows';
import { ingestDocument } from '../../../../store/datasets/ingest/ingest';
import {
  getJob,
  intend,
  liveJobs,
  markAttempt,
  markCancelled,
  markFailed,
  markIngested,
  markReady,
  markRequested,
  releaseAttempt,
  setDocumentUrl,
} from '../../../../store/datasets/jobs/jobs';
import { auditCandidates, coverage, gaps, recordAudit } from '../../../../store/datasets/ledger';
import { createPool } from '../../../../store/db';
import { migrate } from '../../../../store/migrate';
import { AMAZON_DATASETS, RT_SALES, RT_TRAFFIC } from '../../../../vendors/amazon/datasets';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';
import { DAY_START, HOUR, hours, PARTITION, salesDocument } from '../../../support/vendors/sales-documents';

const MINUTE = 60_000;
const NOW = DAY_START + 48 * HOUR;
let database: TestDatabase;
let pool: Pool;
let account = 0;
let series: Series;

beforeAll(async () => {
  database = await testDatabase();
  pool = createPool(database.url, { max: 5 });
  await installDatasets(pool, AMAZON_DATASETS);
});
afterAll(async () => {
  await pool?.end();
  await database?.drop();
});
beforeEach(async () => {
  account += 1;
  series = await ensureSeries(pool, RT_SALES, `seller-${account}`, PARTITION);
});

const ingest = async (span: Span, asins: readonly string[], now = NOW) =>
  ingestDocument(pool, {
    dataset: RT_SALES,
    seriesId: series.id,
    span,
    purpose: 'sync',
    document: salesDocument(
      span,
      asins.map((asin) => ({ hour: (span.from - DAY_START) / HOUR, asin })),
    ),
    evidence: { reportId: 'r1' },
    now,
  });
const fail = (span: Span, retryAt: number | null = null) =>
  recordFailure(pool, { seriesId: series.id, span, reason: 'FATAL', evidence: {}, retryAt, now: NOW });
const due = (span: Span, now = NOW) => ({ seriesId: series.id, span, purpose: 'sync' as const, now });
const intention = (span: Span, now = NOW) => intend(pool, due(span, now));
async function newJob(span: Span, now = NOW) {
  const result = await intention(span, now);
  if (!result.allowed) throw new Error('not allowed');
  return result.job;
}

describe('migrations', () => {
  test('any number of starters at once bring a new database up', async () => {
    const empty = await testDatabase({ migrated: false });
    try {
      await Promise.all([migrate(empty.url), migrate(empty.url), migrate(empty.url)]);
      const client = createPool(empty.url);
      await Promise.all([installDatasets(client, AMAZON_DATASETS), installDatasets(client, AMAZON_DATASETS)]);
      expect((await client.query('select * from amazon_rt_sales')).rows).toEqual([]);
      await client.end();
    } finally {
      await empty.drop();
    }
  });

  test('a file that fails is rolled back, and one changed after it was applied is refused by name', async () => {
    const good = { name: '001_good.sql', sql: 'create table good ()', sha256: 'a' };
    const bad = { name: '002_bad.sql', sql: 'create table half (); select 1 / 0', sha256: 'b' };
    const empty = await testDatabase({ migrated: false });
    try {
      await expect(migrate(empty.url, [good, bad])).rejects.toThrow(/002_bad.sql: failed.*division by zero/);
      const client = createPool(empty.url);
      const { rows } = await client.query("select to_regclass('good') as good, to_regclass('half') as half");
      expect(rows[0]).toEqual({ good: 'good', half: null });
      await client.end();
      await expect(migrate(empty.url, [{ ...good, sha256: 'c' }])).rejects.toThrow(
        /001_good.sql.*was changed/,
      );
    } finally {
      await empty.drop();
    }
  });
});

describe('values between Postgres and code', () => {
  test('times are epoch milliseconds, decimals text, and a count too large is an error', async () => {
    const { rows } = await pool.query(
      "select '2026-11-20T12:34:56.789Z'::timestamptz as t, 'infinity'::timestamptz as i, 1.50::numeric as n, 7::int8 as c",
    );
    expect(rows[0]).toEqual({
      t: Date.parse('2026-11-20T12:34:56.789Z'),
      i: Number.POSITIVE_INFINITY,
      n: '1.50',
      c: 7,
    });
    await expect(pool.query('select 9007199254740993::int8')).rejects.toThrow(
      /9007199254740993 does not fit/,
    );
  });
});

describe('series', () => {
  test('are found again, and have exactly the partition of their dataset', async () => {
    const again = await ensureSeries(pool, RT_SALES, series.account, {
      currencyCode: 'USD',
      marketplaceId: 'ATVPDKIKX0DER',
    });
    expect(again.id).toBe(series.id);
    const euro = await ensureSeries(pool, RT_SALES, series.account, { ...PARTITION, currencyCode: 'EUR' });
    expect((await listSeries(pool, { account: series.account })).map(({ id }) => id)).toEqual([
      series.id,
      euro.id,
    ]);
    await expect(ensureSeries(pool, RT_TRAFFIC, 'a', PARTITION)).rejects.toThrow(/needs \[marketplaceId\]/);
  });
});

describe('gaps', () => {
  test('are the requested range less what is good', async () => {
    await ingest(hours(2, 4), ['A']);
    await ingest(hours(6, 8), []);
    const found = await gaps(pool, series.id, hours(0, 10), NOW);
    expect(found.all).toEqual([hours(0, 2), hours(4, 6), hours(8, 10)]);
    expect(found.missing).toEqual(found.all);
    expect((await gaps(pool, series.id, hours(3, 7), NOW)).all).toEqual([hours(4, 6)]);
  });

  test('of an untouched series are all of it, and of another series are its own', async () => {
    await ingest(hours(0, 24), ['A']);
    const other = await ensureSeries(pool, RT_SALES, `${series.account}-other`, PARTITION);
    expect((await gaps(pool, other.id, hours(0, 24), NOW)).all).toEqual([hours(0, 24)]);
    expect((await gaps(pool, series.id, hours(0, 24), NOW)).all).toEqual([]);
  });

  test('that live jobs ask for are requested and not missing', async () => {
    await newJob(hours(2, 4));
    const found = await gaps(pool, series.id, hours(0, 6), NOW);
    expect(found.all).toEqual([hours(0, 6)]);
    expect(found.missing).toEqual([hours(0, 2), hours(4, 6)]);
    expect(found.requested).toEqual([hours(2, 4)]);
  });

  test('that failed are left alone until their retry time', async () => {
    await fail(hours(2, 3));
    await fail(hours(4, 5), NOW + HOUR);
    const before = await gaps(pool, series.id, hours(0, 6), NOW);
    expect(before.all).toEqual([hours(0, 6)]);
    expect(before.missing).toEqual([hours(0, 2), hours(3, 4), hours(5, 6)]);
    expect(before.failed).toEqual([
      { ...hours(2, 3), reason: 'FATAL', retryAt: null, cause: 'failed', tries: 1 },
      { ...hours(4, 5), reason: 'FATAL', retryAt: NOW + HOUR, cause: 'failed', tries: 1 },
    ]);
    const after = await gaps(pool, series.id, hours(0, 6), NOW + HOUR);
    expect(after.missing).toEqual([hours(0, 2), hours(3, 6)]);
    expect(after.failed).toEqual([before.failed[0]]);
    expect(after.due).toEqual([before.failed[1]]);
  });

  test('a failure never takes away what is good already', async () => {
    await ingest(hours(2, 4), ['A']);
    await fail(hours(1, 2));
    await fail(hours(0, 6), NOW + HOUR);
    const { failed } = await gaps(pool, series.id, hours(0, 6), NOW);
    expect(failed.map(({ from, to }) => ({ from, to }))).toEqual([hours(0, 2), hours(4, 6)]);
  });

  test('failures are counted with the window, and tried again at growing distances', async () => {
    const answer = (span: Span, now: number) =>
      recordFailure(pool, {
        seriesId: series.id,
        span,
        reason: 'FATAL: x',
        cause: 'fatal',
        evidence: {},
        now,
      });
    expect(await answer(hours(0, 6), NOW)).toEqual({ tries: 1, retryAt: NOW + 24 * HOUR, empty: false });
    // A part of it carries its count.
    expect(await answer(hours(0, 3), NOW + 6 * HOUR)).toMatchObject({ tries: 2, retryAt: NOW + 54 * HOUR });
    expect(await failedWindows(pool, [series.id], hours(0, 24))).toEqual([
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
      const failure = { seriesId: series.id, span: hours(0, 6), reason: 'CANCELLED', evidence: {}, now: NOW };
      expect(await recordFailure(pool, { ...failure, cause: 'cancelled' })).toMatchObject({
        tries,
        empty: tries === 3,
      });
    }
    expect((await gaps(pool, series.id, hours(0, 6), NOW)).all).toEqual([]);
    expect(await coverage(pool, series.id, hours(0, 6), NOW)).toMatchObject({
      emptyProvisional: 1,
      failed: 0,
    });
  });

  test('a range that is empty or endless is refused', async () => {
    await expect(gaps(pool, series.id, hours(2, 2), NOW)).rejects.toThrow(/needs two finite times/);
    await expect(gaps(pool, series.id, { from: 0, to: Infinity }, NOW)).rejects.toThrow(RangeError);
  });

  test('the database itself refuses two opinions about one hour', async () => {
    await ingest(hours(0, 4), ['A']);
    const insert = `insert into coverage (series_id, span, state, fetched_at) values ($1, $2, 'done', now())`;
    const range = '[2026-11-20T03:00:00Z,2026-11-20T05:00:00Z)';
    await expect(pool.query(insert, [series.id, range])).rejects.toMatchObject({
      constraint: 'coverage_no_overlap',
    });
  });
});

describe('a summary of a range', () => {
  test('counts windows, rows and gaps, and says when audits were', async () => {
    await ingest(hours(0, 2), ['A', 'B']);
    await ingest(hours(2, 3), []);
    await fail(hours(3, 4));
    await newJob(hours(4, 5));
    await recordAudit(pool, series.id, 'daily', NOW);
    await recordAudit(pool, series.id, 'daily', NOW - HOUR);
    expect(await coverage(pool, series.id, hours(0, 6), NOW)).toEqual({
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
    expect((await getSeries(pool, series.id))?.lastAudit.daily).toBe(NOW);
    await expect(coverage(pool, -1, hours(0, 1), NOW)).rejects.toThrow(/series -1 does not exist/);
  });
});

describe('audits', () => {
  const candidates = (kind: 'daily' | 'weekly', now: number) =>
    auditCandidates(pool, series.id, { kind, now });

  test('fetch again what was fetched before it had settled, empty windows too, and then leave it alone', async () => {
    await ingest(hours(0, 2), ['A'], DAY_START + 3 * HOUR);
    await ingest(hours(2, 4), [], DAY_START + 5 * HOUR);
    await fail(hours(4, 5));
    const day = DAY_START + 30 * HOUR;
    expect(await candidates('daily', day)).toEqual([hours(0, 2), hours(2, 4)]);

    await ingest(hours(0, 2), ['A'], day);
    expect(await candidates('daily', day + HOUR)).toEqual([hours(2, 4)]);
    expect(await candidates('weekly', day + HOUR)).toEqual([hours(0, 2), hours(2, 4)]);

    await ingest(hours(0, 4), ['A'], DAY_START + 9 * 24 * HOUR);
    expect(await candidates('weekly', DAY_START + 10 * 24 * HOUR)).toEqual([]);
  });

  test('do not ask again for what was fetched a moment ago', async () => {
    await ingest(hours(0, 2), ['A'], DAY_START + 3 * HOUR);
    expect(await candidates('daily', DAY_START + 3 * HOUR + 29 * MINUTE)).toEqual([]);
    expect(await candidates('daily', DAY_START + 3 * HOUR + 30 * MINUTE)).toEqual([hours(0, 2)]);
  });
});

describe('jobs', () => {
  test('a live job is adopted by whoever intends the same window, even all at once', async () => {
    const results = await Promise.all(Array.from({ length: 5 }, () => intention(hours(0, 6))));
    const ids = results.map((result) => (result.allowed ? result.job.id : null));
    expect(new Set(ids).size).toBe(1);
    expect(results.filter((result) => result.allowed && !result.adopted)).toHaveLength(1);
    expect((await newJob(hours(6, 12))).id).not.toBe(ids[0]);
    expect(await liveJobs(pool, series.id)).toHaveLength(2);
  });

  test('a create call whose answer was lost is ambiguous until it is known or surely refused', async () => {
    const job = await newJob(hours(0, 6));
    expect(job).toMatchObject({ state: 'intended', attempts: 0, ambiguous: false, requestedAt: null });
    expect((await markAttempt(pool, job.id, NOW)).job).toMatchObject({
      attempts: 1,
      ambiguous: true,
      requestedAt: NOW,
    });
    expect((await releaseAttempt(pool, job.id, NOW)).job).toMatchObject({ attempts: 1, ambiguous: false });
    await markAttempt(pool, job.id, NOW + 1);
    const { job: requested } = await markRequested(pool, job.id, {
      reportId: 'r7',
      requestId: 'q',
      now: NOW + 2,
    });
    expect(requested).toMatchObject({ ambiguous: false, attempts: 2, requestedAt: NOW + 1, requestId: 'q' });
  });

  test('go forward only: late duplicates change nothing', async () => {
    const { id } = await newJob(hours(0, 6));
    expect((await markReady(pool, id, { documentId: 'd', now: NOW })).applied).toBe(false);
    await markRequested(pool, id, { reportId: 'r1', now: NOW });
    expect(await markRequested(pool, id, { reportId: 'r2', now: NOW })).toMatchObject({
      applied: false,
      job: { reportId: 'r1' },
    });
    await markReady(pool, id, { documentId: 'd1', now: NOW });
    const url = { url: 'https://example.test/?signature=s', expiresAt: NOW + 5 * MINUTE, now: NOW };
    expect((await setDocumentUrl(pool, id, url)).job).toMatchObject({
      documentUrl: url.url,
      urlExpiresAt: url.expiresAt,
    });
    await markIngested(pool, id, { evidence: { digest: 'x' }, now: NOW });
    for (const late of [
      markRequested(pool, id, { reportId: 'r3', now: NOW }),
      markReady(pool, id, { documentId: 'd3', now: NOW }),
      markFailed(pool, id, { reason: 'late', now: NOW }),
      markCancelled(pool, id, { reason: 'late', now: NOW }),
    ]) {
      expect((await late).applied).toBe(false);
    }
    // The address is of no more use, and whoever has it can read the report.
    expect(await getJob(pool, id)).toMatchObject({
      state: 'ingested',
      reportId: 'r1',
      documentUrl: null,
      reason: null,
    });
    await expect(markFailed(pool, 0, { reason: 'x', now: NOW })).rejects.toThrow(/job 0 does not exist/);
  });

  test('the same window is not requested again within 30 minutes, another window is', async () => {
    const { id } = await newJob(hours(0, 6));
    await markRequested(pool, id, { reportId: 'r1', now: NOW });
    await markCancelled(pool, id, { reason: 'CANCELLED by the vendor', now: NOW + MINUTE });
    expect(await intention(hours(0, 6), NOW + 2 * MINUTE)).toEqual({
      allowed: false,
      notBefore: NOW + 30 * MINUTE,
    });
    expect((await intention(hours(0, 3), NOW + 2 * MINUTE)).allowed).toBe(true);
    expect((await intention(hours(0, 6), NOW + 30 * MINUTE)).allowed).toBe(true);
  });

  test('failing windows of an account share a part of the day, however many are due at once', async () => {
    const count = 100;
    const budget = { account: series.account, dayQuota: 1443, share: 0.05 };
    const calls: number[] = [];
    for (const at of [0, 12, 24, 30, 47].map((hour) => NOW + hour * HOUR)) {
      const asked = await Promise.all(
        Array.from({ length: count }, (_, hour) =>
          intend(pool, { ...due(hours(hour, hour + 1), at), failing: true, budget }),
        ),
      );
      for (const [hour, result] of asked.entries()) {
        if (!result.allowed) continue;
        const span = hours(hour, hour + 1);
        await markAttempt(pool, result.job.id, at);
        calls.push(at);
        await recordFailure(pool, {
          seriesId: series.id,
          span,
          reason: '',
          evidence: {},
          cause: 'fatal',
          now: at,
        });
        await markFailed(pool, result.job.id, { reason: 'FATAL', now: at });
      }
      const held = asked.find((one) => !one.allowed && one.failingCalls !== undefined);
      expect(held).toMatchObject({ failingCalls: 72, notBefore: expect.any(Number) });
    }
    expect(calls.map((at) => (at - NOW) / HOUR)).toEqual([0, 24].flatMap((hour) => Array(72).fill(hour)));
  });

  test('a series that is only refused is known for it, one that is cancelled is not', async () => {
    const end = (hour: number, cause: 'fatal' | 'cancelled') =>
      recordFailure(pool, {
        ...{ seriesId: series.id, span: hours(hour, hour + 1), reason: '', evidence: {} },
        ...{ cause, now: NOW + hour * HOUR },
      });
    for (const hour of [0, 1]) await end(hour, 'fatal');
    expect(await failsAlike(pool, series.id)).toBe(false);
    await end(2, 'fatal');
    expect(await failsAlike(pool, series.id)).toBe(true);
    await end(3, 'cancelled');
    expect(await failsAlike(pool, series.id)).toBe(false);
  });

  test('a lost answer counts as a request; a refused one does not', async () => {
    const lost = await newJob(hours(0, 6));
    await markAttempt(pool, lost.id, NOW);
    await markFailed(pool, lost.id, { reason: 'socket hang up', now: NOW });
    expect((await intention(hours(0, 6), NOW + MINUTE)).allowed).toBe(false);

    const refused = await newJob(hours(6, 12));
    await markAttempt(pool, refused.id, NOW);
    await releaseAttempt(pool, refused.id, NOW);
    await markFailed(pool, refused.id, { reason: 'invalid', now: NOW });
    expect((await intention(hours(6, 12), NOW + MINUTE)).allowed).toBe(true);
  });
});
