/** Which windows of a span are complete, over all series of a dataset. */
import type { Pool } from 'pg';
import { HOUR_MS } from '../../../../quota/durations';
import { askableSpan, type Span } from '../../../../quota/windows/chunks';
import { chunkPolicy, type DatasetContext } from '../../../../settings/datasets/report-context';
import { listSeries, type Series } from '../../../../store/datasets/datasets';
import { type CoverageSummary, coverage } from '../../../../store/datasets/ledger';

export interface SeriesCoverage extends CoverageSummary {
  readonly series: Series;
}

export interface DatasetCoverage {
  readonly span: Span;
  readonly windows: number;
  /** Windows that are good: with rows, or asked for and empty. */
  readonly done: number;
  readonly states: Readonly<Record<'done' | 'emptyProvisional' | 'failed' | 'requested' | 'missing', number>>;
  readonly rows: number;
  readonly gaps: readonly (Span & { readonly series: Series | null })[];
  /** The oldest of the series' last audits: since then all of them have been audited. */
  readonly lastAudit: { readonly daily: number | null; readonly weekly: number | null };
  readonly series: readonly SeriesCoverage[];
}

/** All that can be asked for at `now`. */
export function wholeSpan(context: DatasetContext, now: number): Span {
  return askableSpan(chunkPolicy(context, null), now) ?? { from: now - HOUR_MS, to: now };
}

export async function readCoverage(
  db: Pool,
  context: DatasetContext,
  span: Span,
  now: number,
): Promise<DatasetCoverage> {
  const found: SeriesCoverage[] = [];
  for (const series of await listSeries(db, { dataset: context.dataset.id, account: context.account.name })) {
    found.push({ series, ...(await coverage(db, series.id, span, now)) });
  }
  const sum = (pick: (one: SeriesCoverage) => number) => found.reduce((total, one) => total + pick(one), 0);
  const oldest = (pick: (one: SeriesCoverage) => number | null): number | null =>
    found.length === 0 || found.some((one) => pick(one) === null)
      ? null
      : Math.min(...found.map((one) => pick(one) ?? 0));
  // Nothing was ever asked for: the whole span is one gap.
  const none = found.length === 0;
  return {
    span,
    windows: none ? 1 : sum((one) => one.windows),
    done: sum((one) => one.done + one.emptyProvisional),
    states: {
      done: sum((one) => one.done),
      emptyProvisional: sum((one) => one.emptyProvisional),
      failed: sum((one) => one.failed),
      requested: sum((one) => one.requested),
      missing: none ? 1 : sum((one) => one.missing),
    },
    rows: sum((one) => one.rows),
    gaps: none
      ? [{ ...span, series: null }]
      : found.flatMap((one) => one.gaps.map((gap) => ({ ...gap, series: one.series }))),
    lastAudit: { daily: oldest((one) => one.lastAudit.daily), weekly: oldest((one) => one.lastAudit.weekly) },
    series: found,
  };
}
