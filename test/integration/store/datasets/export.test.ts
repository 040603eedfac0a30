import { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Span } from '../../../../quota/windows/chunks';
import { ensureSeries, installDatasets } from '../../../../store/datasets/datasets';
import { type ExportFormat, exportRows } from '../../../../store/datasets/export';
import { ingestDocument } from '../../../../store/datasets/ingest/ingest';
import { createPool } from '../../../../store/db';
import { RT_SALES } from '../../../../vendors/amazon/datasets';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';
import { hours, PARTITION, type SalesRow, salesDocument } from '../../../support/vendors/sales-documents';

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await testDatabase();
  pool = createPool(database.url, { max: 2 });
  await installDatasets(pool, [RT_SALES]);
});
afterAll(async () => {
  await pool?.end();
  await database?.drop();
});

async function filled(account: string, rows: readonly SalesRow[]): Promise<number> {
  const series = await ensureSeries(pool, RT_SALES, account, PARTITION);
  const span = hours(0, 3);
  await ingestDocument(pool, {
    dataset: RT_SALES,
    seriesId: series.id,
    span,
    purpose: 'sync',
    document: salesDocument(span, rows),
    evidence: {},
    now: span.to,
  });
  return series.id;
}

async function exported(series: readonly number[], format: ExportFormat, span: Span = hours(0, 24)) {
  const parts: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      parts.push(chunk);
      done();
    },
  });
  const rows = await exportRows(pool, { dataset: RT_SALES, series, span, format }, sink);
  expect(sink.writableFinished).toBe(true);
  return { rows, text: Buffer.concat(parts).toString() };
}

describe('an export', () => {
  let one: number;
  let two: number;
  beforeAll(async () => {
    one = await filled('one', [
      { hour: 2, asin: 'B', revenue: '1234567890123456789.10' },
      { hour: 0, asin: 'quote" comma, back\\slash\nü🛒', units: -1, revenue: '0.50' },
      { hour: 0, asin: 'A', revenue: '3' },
    ]);
    two = await filled('two', [{ hour: 1, asin: 'A' }]);
  });

  test('as CSV has a header, exact amounts and times in UTC, each series in order', async () => {
    const { rows, text } = await exported([two, one], 'csv');
    expect(rows).toBe(4);
    expect(text).toBe(
      'account,marketplace_id,currency,start_time,end_time,asin,ordered_units,ordered_revenue\n' +
        'two,ATVPDKIKX0DER,USD,2026-11-20T01:00:00Z,2026-11-20T02:00:00Z,A,1,1.00\n' +
        'one,ATVPDKIKX0DER,USD,2026-11-20T00:00:00Z,2026-11-20T01:00:00Z,A,1,3\n' +
        'one,ATVPDKIKX0DER,USD,2026-11-20T00:00:00Z,2026-11-20T01:00:00Z,"quote"" comma, back\\slash\nü🛒",-1,0.50\n' +
        'one,ATVPDKIKX0DER,USD,2026-11-20T02:00:00Z,2026-11-20T03:00:00Z,B,1,1234567890123456789.10\n',
    );
  });

  test('as JSON Lines is one object a line, amounts with every digit', async () => {
    const { rows, text } = await exported([one], 'jsonl');
    expect(rows).toBe(3);
    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[2]).toContain('1234567890123456789.10');
    expect(JSON.parse(lines[1] ?? '')).toEqual({
      account: 'one',
      marketplace_id: 'ATVPDKIKX0DER',
      currency: 'USD',
      start_time: '2026-11-20T00:00:00Z',
      end_time: '2026-11-20T01:00:00Z',
      asin: 'quote" comma, back\\slash\nü🛒',
      ordered_units: -1,
      ordered_revenue: 0.5,
    });
  });

  test('takes only rows that start in the range; of nothing it is a header, or nothing', async () => {
    expect((await exported([one, two], 'csv', hours(1, 2))).rows).toBe(1);
    expect((await exported([one], 'csv', hours(5, 6))).text).toMatch(/^account,.*\n$/);
    expect((await exported([], 'jsonl')).text).toBe('');
  });
});

describe('a large export', () => {
  const COUNT = 60_000;
  let series: number;
  beforeAll(async () => {
    series = await filled(
      'large',
      Array.from({ length: COUNT }, (_, index) => ({
        hour: index % 3,
        asin: `B${String(index).padStart(9, '0')}`,
      })),
    );
  });
  const request = () => ({ dataset: RT_SALES, series: [series], span: hours(0, 24), format: 'csv' as const });

  test('waits for a slow reader and does not pile up in memory', async () => {
    let received = 0;
    let waiting = 0;
    const slow = new Writable({
      highWaterMark: 1_024,
      write(chunk: Buffer, _encoding, done) {
        received += chunk.length;
        waiting = Math.max(waiting, this.writableLength);
        setImmediate(done);
      },
    });
    expect(await exportRows(pool, request(), slow)).toBe(COUNT);
    expect(received).toBeGreaterThan(4_000_000);
    expect(waiting).toBeLessThan(600_000);
  });

  test('holds no connection and no snapshot while somebody reads', async () => {
    let more: () => void = () => undefined;
    const stalled = new Promise<void>((resolve) => {
      more = resolve;
    });
    let began: () => void = () => undefined;
    const reading = new Promise<void>((resolve) => {
      began = resolve;
    });
    const reader = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        began();
        stalled.then(() => done());
      },
    });
    const exporting = exportRows(pool, request(), reader);
    await reading;
    const { rows } = await pool.query(
      `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
         and (xact_start is not null or backend_xmin is not null) and backend_type = 'client backend'`,
    );
    expect(rows).toEqual([]);
    expect(pool.idleCount).toBe(pool.totalCount);
    more();
    expect(await exporting).toBe(COUNT);
  });

  test('ends when its reader goes away, and leaves no query behind', async () => {
    const gone = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error('client has gone'), { code: 'EPIPE' }));
      },
    });
    await expect(exportRows(pool, request(), gone)).rejects.toThrow('client has gone');
    const stopping = new AbortController();
    const never = new Writable({ write: () => stopping.abort() });
    await expect(exportRows(pool, { ...request(), signal: stopping.signal }, never)).rejects.toThrow();

    const running = async () =>
      (
        await pool.query<{ running: number }>(
          `select count(*) as running from pg_stat_activity
           where datname = current_database() and query like '%copy%' and state <> 'idle' and pid <> pg_backend_pid()`,
        )
      ).rows[0]?.running;
    // The server notices a closed connection when it writes to it next.
    for (let tries = 0; (await running()) !== 0 && tries < 100; tries += 1) await delay(50);
    expect(await running()).toBe(0);
    expect((await exported([series], 'csv')).rows).toBe(COUNT);
  });
});
