/** What stands still in a dataset and why: windows that failed, hours that are doubted, rows that were put aside. */
import type { Pool } from 'pg';
import { listSeries, type Series } from '../../../store/datasets/datasets';
import { acceptDoubts, type DoubtedSpan, doubtedSpans } from '../../../store/datasets/doubted-hours';
import { type FailedWindow, failedWindows } from '../../../store/datasets/ledger';
import { listSetAside, type StoredSetAside } from '../../../store/datasets/set-aside';
import type { Span } from '../../../vendors/chunks';

export interface DatasetOf {
  readonly dataset: string;
  readonly account: string;
}

export type Named<T> = T & { readonly partition: Series['partition'] };

async function named<T extends { readonly seriesId: number }>(
  db: Pool,
  of: DatasetOf,
  read: (seriesIds: readonly number[]) => Promise<readonly T[]>,
): Promise<readonly Named<T>[]> {
  const series = await listSeries(db, of);
  const partitions = new Map(series.map((one) => [one.id, one.partition]));
  const found = await read(series.map(({ id }) => id));
  return found.map((one) => ({ ...one, partition: partitions.get(one.seriesId) ?? {} }));
}

export function readFailed(db: Pool, of: DatasetOf, span: Span): Promise<readonly Named<FailedWindow>[]> {
  return named(db, of, (ids) => failedWindows(db, ids, span));
}

export function readDoubted(db: Pool, of: DatasetOf, span: Span): Promise<readonly Named<DoubtedSpan>[]> {
  return named(db, of, (ids) => doubtedSpans(db, ids, span));
}

export function readSetAside(
  db: Pool,
  of: DatasetOf,
  span: Span,
  limit: number,
): Promise<readonly Named<StoredSetAside>[]> {
  return named(db, of, (ids) => listSetAside(db, ids, span, limit));
}

/** An operator's word that what the vendor told of these hours is true. @returns hours that were doubted. */
export async function acceptDoubted(
  db: Pool,
  of: DatasetOf & { readonly poolKey: string; readonly by: string },
  span: Span,
  now: number,
): Promise<number> {
  const series = await listSeries(db, of);
  return acceptDoubts(db, {
    seriesIds: series.map(({ id }) => id),
    span,
    by: of.by,
    now,
    poolKey: of.poolKey,
  });
}
