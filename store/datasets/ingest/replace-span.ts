/**
 * Replaces the rows of a document's span, usually by a delete and a COPY. Where known hours or rows are to stay, or
 * rows share a key, the document goes through a staging table first.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { types } from 'node:util';
import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { DoubtedHour } from '../../../quota/windows/restatement';
import { toTimestamptz } from '../../db';
import { jsonText } from '../../storable';
import { type DatasetTable, factTable } from '../datasets';
import type { Span } from '../span';
import type { IncomingBadRow } from './incoming';
import type { DocumentReading } from './reading';
import type { SetAsideRow } from './set-aside';

export interface Replacement {
  readonly dataset: DatasetTable;
  readonly seriesId: number;
  readonly span: Span;
  /** Reads the document from its beginning. */
  readonly read: () => Promise<DocumentReading>;
  /**
   * Judges what has been read to its end: the hours whose known rows stay, and whose rows of the document are not taken
   * in. Throws what refuses the document.
   */
  readonly doubted: (reading: DocumentReading) => readonly DoubtedHour[];
}

export interface Replaced {
  readonly reading: DocumentReading;
  readonly doubted: readonly DoubtedHour[];
  /** Rows of the document that are in. */
  readonly rows: number;
  /** Known rows that are gone or were replaced. */
  readonly deleted: number;
  /** Rows with the key of an earlier one, but other values: not taken in. */
  readonly duplicates: readonly SetAsideRow[];
}

/**
 * To be called under the lock of the series. Most documents are taken in whole, while they are read; whether one can be
 * is known at its end only. One that cannot is read a second time.
 */
export async function replaceRows(client: PoolClient, replacement: Replacement): Promise<Replaced> {
  await client.query('savepoint whole_document');
  const replaced = await wholeDocument(client, replacement);
  if (replaced !== null) {
    await client.query('release savepoint whole_document');
    return replaced;
  }
  await client.query('rollback to savepoint whole_document');
  return throughStaging(client, replacement);
}

/** Null when known rows have to stay, or rows share a key. */
async function wholeDocument(client: PoolClient, replacement: Replacement): Promise<Replaced | null> {
  const { dataset, seriesId, span } = replacement;
  const { rowCount } = await client.query(`delete from ${factTable(dataset)} f where ${IN_SPAN}`, [
    seriesId,
    toTimestamptz(span.from),
    toTimestamptz(span.to),
  ]);
  const reading = await replacement.read();
  try {
    await copyInto(client, dataset, reading, factTable(dataset));
  } catch (error) {
    if (isDuplicateKey(error)) return null;
    throw error;
  }
  const doubted = replacement.doubted(reading);
  if (doubted.length > 0 || reading.document.badRows().count > 0) return null;
  return { reading, doubted, rows: reading.rows, deleted: rowCount ?? 0, duplicates: [] };
}

const IN_SPAN = 'f.series_id = $1 and f.start_time >= $2 and f.start_time < $3';

function isDuplicateKey(error: unknown): boolean {
  return types.isNativeError(error) && 'code' in error && error.code === '23505';
}

async function copyInto(
  client: PoolClient,
  dataset: DatasetTable,
  reading: DocumentReading,
  table: string,
): Promise<void> {
  const columns = ['series_id', 'start_time', 'end_time', ...dataset.columns.map(({ name }) => name)];
  const statement = `copy ${table} (${columns.join(', ')}) from stdin`;
  // A session that waits for COPY's data is not idle to Postgres: were this process frozen in the middle, only the
  // statement's own limit would free the series. So the rows go in pieces, each a statement that is soon over.
  await client.query(`set local statement_timeout = ${PIECE_MS}`);
  for await (const piece of oneAhead(reading.pieces())) {
    // The server takes a session that says nothing for long for a frozen one.
    if (piece.length === 0) await client.query('select');
    else await pipeline(Readable.from(piece), client.query(copyFrom(statement)));
  }
  await client.query('set local statement_timeout to default');
}

/** Asks for the next piece before this one is used, so that the document is read on while the database writes. */
async function* oneAhead<T>(pieces: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = pieces.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done === true) return;
      next = pieces.next();
      // Should the use of this one fail, nobody waits for the next.
      next.catch(() => {});
      yield value;
    }
  } finally {
    await pieces.return(undefined);
  }
}

/** Longest time for one piece of a COPY, ms: far more than a busy machine needs for it. */
const PIECE_MS = 8_000;

async function throughStaging(client: PoolClient, replacement: Replacement): Promise<Replaced> {
  const { dataset, seriesId, span } = replacement;
  const table = factTable(dataset);
  const names = dataset.columns.map(({ name }) => name);
  const keys = dataset.columns.filter(({ key }) => key).map(({ name }) => name);
  const key = ['start_time', ...keys];
  await client.query(
    `create temporary table incoming on commit drop as select f.* from ${table} f limit 0;
     alter table incoming add column n bigint generated always as identity`,
  );
  const reading = await replacement.read();
  await copyInto(client, dataset, reading, 'incoming');
  const doubted = replacement.doubted(reading);
  const keptHours = doubted.map(({ hour }) => toTimestamptz(hour));
  await client.query(`create index on incoming (${[...key, 'n'].join(', ')})`);
  const duplicates = await differingDuplicates(client, dataset, key);

  const bad = whatBadRowsMayBe(reading.document.badRows());
  // Every key column as text, for the keys of bad rows are text.
  const sameKey = keys.map((name, i) => `b.key[${i + 1}] = f.${name}::text`);
  const sameRow = ['b.start_time = f.start_time', ...sameKey].join(' and ');
  const deleted = await client.query(
    `with bad as materialized (
       select (b ->> 'start')::timestamptz as start_time, array(select jsonb_array_elements_text(b -> 'key')) as key
       from jsonb_array_elements($5::jsonb) b
     )
     delete from ${table} f where ${IN_SPAN}
       and date_trunc('hour', f.start_time) <> all ($4::timestamptz[])
       and (not $7::boolean and f.start_time <> all ($6::timestamptz[])
              and not exists (select from bad b where b.start_time is not null and ${sameRow})
              and not exists (select from bad b where b.start_time is null and ${sameKey.join(' and ')})
            or exists (select from incoming i where ${key.map((name) => `i.${name} = f.${name}`).join(' and ')}))`,
    [
      seriesId,
      toTimestamptz(span.from),
      toTimestamptz(span.to),
      keptHours,
      jsonText(bad.rows),
      bad.starts.map(toTimestamptz),
      bad.any,
    ],
  );
  const columns = ['series_id', 'start_time', 'end_time', ...names].join(', ');
  const inserted = await client.query(
    `insert into ${table} (${columns})
     select ${columns} from (select distinct on (${key.join(', ')}) * from incoming order by ${key.join(', ')}, n) i
     where date_trunc('hour', start_time) <> all ($1::timestamptz[])`,
    [keptHours],
  );
  return { reading, doubted, rows: inserted.rowCount ?? 0, deleted: deleted.rowCount ?? 0, duplicates };
}

/**
 * Known rows that a document's bad rows may have been, which stay unless another row of the document has them: single
 * rows or keys, whole starts, or any at all. Of a row without a readable key it is the whole start, of one without a time
 * that key at all starts.
 */
function whatBadRowsMayBe({
  count,
  rows: badRows,
}: {
  readonly count: number;
  readonly rows: readonly IncomingBadRow[];
}): {
  readonly rows: readonly { readonly start: string | null; readonly key: readonly string[] }[];
  readonly starts: readonly number[];
  readonly any: boolean;
} {
  const rows = badRows.flatMap(({ start, key }) =>
    key === null ? [] : [{ start: start === null ? null : toTimestamptz(start), key }],
  );
  const starts = badRows.flatMap(({ start, key }) => (start !== null && key === null ? [start] : []));
  // Of those that were only counted nothing is known.
  const any = count > badRows.length || badRows.some(({ start, key }) => start === null && key === null);
  return { rows, starts: [...new Set(starts)], any };
}

/** Rows whose key an earlier row of the document has with other values. Identical ones count as one. */
async function differingDuplicates(
  client: PoolClient,
  dataset: DatasetTable,
  key: readonly string[],
): Promise<readonly SetAsideRow[]> {
  const columns = ['end_time', ...dataset.columns.filter(({ key }) => !key).map(({ name }) => name)];
  const values = (of: string) =>
    `jsonb_build_object(${columns.map((n) => `'${n}', ${of}.${n}::text`).join(', ')})`;
  const keyNames = key.slice(1);
  const { rows } = await client.query<{
    n: number;
    start_time: number;
    row_key: string[];
    first: Record<string, unknown>;
    second: Record<string, unknown>;
  }>(
    `with firsts as (select distinct on (${key.join(', ')}) * from incoming order by ${key.join(', ')}, n)
     select d.n, d.start_time, array[${keyNames.map((n) => `d.${n}::text`).join(', ')}]::text[] as row_key,
            ${values('f')} as first, ${values('d')} as second
     from incoming d join firsts f on ${key.map((name) => `f.${name} = d.${name}`).join(' and ')} and f.n < d.n
     where (${columns.map((n) => `f.${n}`).join(', ')}) is distinct from (${columns.map((n) => `d.${n}`).join(', ')})
     order by d.n`,
  );
  return rows.map(({ n, start_time, row_key, first, second }) => {
    const where = [new Date(start_time).toISOString(), ...row_key].join(' ');
    const differences = columns
      .filter((name) => String(first[name]) !== String(second[name]))
      .map((name) => `${name} ${String(first[name])} and ${String(second[name])}`);
    return {
      code: 'duplicate_key',
      // Rows that could not be used have no place in the table, so the place in the document is not known.
      index: -1,
      start: start_time,
      key: row_key,
      problem: `two rows for ${where}: ${differences.join(', ')}; the first counts (row ${n} of those that can be used)`,
      text: JSON.stringify({ start_time: new Date(start_time).toISOString(), key: row_key, ...second }),
    };
  });
}
