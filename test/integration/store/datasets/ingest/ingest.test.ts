import { Readable } from 'node:stream';
import type { Span } from '../../../../../quota/windows/chunks';
import { ensureSeries } from '../../../../../store/datasets/datasets';
import { getJob, intend, markReady, markRequested } from '../../../../../store/datasets/jobs/jobs';
import { gaps } from '../../../../../store/datasets/ledger';
import { RT_SALES } from '../../../../../vendors/amazon/datasets';
import { NOW, salesLedger } from '../../../../support/stacks/sales-ledger';
import {
  DAY_START,
  HOUR,
  hours,
  openText,
  PARTITION,
  type SalesRow,
  salesDocument,
  salesText,
} from '../../../../support/vendors/sales-documents';

const { state, ingest, ingestRows, visible, windows } = salesLedger();
async function readyJob(span: Span) {
  const result = await intend(state.pool, { seriesId: state.series.id, span, purpose: 'sync', now: NOW });
  if (!result.allowed) throw new Error('not allowed');
  await markRequested(state.pool, result.job.id, { reportId: 'r1', now: NOW });
  await markReady(state.pool, result.job.id, { documentId: 'd1', now: NOW });
  return result.job.id;
}
/** A source that gives `first` and then waits for the gate. */
function gated(first: string, rest: () => Promise<string>): Readable {
  return Readable.from(
    (async function* () {
      yield Buffer.from(first);
      yield Buffer.from(await rest());
    })(),
  );
}

describe('a document that is ingested', () => {
  test('gives rows with exact amounts, a window with evidence, and ends its job', async () => {
    const span = hours(0, 2);
    const jobId = await readyJob(span);
    const result = await ingestRows(
      span,
      [
        { hour: 0, asin: 'B1', units: -2, revenue: '-12345678901234567890.10' },
        { hour: 1, asin: 'tab\tback\\slash\nü🛒', revenue: '0.1e-20' },
      ],
      { jobId },
    );
    expect(result).toMatchObject({ outcome: 'ingested', state: 'done', rows: 2, replaced: 0 });
    expect(await visible()).toEqual([
      '0 B1 -2 -12345678901234567890.10',
      '1 tab\tback\\slash\nü🛒 1 0.000000000000000000001',
    ]);
    expect(await windows()).toEqual(['0-2 done 2 r1']);
    const job = await getJob(state.pool, jobId);
    expect(job).toMatchObject({
      state: 'ingested',
      evidence: { reportId: 'r1', requestId: 'q1', documentId: 'd1', fetchedAt: new Date(NOW).toISOString() },
    });
    expect(job?.evidence.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  test('replaces its span: a restated hour that lost rows leaves no ghosts', async () => {
    await ingestRows(
      hours(0, 3),
      [0, 1, 2].flatMap((hour) => [
        { hour, asin: 'A' },
        { hour, asin: 'B' },
      ]),
    );
    const result = await ingestRows(hours(1, 2), [{ hour: 1, asin: 'B', units: 9 }]);
    expect(result).toMatchObject({ rows: 1, replaced: 2 });
    expect(await visible()).toEqual(['0 A 1 1.00', '0 B 1 1.00', '1 B 9 1.00', '2 A 1 1.00', '2 B 1 1.00']);
  });

  test('cuts the windows it reaches into; what is left of them keeps its evidence and its own count', async () => {
    await ingestRows(
      hours(0, 4),
      [
        { hour: 0, asin: 'A' },
        { hour: 1, asin: 'A' },
        { hour: 3, asin: 'A' },
      ],
      {
        evidence: { reportId: 'old' },
      },
    );
    await ingestRows(hours(4, 6), [{ hour: 5, asin: 'A' }], { evidence: { reportId: 'next' } });
    await ingestRows(
      hours(2, 5),
      [
        { hour: 3, asin: 'B' },
        { hour: 4, asin: 'A' },
      ],
      { evidence: { reportId: 'new' } },
    );
    expect(await windows()).toEqual(['0-2 done 2 old', '2-5 done 2 new', '5-6 done 1 next']);
    await ingestRows(hours(2, 3), [], { evidence: { reportId: 'hole' } });
    expect(await windows()).toEqual([
      '0-2 done 2 old',
      '2-3 empty_provisional 0 hole',
      '3-5 done 2 new',
      '5-6 done 1 next',
    ]);
  });

  test('without rows makes a window that had none provisionally empty', async () => {
    expect(await ingestRows(hours(0, 1), [])).toMatchObject({
      state: 'empty_provisional',
      rows: 0,
      replaced: 0,
    });
    expect(await windows()).toEqual(['0-1 empty_provisional 0 r1']);
  });

  test('leaves other currencies of the same account alone', async () => {
    await ingestRows(hours(0, 1), [{ hour: 0, asin: 'A' }]);
    const other = await ensureSeries(state.pool, RT_SALES, state.series.account, {
      ...PARTITION,
      currencyCode: 'EUR',
    });
    const { rows } = await state.pool.query('select currency from amazon_rt_sales where account = $1', [
      state.series.account,
    ]);
    expect(rows).toEqual([{ currency: 'USD' }]);
    expect((await gaps(state.pool, other.id, hours(0, 1), NOW)).all).toEqual([hours(0, 1)]);
  });

  test('notes the audit it was for', async () => {
    await ingestRows(hours(0, 1), [], { purpose: 'daily_audit' });
    await ingestRows(hours(1, 2), [], { purpose: 'weekly_audit' });
    const { rows } = await state.pool.query(
      'select daily_audited_at, weekly_audited_at from coverage where series_id = $1 order by span',
      [state.series.id],
    );
    expect(rows).toEqual([
      { daily_audited_at: NOW, weekly_audited_at: null },
      { daily_audited_at: NOW, weekly_audited_at: NOW },
    ]);
  });

  test('twice: the second time is a late duplicate that is not even read', async () => {
    const jobId = await readyJob(hours(0, 1));
    await ingestRows(hours(0, 1), [{ hour: 0, asin: 'A' }], { jobId });
    const source = new Readable({ read() {} });
    const closed = new Promise((resolve) => source.once('close', resolve));
    const document = openText(source, hours(0, 1));
    expect(await ingest(hours(0, 1), document, { jobId })).toEqual({
      outcome: 'stale',
      jobState: 'ingested',
    });
    await closed;
    expect(document.reading).toBeNull();
    expect(await visible()).toHaveLength(1);
  });

  test('is not seen by anybody before all of it is there', async () => {
    await ingestRows(hours(0, 1), [{ hour: 0, asin: 'OLD' }]);
    const text = salesText(
      hours(0, 1),
      Array.from({ length: 5_000 }, (_, index) => ({ hour: 0, asin: `N${index}` })),
    );
    const source = gated(text.slice(0, -100), async () => {
      expect(await visible()).toEqual(['0 OLD 1 1.00']);
      expect(await windows()).toEqual(['0-1 done 1 r1']);
      return text.slice(-100);
    });
    expect(await ingest(hours(0, 1), openText(source, hours(0, 1)))).toMatchObject({
      rows: 5_000,
      replaced: 1,
    });
    expect(await windows()).toEqual(['0-1 done 5000 r1']);
  });
});

describe('a document of several pieces', () => {
  const span = hours(0, 1);
  const many = Array.from({ length: 20_000 }, (_, index) => ({ hour: 0, asin: `N${index}` }));
  beforeEach(() => ingestRows(span, [{ hour: 0, asin: 'OLD' }]));

  test('with a key twice in its first piece is read once more, and taken in', async () => {
    const rows = [{ hour: 0, asin: 'N0' }, { hour: 0, asin: 'N1', units: 9 }, ...many];
    expect(await ingestRows(span, rows)).toMatchObject({ rows: 20_000, replaced: 1, setAside: 1 });
    expect(await windows()).toEqual(['0-1 done 20000 r1']);
  });

  test('that is cut off at its end changes no row', async () => {
    const text = salesText(span, many).slice(0, -1);
    expect(await ingest(span, openText(text, span))).toMatchObject({ outcome: 'rejected' });
    expect(await visible()).toEqual(['0 OLD 1 1.00']);
  });
});

describe('a document that is refused', () => {
  const span = hours(0, 2);

  test('in the middle changes no row, marks the window and the job, and is kept as evidence', async () => {
    await ingestRows(hours(0, 1), [{ hour: 0, asin: 'OLD' }]);
    const jobId = await readyJob(span);
    const rows = Array.from({ length: 3_000 }, (_, index) => ({ hour: 0, asin: `N${index}` }));
    const text = salesText(span, [...rows, { hour: 1, asin: 'BAD', revenue: '"1.00"' }]);
    const badRows = { onBadRow: 'refuse', maxShare: 0 } as const;
    const result = await ingest(span, openText(text, span), { jobId, badRows });
    expect(result).toMatchObject({ outcome: 'rejected', problem: { code: 'schema' } });
    if (result.outcome === 'rejected')
      expect(result.problem.problem).toMatch(/reportData\[3000\].orderedRevenue/);

    expect(await visible()).toEqual(['0 OLD 1 1.00']);
    expect(await windows()).toEqual(['0-1 done 1 r1', '1-2 failed 0 r1']);
    const { failed } = await gaps(state.pool, state.series.id, span, NOW);
    expect(failed).toEqual([
      {
        ...hours(1, 2),
        reason: expect.stringContaining('orderedRevenue'),
        retryAt: NOW + 24 * HOUR,
        cause: 'unreadable',
        tries: 1,
      },
    ]);
    expect(await getJob(state.pool, jobId)).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('orderedRevenue'),
    });
    const kept = await state.pool.query('select * from rejected_documents where job_id = $1', [jobId]);
    expect(kept.rows).toHaveLength(1);
    expect(kept.rows[0]).toMatchObject({ code: 'schema', evidence: { reportId: 'r1', code: 'schema' } });
    expect(kept.rows[0].head.toString()).toBe(text.slice(0, 64 * 1024));
  });

  test('by a later document is made good', async () => {
    await ingest(span, openText('{"errorDetails":"not yet available"}', span));
    expect(await windows()).toEqual(['0-2 failed 0 r1']);
    await ingestRows(hours(0, 1), [{ hour: 0, asin: 'A' }]);
    expect(await windows()).toEqual(['0-1 done 1 r1', '1-2 failed 0 r1']);
  });

  test.each([
    [
      'the error document of the vendor',
      '{"reportRequestError":"A client error occurred"}',
      'vendor_error',
      /client error/,
    ],
    ['a document of another span', salesText(hours(0, 3), []), 'mismatch', /dataEndTime/],
    ['a document cut off', salesText(span, [{ hour: 0, asin: 'A' }]).slice(0, -1), 'json', /cut off/],
  ])('%s', async (_, text, code, problem) => {
    const result = await ingest(span, openText(text, span));
    expect(result).toMatchObject({ outcome: 'rejected', problem: { code } });
    if (result.outcome === 'rejected') expect(result.problem.problem).toMatch(problem);
    expect(await visible()).toEqual([]);
    expect(await windows()).toEqual(['0-2 failed 0 r1']);
  });

  test('whatever reads the document, a row outside of the span is refused by the store', async () => {
    const document = salesDocument(hours(0, 3), [{ hour: 2, asin: 'A' }]);
    expect(await ingest(span, document)).toMatchObject({
      outcome: 'rejected',
      problem: { code: 'schema', problem: expect.stringMatching(/outside of the requested span/) },
    });
  });

  test('keeps only the last 50 of a series', async () => {
    for (let index = 0; index < 52; index += 1) await ingest(span, openText('nothing', span));
    const { rows } = await state.pool.query(
      'select count(*) as kept from rejected_documents where series_id = $1',
      [state.series.id],
    );
    expect(rows).toEqual([{ kept: 50 }]);
  });
});

describe('a download that breaks', () => {
  const broken = () =>
    gated(salesText(hours(0, 1), [{ hour: 0, asin: 'A' }]).slice(0, 300), () =>
      Promise.reject(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })),
    );

  test('changes nothing, and the job can be tried again', async () => {
    const jobId = await readyJob(hours(0, 1));
    await ingestRows(hours(0, 1), [{ hour: 0, asin: 'OLD' }]);
    const failing = ingest(hours(0, 1), openText(broken(), hours(0, 1)), { jobId });
    await expect(failing).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await visible()).toEqual(['0 OLD 1 1.00']);
    expect(await windows()).toEqual(['0-1 done 1 r1']);
    expect((await getJob(state.pool, jobId))?.state).toBe('ready');
    expect(await ingestRows(hours(0, 1), [{ hour: 0, asin: 'A' }], { jobId })).toMatchObject({
      outcome: 'ingested',
    });
  });

  test('before it is read is no crash', async () => {
    const source = new Readable({ read() {} });
    const document = openText(source, hours(0, 1));
    source.destroy(new Error('reset while waiting'));
    await new Promise((resolve) => setImmediate(resolve));
    await expect(ingest(hours(0, 1), document)).rejects.toThrow('reset while waiting');
  });

  test('by stalling can be aborted, and is then rolled back', async () => {
    const stop = new AbortController();
    const source = gated(salesText(hours(0, 1), [{ hour: 0, asin: 'A' }]).slice(0, -1), () => {
      stop.abort(new Error('worker is shutting down'));
      return new Promise<string>(() => {});
    });
    const ingesting = ingest(hours(0, 1), openText(source, hours(0, 1)), { signal: stop.signal });
    await expect(ingesting).rejects.toThrow('the ingest was aborted');
    expect(await windows()).toEqual([]);
    expect(state.pool.idleCount).toBe(state.pool.totalCount);
  });
});

describe('ingests at the same time', () => {
  test('of overlapping spans go one after the other', async () => {
    const spans = [hours(0, 6), hours(3, 9), hours(5, 8), hours(0, 9), hours(2, 4)];
    await Promise.all(
      spans.map((span, index) => {
        const rows: SalesRow[] = [];
        for (let hour = (span.from - DAY_START) / HOUR; hour < (span.to - DAY_START) / HOUR; hour += 1) {
          rows.push({ hour, asin: 'A', units: index }, { hour, asin: `only-${index}`, units: index });
        }
        return ingestRows(span, rows, { evidence: { reportId: `${index}` } });
      }),
    );
    // Whatever their order was: each hour holds the two rows of the one document that its window names.
    const byHour = await state.pool.query<{ hour: number; units: string; rows: number; report: string }>(
      `select (extract(epoch from start_time) / 3600 - $2)::int as hour, string_agg(distinct ordered_units::text, ',') as units,
              count(*) as rows, min(c.evidence ->> 'reportId') as report
       from fact_amazon_rt_sales f join coverage c on c.series_id = f.series_id and c.span @> f.start_time
       where f.series_id = $1 group by start_time order by start_time`,
      [state.series.id, DAY_START / HOUR],
    );
    expect(byHour.rows.map(({ hour }) => hour)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    for (const { units, rows, report } of byHour.rows)
      expect({ units, rows }).toEqual({ units: report, rows: 2 });
    expect((await gaps(state.pool, state.series.id, hours(0, 9), NOW)).all).toEqual([]);
  });

  test('of one job take it in once', async () => {
    const jobId = await readyJob(hours(0, 1));
    const results = await Promise.all(
      [1, 2, 3].map(() => ingestRows(hours(0, 1), [{ hour: 0, asin: 'A' }], { jobId })),
    );
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(['ingested', 'stale', 'stale']);
  });
});
