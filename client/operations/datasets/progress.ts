/**
 * Progress of work over a span, from Postgres alone: windows done from the ledger, calls spent from the call counts,
 * quota left from the limits, and whether calls may go from the pool.
 */
import type { Pool } from 'pg';
import { MINUTE_MS } from '../../../quota/durations';
import type { Standstill } from '../../../quota/pools/standstill';
import type { PoolState } from '../../../quota/pools/state';
import type { Span } from '../../../quota/windows/chunks';
import { chunkPolicy, type DatasetContext } from '../../../settings/datasets/report-context';
import { listSeries } from '../../../store/datasets/datasets';
import { coverage } from '../../../store/datasets/ledger';
import { readCallCounts } from '../../../store/permits/call-counts';
import { type LimitStatus, listLimits } from '../../../store/permits/permits';
import { readPool } from '../../../store/pools/pools';
import { type AccountStanding, accountWait, readAccountStanding } from './work-wait';

export interface OperationProgress {
  readonly operation: string;
  /** Calls since `since`, every verdict. */
  readonly calls: number;
  /** Of these, how many the vendor refused for quota or rate. */
  readonly refused: number;
  /** Null for an operation without a limit. */
  readonly limit: LimitStatus | null;
}

export interface Progress {
  /** Epoch ms. */
  readonly at: number;
  readonly windowsTotal: number;
  readonly windowsDone: number;
  readonly windowsFailed: number;
  readonly rows: number;
  readonly gaps: readonly Span[];
  readonly pool: PoolState | null;
  /** What stands in the way of its calls; null when nothing does. */
  readonly wait: Standstill | null;
  readonly operations: readonly OperationProgress[];
  /** What Postgres knows of its account. */
  readonly standing: AccountStanding;
}

export interface Watched {
  readonly context: DatasetContext;
  readonly span: Span;
  /** Null for the settings' own length. */
  readonly chunkHours: number | null;
  /** Calls are counted from here, epoch ms. */
  readonly since: number;
}

/** The windows of a span: cut every `chunkMs` from its start. */
export function windowsOf(span: Span, chunkMs: number): Span[] {
  const windows: Span[] = [];
  for (let from = span.from; from < span.to; from += chunkMs) {
    windows.push({ from, to: Math.min(span.to, from + chunkMs) });
  }
  return windows;
}

const overlaps = (a: Span, b: Span) => a.from < b.to && b.from < a.to;

export async function readProgress(db: Pool, watched: Watched, now: number): Promise<Progress> {
  const { context, span } = watched;
  const { account, dataset } = context;
  const windows = windowsOf(span, chunkPolicy(context, watched.chunkHours).chunkMs);
  const series = await listSeries(db, { dataset: dataset.id, account: account.name });
  let done = 0;
  let failed = 0;
  let rows = 0;
  const gaps: Span[] = [];
  for (const { id } of series) {
    const found = await coverage(db, id, span, now);
    rows += found.rows;
    failed += found.failed;
    gaps.push(...found.gaps);
    done += windows.filter((window) => !found.gaps.some((gap) => overlaps(gap, window))).length;
  }
  const [pool, standing, limits, counts] = await Promise.all([
    readPool(db, account.poolKey),
    readAccountStanding(db, account),
    listLimits(db, account.poolKey),
    // Counted by the minute.
    readCallCounts(db, account.poolKey, Math.floor(watched.since / MINUTE_MS) * MINUTE_MS),
  ]);
  const names = [...new Set([...limits.map((l) => l.name), ...counts.map((c) => c.operation)])];
  const operations = names.map((operation): OperationProgress => {
    const of = counts.filter((c) => c.operation === operation);
    const sum = (some: typeof of) => some.reduce((total, c) => total + c.calls, 0);
    return {
      operation,
      calls: sum(of),
      refused: sum(of.filter((c) => c.verdict === 'quota' || c.verdict === 'rate')),
      limit: limits.find((l) => l.name === operation) ?? null,
    };
  });
  return {
    at: now,
    windowsTotal: windows.length * Math.max(1, series.length),
    windowsDone: done,
    windowsFailed: failed,
    rows,
    gaps: series.length === 0 ? [span] : gaps,
    pool: pool?.state ?? null,
    wait: accountWait(dataset.id, standing, dataset.reportType, now),
    standing,
    operations: operations.filter((o) => o.calls > 0).sort((a, b) => b.calls - a.calls),
  };
}
