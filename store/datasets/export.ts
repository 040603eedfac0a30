/**
 * Writes rows of a dataset as CSV or JSON Lines, for files and HTTP answers of any size.
 *
 * Postgres formats the rows itself (COPY), so that amounts keep every digit and memory stays bounded. All series are
 * read from one snapshot into a spool file: a snapshot that lived as long as a slow reader would keep Postgres from
 * vacuuming any table.
 */
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Pool } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { toTimestamptz } from '../db';
import { Spool } from '../spool';
import { type DatasetTable, factTable, type ViewColumn, viewColumns } from './datasets';
import { type Span, toRange } from './span';

export type ExportFormat = 'csv' | 'jsonl';

export interface Export {
  readonly dataset: DatasetTable;
  /** Ids; written in this order, each sorted by time and key. */
  readonly series: readonly number[];
  /** Rows that start in it. */
  readonly span: Span;
  readonly format: ExportFormat;
  /** Ends the export. */
  readonly signal?: AbortSignal;
}

/**
 * Writes the rows to `writable` and ends it. Times are ISO 8601 in UTC with `Z`. CSV begins with a header
 * line; in JSON Lines amounts are numbers as stored (`1.50` stays `1.50`), so a reader that must not round
 * has to keep their text.
 * @returns the number of rows.
 * @throws the writable's error when it breaks (e.g. the HTTP client has gone), the database's otherwise.
 */
export function exportRows(pool: Pool, request: Export, writable: Writable): Promise<number> {
  const statements = request.series.map((seriesId) => copyStatement(request, seriesId));
  const header = viewColumns(request.dataset).map(({ name }) => name);
  return copyOut(pool, { ...request, header, statements }, writable);
}

export interface CopyOut {
  readonly format: ExportFormat;
  /** Column names, for CSV's first line. */
  readonly header: readonly string[];
  /** COPY … TO STDOUT, written one after the other. */
  readonly statements: readonly string[];
  readonly signal?: AbortSignal;
}

/** Writes what the statements copy to `writable`, as of one moment, and ends it. @returns the number of rows. */
export async function copyOut(pool: Pool, request: CopyOut, writable: Writable): Promise<number> {
  const spool = await Spool.open(Number.POSITIVE_INFINITY);
  try {
    const options = request.signal === undefined ? {} : { signal: request.signal };
    const rows = await copyIntoSpool(pool, request, spool);
    await pipeline(await spool.read(), writable, options);
    return rows;
  } finally {
    await spool.close();
  }
}

async function copyIntoSpool(pool: Pool, request: CopyOut, spool: Spool): Promise<number> {
  if (request.format === 'csv') await spool.write(Buffer.from(`${request.header.join(',')}\n`));
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query('begin transaction isolation level repeatable read read only');
    let rows = 0;
    for (const statement of request.statements) {
      request.signal?.throwIfAborted();
      const copy = client.query(copyTo(statement));
      for await (const piece of copy as AsyncIterable<Buffer>) {
        request.signal?.throwIfAborted();
        await spool.write(piece);
      }
      // The count comes after the data: the driver has seen it when the next query is answered.
      await client.query('select');
      rows += copy.rowCount;
    }
    await client.query('commit');
    broken = false;
    return rows;
  } finally {
    // A COPY that was given up in the middle can only be stopped by closing its connection.
    client.release(broken);
  }
}

/** COPY takes no parameters; everything put into it is a checked name, an integer or a time made here. */
function copyStatement(request: Export, seriesId: number): string {
  const { dataset, format, span } = request;
  if (!Number.isSafeInteger(seriesId)) throw new RangeError(`series id ${seriesId} is not an integer`);
  toRange(span);
  const keys = dataset.columns.filter(({ key }) => key).map(({ name }) => `f.${name}`);
  return copyOf(
    format,
    viewColumns(dataset),
    `${factTable(dataset)} f join series s on s.id = f.series_id
      where f.series_id = ${seriesId}
        and f.start_time >= '${toTimestamptz(span.from)}' and f.start_time < '${toTimestamptz(span.to)}'
      order by ${['f.start_time', ...keys].join(', ')}`,
  );
}

/** @param from what follows FROM, safe in SQL text. */
export function copyOf(format: ExportFormat, columns: readonly ViewColumn[], from: string): string {
  const shown = columns.map(({ name, sql, time }) =>
    time ? { name, sql: `to_char(${sql} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')` } : { name, sql },
  );
  const list =
    format === 'csv'
      ? shown.map(({ name, sql }) => `${sql} as ${name}`).join(', ')
      : `json_build_object(${shown.map(({ name, sql }) => `'${name}', ${sql}`).join(', ')})`;
  // JSON text holds no control characters, so with these as CSV's quote and delimiter its lines pass
  // through untouched; COPY's text format would double their backslashes.
  const options = format === 'csv' ? 'format csv' : "format csv, quote e'\\x01', delimiter e'\\x02'";
  return `copy (select ${list} from ${from}) to stdout with (${options})`;
}
