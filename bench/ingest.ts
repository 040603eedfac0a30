/**
 * How fast a report gets from a socket into committed rows, and how much memory that takes.
 *
 *     npm run bench:ingest [-- rows] [--json]      (default 1000000)
 *
 * Uses the database that DATABASE_URL names, or starts a Postgres of its own and removes it afterwards. The
 * document is GZIP, served over HTTP by a child process, so that the memory measured is the reader's alone.
 * Prints rows per second for a first ingest, and for a restatement that replaces the same span. Fails below
 * the floors.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createGzip } from 'node:zlib';
import type { Pool } from 'pg';
import { request } from 'undici';
import { removePostgres, startPostgres } from '../embedded/postgres/postgres';
import { HOUR_MS } from '../quota/durations';
import type { Span } from '../quota/windows/chunks';
import { ensureSeries, installDatasets } from '../store/datasets/datasets';
import { ArrivingDocument } from '../store/datasets/ingest/document-spool';
import { ingestDocument } from '../store/datasets/ingest/ingest';
import { createPool } from '../store/db';
import { migrate } from '../store/migrate';
import { RT_SALES } from '../vendors/amazon/datasets';
import { openReportDocument } from '../vendors/amazon/document/document';

const JSON_WANTED = process.argv.includes('--json');
const FLOOR_ROWS_PER_SECOND = 30_000;
const CEILING_GROWTH_MB = 200;
const PARTITION = { marketplaceId: 'ATVPDKIKX0DER', currencyCode: 'USD' };
const ROWS_PER_HOUR = 50_000;
const START = Date.UTC(2026, 0, 1);

const spanOf = (rows: number): Span => ({
  from: START,
  to: START + Math.ceil(rows / ROWS_PER_HOUR) * HOUR_MS,
});

function* documentText(rows: number): Generator<string> {
  const iso = (epochMs: number) => new Date(epochMs).toISOString();
  const span = spanOf(rows);
  yield JSON.stringify({
    reportSpecification: {
      reportType: RT_SALES.reportType,
      dataStartTime: iso(span.from),
      dataEndTime: iso(span.to),
      marketplaceIds: [PARTITION.marketplaceId],
      reportOptions: { currencyCode: PARTITION.currencyCode },
    },
  }).replace(/\}$/, ',"reportData":[');
  let part = '';
  for (let row = 0; row < rows; row += 1) {
    const from = START + Math.floor(row / ROWS_PER_HOUR) * HOUR_MS;
    const asin = `B0${((row * 2_654_435_761) % 4_294_967_296).toString(36).toUpperCase().padStart(8, '0')}`;
    part +=
      `${row === 0 ? '' : ','}{"startTime":"${iso(from)}","endTime":"${iso(from + HOUR_MS)}","asin":"${asin}",` +
      `"orderedUnits":${(row % 11) - 2},"orderedRevenue":${((row % 9_973) * 1.37).toFixed(2)}}`;
    if (part.length > 64_000) {
      yield part;
      part = '';
    }
  }
  yield `${part}]}`;
}

/** The child: makes the document once, then gives it to whoever asks. */
async function serve(rows: number): Promise<void> {
  const gzip = createGzip({ level: 1 });
  const parts: Buffer[] = [];
  gzip.on('data', (part: Buffer) => parts.push(part));
  for (const text of documentText(rows)) if (!gzip.write(text)) await once(gzip, 'drain');
  gzip.end();
  await once(gzip, 'end');
  const body = Buffer.concat(parts);
  const server = createServer((_, response) => response.end(body));
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.once('disconnect', () => process.exit(0));
}

async function ingestOnce(pool: Pool, url: string, account: string, rows: number) {
  const span = spanOf(rows);
  const series = await ensureSeries(pool, RT_SALES, account, PARTITION);
  global.gc?.();
  const before = process.memoryUsage.rss();
  let peak = before;
  const sampling = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 20);
  const started = performance.now();
  const { body } = await request(url);
  const expected = { dataset: RT_SALES, span, partition: PARTITION };
  const document = new ArrivingDocument(body, (text) =>
    openReportDocument(text, expected, { compressionAlgorithm: 'GZIP' }),
  );
  const result = await ingestDocument(pool, {
    dataset: RT_SALES,
    seriesId: series.id,
    span,
    purpose: 'backfill',
    document,
    evidence: {},
    now: Date.now(),
  });
  const seconds = (performance.now() - started) / 1_000;
  clearInterval(sampling);
  if (result.outcome !== 'ingested' || result.rows !== rows) throw new Error(JSON.stringify(result));
  return { rowsPerSecond: Math.round(rows / seconds), seconds, growthMb: (peak - before) / 2 ** 20 };
}

async function measure(url: string, rows: number): Promise<boolean> {
  const child = fork(__filename, ['serve', String(rows)], { execArgv: process.execArgv });
  try {
    const [port] = (await once(child, 'message')) as [number];
    await migrate(url);
    const pool = createPool(url, { applicationName: 'sluice-bench' });
    const account = `bench-${process.pid}`;
    let good = true;
    const runs: object[] = [];
    try {
      await installDatasets(pool, [RT_SALES]);
      for (const label of ['first ingest', 'restatement']) {
        const run = await ingestOnce(pool, `http://127.0.0.1:${port}/`, account, rows);
        good &&= run.rowsPerSecond >= FLOOR_ROWS_PER_SECOND && run.growthMb < CEILING_GROWTH_MB;
        runs.push({ what: label, rows, ...run });
        if (JSON_WANTED) continue;
        console.log(
          `${label.padEnd(12)}  ${rows} rows in ${run.seconds.toFixed(1)} s = ${run.rowsPerSecond} rows/s, ` +
            `memory grew by ${run.growthMb.toFixed(0)} MB`,
        );
      }
    } finally {
      // Its rows go with the series; nothing of the benchmark stays in a database that others use.
      await pool.query('delete from series where account = $1', [account]);
      await pool.end();
    }
    if (JSON_WANTED) console.log(JSON.stringify({ runs, ok: good }));
    if (!good) console.error(`below ${FLOOR_ROWS_PER_SECOND} rows/s or above ${CEILING_GROWTH_MB} MB`);
    return good;
  } finally {
    child.kill();
  }
}

async function main(): Promise<void> {
  const given = process.argv.slice(2).find((word) => word !== '--json');
  const rows = Number(given ?? 1_000_000);
  if (!Number.isSafeInteger(rows) || rows <= 0) throw new RangeError(`rows: "${given}" is not a count`);
  const server = process.env.DATABASE_URL;
  if (server !== undefined) {
    process.exitCode = (await measure(server, rows)) ? 0 : 1;
    return;
  }
  const dataDir = mkdtempSync(path.join(tmpdir(), 'sluice-bench-'));
  try {
    const server = await startPostgres({ dataDir });
    process.exitCode = (await measure(server.url, rows)) ? 0 : 1;
  } finally {
    await removePostgres(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

void (process.argv[2] === 'serve' ? serve(Number(process.argv[3])) : main());
