/** Rows of a dataset page by page, by their keys: rows that come between two pages move none. */
import type { Pool } from 'pg';
import type { FleetKind } from '../../vendors/fleet-datasets';
import { toTimestamptz } from '../db';
import { fleetColumns } from '../fleet/export';
import { type DatasetTable, factTable, viewColumns } from './datasets';
import type { Span } from './span';

/** Names and values as the view has them; amounts as text, times as epoch ms. */
export type DatasetRow = Readonly<Record<string, unknown>>;

export interface RowPage {
  readonly rows: readonly DatasetRow[];
  /** Where the next page begins; null after the last row. */
  readonly next: readonly string[] | null;
}

export interface RowRequest {
  readonly span: Span;
  /** Where the page before has ended; a part for each key. */
  readonly after: readonly string[] | null;
  readonly limit: number;
}

/** In the order of the table's own index. */
export function rowKeys(dataset: DatasetTable): readonly string[] {
  return [
    'f.series_id',
    'f.start_time',
    ...dataset.columns.filter(({ key }) => key).map(({ name }) => `f.${name}`),
  ];
}

/** @param series ids; all of one dataset. */
export function readRows(
  db: Pool,
  dataset: DatasetTable,
  series: readonly number[],
  request: RowRequest,
): Promise<RowPage> {
  return readPage(db, request, {
    columns: viewColumns(dataset),
    keys: rowKeys(dataset),
    from: `${factTable(dataset)} f join series s on s.id = f.series_id
      where f.series_id = any ($1) and f.start_time >= $2 and f.start_time < $3`,
    values: [series],
  });
}

export function fleetRowKeys(kind: FleetKind): readonly string[] {
  return ['v.device_id', kind === 'trips' ? 'v.start_time' : 'v.at'];
}

export function readFleetRows(
  db: Pool,
  kind: FleetKind,
  account: string,
  request: RowRequest,
): Promise<RowPage> {
  const isTrips = kind === 'trips';
  const time = isTrips ? 'start_time' : 'at';
  return readPage(db, request, {
    columns: fleetColumns(kind)
      .filter((name) => name !== 'account')
      .map((name) => ({ name, sql: `v.${name}` })),
    keys: fleetRowKeys(kind),
    from: `${isTrips ? 'trips' : 'positions'} v
      where v.account = $1 and v.${time} >= $2 and v.${time} < $3${kind === 'tracks' ? " and v.source = 'track'" : ''}`,
    values: [account],
  });
}

interface Listing {
  readonly columns: readonly { readonly name: string; readonly sql: string }[];
  readonly keys: readonly string[];
  readonly from: string;
  readonly values: readonly unknown[];
}

async function readPage(db: Pool, { span, after, limit }: RowRequest, listing: Listing): Promise<RowPage> {
  const { columns, keys, from, values } = listing;
  const given = [...values, toTimestamptz(span.from), toTimestamptz(span.to), limit + 1];
  const place = keys.map((_, i) => `$${given.length + i + 1}`).join(', ');
  const { rows } = await db.query<DatasetRow & { readonly row_keys: string[] }>(
    `select ${columns.map(({ name, sql }) => `${sql} as ${name}`).join(', ')},
       array[${keys.map((key) => `${key}::text`).join(', ')}] as row_keys
     from ${from}${after === null ? '' : ` and (${keys.join(', ')}) > (${place})`}
     order by ${keys.join(', ')} limit $${values.length + 3}`,
    after === null ? given : [...given, ...after],
  );
  const page = rows.slice(0, limit);
  return {
    rows: page.map(({ row_keys: _, ...row }) => row),
    next: rows.length > limit ? (page.at(-1)?.row_keys ?? null) : null,
  };
}
