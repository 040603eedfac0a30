/** A database in which documents of sales are taken in, with a series of its own for each test. */
import type { Pool } from 'pg';
import type { Span } from '../../../quota/windows/chunks';
import { ensureSeries, installDatasets, type Series } from '../../../store/datasets/datasets';
import { recordFailure } from '../../../store/datasets/failed-windows';
import { type Ingest, ingestDocument } from '../../../store/datasets/ingest/ingest';
import { intend } from '../../../store/datasets/jobs/jobs';
import { createPool } from '../../../store/db';
import { RT_SALES } from '../../../vendors/amazon/datasets';
import { DAY_START, HOUR, PARTITION, type SalesRow, salesDocument } from '../vendors/sales-documents';
import { type TestDatabase, testDatabase } from './embedded';

export const NOW = DAY_START + 48 * HOUR;

/** To be called once in a test file: it sets up and tears down by itself. */
export function salesLedger() {
  let database: TestDatabase;
  let account = 0;
  const state = {} as { pool: Pool; series: Series };

  beforeAll(async () => {
    database = await testDatabase();
    state.pool = createPool(database.url, { max: 8 });
    await installDatasets(state.pool, [RT_SALES]);
  });
  afterAll(async () => {
    await state.pool?.end();
    await database?.drop();
  });
  beforeEach(async () => {
    account += 1;
    state.series = await ensureSeries(state.pool, RT_SALES, `seller-${account}`, PARTITION);
  });

  const ingest = (span: Span, document: Ingest['document'], more: Partial<Ingest> = {}) =>
    ingestDocument(state.pool, {
      dataset: RT_SALES,
      seriesId: state.series.id,
      span,
      purpose: 'sync',
      document,
      evidence: { reportId: 'r1', requestId: 'q1', documentId: 'd1' },
      now: NOW,
      ...more,
    });
  const ingestRows = (span: Span, rows: readonly SalesRow[], more: Partial<Ingest> = {}) =>
    ingest(span, salesDocument(span, rows), more);
  /** A row of each of these products in the span's first hour. */
  const ingestHours = (span: Span, asins: readonly string[], now = NOW) =>
    ingestRows(
      span,
      asins.map((asin) => ({ hour: (span.from - DAY_START) / HOUR, asin })),
      { now },
    );

  const fail = (span: Span, retryAt: number | null = null) =>
    recordFailure(state.pool, {
      ...{ seriesId: state.series.id, span, reason: 'FATAL', evidence: {}, retryAt },
      now: NOW,
    });
  const due = (span: Span, now = NOW) => ({
    ...{ seriesId: state.series.id, span, now },
    purpose: 'sync' as const,
  });
  const intention = (span: Span, now = NOW) => intend(state.pool, due(span, now));
  async function newJob(span: Span, now = NOW) {
    const result = await intention(span, now);
    if (!result.allowed) throw new Error('not allowed');
    return result.job;
  }

  /** `hour asin units revenue` of all rows that people see. */
  async function visible(): Promise<string[]> {
    const { rows } = await state.pool.query<{
      start_time: number;
      asin: string;
      ordered_units: number;
      ordered_revenue: string;
    }>('select * from amazon_rt_sales where account = $1 order by start_time, asin', [state.series.account]);
    return rows.map(
      (r) => `${(r.start_time - DAY_START) / HOUR} ${r.asin} ${r.ordered_units} ${r.ordered_revenue}`,
    );
  }
  async function windows() {
    const { rows } = await state.pool.query(
      `select lower(span) as from_time, upper(span) as to_time, state, row_count, evidence ->> 'reportId' as report, reason
       from coverage where series_id = $1 order by span`,
      [state.series.id],
    );
    return rows.map(
      (r) =>
        `${(r.from_time - DAY_START) / HOUR}-${(r.to_time - DAY_START) / HOUR} ${r.state} ${r.row_count} ${r.report}`,
    );
  }

  return { state, ingest, ingestRows, ingestHours, fail, due, intention, newJob, visible, windows };
}
