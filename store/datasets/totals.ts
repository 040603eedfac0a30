/** Sums over the rows of a dataset. */
import type { Pool } from 'pg';
import { toTimestamptz } from '../db';
import { type DatasetTable, factTable, listSeries } from './datasets';
import type { Span } from './span';

export interface RowTotals {
  readonly rows: number;
  /** By column: numbers as text, every digit kept. */
  readonly totals: Readonly<Record<string, string>>;
  /** Start of the latest row, epoch ms; null without any. */
  readonly latest: number | null;
}

const SUMMABLE = /^(?:int|bigint|smallint|integer|numeric)/;

/** Of rows that begin in the span. */
export async function sumRows(
  db: Pool,
  dataset: DatasetTable,
  account: string,
  { from, to }: Span,
): Promise<RowTotals> {
  const summed = dataset.columns.filter(({ key, sqlType }) => !key && SUMMABLE.test(sqlType));
  // Before the first document there is no table.
  if ((await listSeries(db, { dataset: dataset.id, account })).length === 0) {
    return { rows: 0, totals: Object.fromEntries(summed.map(({ name }) => [name, '0'])), latest: null };
  }
  const sums = summed.map(({ name }) => `, sum(f.${name})::text as ${name}`).join('');
  const { rows } = await db.query<{ rows: number; latest: number | null } & Record<string, string | null>>(
    `select count(*)::int8 as rows, max(f.start_time) as latest${sums}
     from ${factTable(dataset)} f join series s on s.id = f.series_id
     where s.dataset = $1 and s.account = $2 and f.start_time >= $3 and f.start_time < $4`,
    [dataset.id, account, toTimestamptz(from), toTimestamptz(to)],
  );
  const { rows: count = 0, latest = null, ...values } = rows[0] ?? {};
  const totals = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, String(value ?? 0)]),
  );
  return { rows: Number(count), totals, latest };
}
