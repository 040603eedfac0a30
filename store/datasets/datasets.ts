/**
 * Where the rows of datasets are kept. A dataset's description becomes two things in schema `sluice`:
 *
 * - a table `fact_<table>` with primary key (series, start, key columns), which ingest fills;
 * - a view `<table>`, which is what people query: account, partition columns, start_time, end_time, key and
 *   value columns. Views are the documented interface; the tables behind them may change.
 *
 * So a new dataset is a description and no SQL, and every column has its real type.
 */
import type { Pool } from 'pg';
import { inTransaction } from '../db';
import { withoutWaiting } from '../migration-lock';

/** What the store needs to know about a dataset; the vendors' descriptions have it. */
export interface DatasetTable {
  /** E.g. `amazon/rt-sales`. */
  readonly id: string;
  readonly table: string;
  readonly columns: readonly { readonly name: string; readonly sqlType: string; readonly key: boolean }[];
  readonly partition: readonly { readonly name: string; readonly column: string }[];
}

export interface Series {
  readonly id: number;
  readonly dataset: string;
  readonly account: string;
  readonly partition: Readonly<Record<string, string>>;
  /** Epoch milliseconds; null when there was none. */
  readonly lastAudit: { readonly daily: number | null; readonly weekly: number | null };
}

/** Any constant, so that processes starting together make tables one after the other. */
const INSTALL_LOCK = '7309453216654022';

const SQL_TYPES: ReadonlySet<string> = new Set(['bigint', 'numeric', 'text']);

/** The name of the fact table, checked to be safe in SQL text. */
export function factTable(dataset: DatasetTable): string {
  return `fact_${identifier(dataset.table)}`;
}

/** Makes or extends the tables and views of these datasets. Idempotent; any number of processes at once. */
export async function installDatasets(pool: Pool, datasets: readonly DatasetTable[]): Promise<void> {
  await withoutWaiting(() =>
    inTransaction(pool, async (client) => {
      await client.query('select pg_advisory_xact_lock($1::bigint)', [INSTALL_LOCK]);
      // For readers' sake: what needs a table to itself does not wait long for it, and is done only where it changes it.
      await client.query(`set local lock_timeout = '4s'`);
      for (const dataset of datasets) {
        const { rows } = await client.query<{ name: string }>(
          `select attname as name from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped`,
          [factTable(dataset)],
        );
        const existing = new Set(rows.map(({ name }) => name));
        for (const statement of statementsFor(dataset, existing)) await client.query(statement);
      }
    }),
  );
}

/** Finds or makes the series. @throws RangeError when the partition has not exactly the dataset's names. */
export async function ensureSeries(
  pool: Pool,
  dataset: DatasetTable,
  account: string,
  partition: Readonly<Record<string, string>>,
): Promise<Series> {
  const wanted = dataset.partition.map(({ name }) => name).sort();
  const given = Object.keys(partition).sort();
  if (wanted.join() !== given.join()) {
    throw new RangeError(
      `series of ${dataset.id}: its partition has [${given.join(', ')}], but needs [${wanted.join(', ')}]`,
    );
  }
  await pool.query(
    'insert into series (dataset, account, partition_key) values ($1, $2, $3) on conflict do nothing',
    [dataset.id, account, JSON.stringify(partition)],
  );
  const { rows } = await pool.query<SeriesRow>(
    `select ${SERIES_COLUMNS} from series where dataset = $1 and account = $2 and partition_key = $3::jsonb`,
    [dataset.id, account, JSON.stringify(partition)],
  );
  const row = rows[0];
  if (row === undefined)
    throw new Error(`series of ${dataset.id} for ${account} was removed while it was made`);
  return toSeries(row);
}

/** Series in order of their id, all or those of a dataset or an account. */
export async function listSeries(
  pool: Pool,
  filter: { readonly dataset?: string | undefined; readonly account?: string | undefined } = {},
): Promise<readonly Series[]> {
  const { rows } = await pool.query<SeriesRow>(
    `select ${SERIES_COLUMNS} from series
     where dataset = coalesce($1, dataset) and account = coalesce($2, account) order by id`,
    [filter.dataset ?? null, filter.account ?? null],
  );
  return rows.map(toSeries);
}

export async function getSeries(pool: Pool, id: number): Promise<Series | null> {
  const { rows } = await pool.query<SeriesRow>(`select ${SERIES_COLUMNS} from series where id = $1`, [id]);
  return rows[0] === undefined ? null : toSeries(rows[0]);
}

interface SeriesRow {
  id: number;
  dataset: string;
  account: string;
  partition_key: Record<string, string>;
  daily_audit_at: number | null;
  weekly_audit_at: number | null;
}

const SERIES_COLUMNS = 'id, dataset, account, partition_key, daily_audit_at, weekly_audit_at';

function toSeries(row: SeriesRow): Series {
  return {
    id: row.id,
    dataset: row.dataset,
    account: row.account,
    partition: row.partition_key,
    lastAudit: { daily: row.daily_audit_at, weekly: row.weekly_audit_at },
  };
}

export interface ViewColumn {
  readonly name: string;
  readonly sql: string;
  /** A timestamptz. */
  readonly time?: true;
}

/** SQL name and expression of each column of the view, over the fact table `f` and the series `s`. */
export function viewColumns(dataset: DatasetTable): readonly ViewColumn[] {
  return [
    { name: 'account', sql: 's.account' },
    ...dataset.partition.map(({ name, column }) => ({
      name: identifier(column),
      sql: `s.partition_key ->> '${partitionName(name)}'`,
    })),
    { name: 'start_time', sql: 'f.start_time', time: true },
    { name: 'end_time', sql: 'f.end_time', time: true },
    ...dataset.columns.map(({ name }) => ({ name: identifier(name), sql: `f.${identifier(name)}` })),
  ];
}

/** @param existing columns that its table has; empty when there is none. */
function statementsFor(dataset: DatasetTable, existing: ReadonlySet<string>): readonly string[] {
  const table = factTable(dataset);
  const columns = dataset.columns.map(({ name, sqlType }) => {
    if (!SQL_TYPES.has(sqlType))
      throw new RangeError(`${dataset.id}: column ${name} has unknown type "${sqlType}"`);
    // Keys are compared byte by byte: exact, the same on every machine, and faster than a language's order.
    return { name: identifier(name), type: sqlType === 'text' ? 'text collate "C"' : sqlType };
  });
  const keys = dataset.columns.filter(({ key }) => key).map(({ name }) => identifier(name));
  const view = viewColumns(dataset);
  return [
    `create table if not exists ${table} (
       series_id integer not null references series on delete cascade,
       start_time timestamptz not null,
       end_time timestamptz not null,
       ${columns.map(({ name, type }) => `${name} ${type} not null`).join(', ')},
       primary key (${['series_id', 'start_time', ...keys].join(', ')})
     )`,
    // A later version's description may have more columns; rows from before have no value for them.
    ...columns
      .filter(({ name }) => existing.size > 0 && !existing.has(name))
      .map(({ name, type }) => `alter table ${table} add column if not exists ${name} ${type}`),
    `create or replace view ${identifier(dataset.table)} as
     select ${view.map(({ name, sql }) => `${sql} as ${name}`).join(', ')}
     from ${table} f join series s on s.id = f.series_id`,
  ];
}

function identifier(name: string): string {
  if (!/^[a-z][a-z0-9_]{0,50}$/.test(name)) {
    throw new RangeError(
      `"${name}" is not usable as an SQL name: lower-case letters, digits and _ only, at most 51`,
    );
  }
  return name;
}

function partitionName(name: string): string {
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name))
    throw new RangeError(`"${name}" is not usable as a partition name`);
  return name;
}
