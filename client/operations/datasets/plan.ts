/** What a backfill will cost and how long it will take, from the ledger, the limits as they stand, and past reports. */
import type { Pool } from 'pg';
import { DAY_MS } from '../../../quota/durations';
import { type Forecast, type ForecastLimit, forecast, type Range } from '../../../quota/forecast';
import {
  capacityOf,
  charges,
  type LimitWindow,
  type Priority,
  usableShare,
} from '../../../quota/limits/limit';
import type { Span } from '../../../quota/windows/chunks';
import { limitsOfCall } from '../../../settings/accounts/accounts';
import { chunkPolicy, type DatasetContext } from '../../../settings/datasets/report-context';
import { measuredReports } from '../../../store/datasets/jobs/report-statistics';
import { chunksFor } from '../../../store/datasets/plan';
import { type LimitStatus, listLimits } from '../../../store/permits/permits';
import { readPool } from '../../../store/pools/pools';

/** An answer's usual time. */
const CALL_MS: Range = { min: 5, max: 500 };
/** A document of a few MB, fetched and stored. */
const FETCH_MS: Range = { min: 20, max: 3_000 };
/** What Amazon's reports usually take; replaced by what was measured, or by the caller. */
const REPORT_MS: Range = { min: 15_000, max: 300_000 };
/** Fewer measured reports than this say little. */
const ENOUGH_REPORTS = 20;

export interface PlanOptions extends Span {
  readonly chunkHours: number | null;
  readonly priority: Priority | null;
  /** How long the vendor takes over a report, ms; null for what was measured, or what is usual. */
  readonly reportMs: Range | null;
}

export interface BackfillPlan extends Forecast {
  readonly chunks: number;
  readonly priority: Priority;
  readonly reportMs: Range;
  /** Where `reportMs` is from. */
  readonly reportSource: 'given' | 'measured' | 'usual';
  /** Epoch ms until which the pool is paused; null when it is not. */
  readonly pausedUntil: number | null;
  readonly held: boolean;
  readonly limits: readonly (ForecastLimit & { readonly left: number })[];
}

export async function planReports(
  db: Pool,
  context: DatasetContext,
  options: PlanOptions,
  now: number,
): Promise<BackfillPlan> {
  const { account } = context;
  const policy = chunkPolicy(context, options.chunkHours);
  const chunks = await chunksFor(db, context, policy, { purpose: 'backfill', ...options }, now);
  const measured = options.reportMs === null ? await measuredReportMs(db, account.name, now) : null;
  const reportMs = options.reportMs ?? measured ?? REPORT_MS;
  const priority = options.priority ?? context.settings.backfillPriority;
  const limits = await limitsNow(db, context, priority);
  const pool = (await readPool(db, account.poolKey))?.state ?? null;
  const pausedUntil = pool !== null && pool.until !== null && pool.until > now ? pool.until : null;
  const result = forecast({
    items: chunks.length,
    steps: reportSteps(context, reportMs),
    limits,
    now,
    notBefore: pausedUntil,
  });
  return {
    ...result,
    chunks: chunks.length,
    priority,
    reportMs,
    reportSource: options.reportMs !== null ? 'given' : measured !== null ? 'measured' : 'usual',
    pausedUntil,
    held: pool?.state === 'held' && pool.until === null,
    limits: limits.filter((limit) => Object.keys(result.callsByOperation).some((o) => charges(limit, o))),
  };
}

/** Create the report, poll it until it is made, get its document's address, fetch it. */
export function reportSteps({ account, settings }: DatasetContext, reportMs: Range) {
  const { operations } = account.reports;
  return [
    { operation: operations.create, callMs: CALL_MS },
    {
      operation: operations.get,
      callMs: CALL_MS,
      poll: {
        initialMs: settings.poll.initialSeconds * 1000,
        factor: settings.poll.factor,
        maxMs: settings.poll.maxSeconds * 1000,
        readyAfterMs: reportMs,
      },
    },
    { operation: operations.document, callMs: CALL_MS },
    { operation: operations.download, callMs: FETCH_MS },
  ];
}

/** The account's limits with what the database knows of them: learned sizes, what is used now. */
export async function limitsNow(
  db: Pool,
  { account, dataset }: DatasetContext,
  priority: Priority,
): Promise<(ForecastLimit & { readonly left: number })[]> {
  const stored = await listLimits(db, account.poolKey);
  // Of the limits that differ by dataset, those of this one.
  return Object.values(account.reports.operations)
    .flatMap((operation) => limitsOfCall(account, operation, account.reports.attributes(dataset)))
    .filter(({ key }, i, all) => all.findIndex((other) => other.key === key) === i)
    .filter(({ template }) => template.mode === 'enforce')
    .map(({ key, template }) => {
      const status = stored.find((limit) => limit.key === key);
      const window = status ? sizedWindow(template.window, status) : template.window;
      const used = status?.used ?? 0;
      return {
        name: template.name,
        operations: template.operations,
        window,
        used,
        left: Math.max(0, capacityOf(window) - used),
        share: usableShare(template, priority),
        resetsAt: status?.resetsAt ?? null,
      };
    });
}

/** A vendor's header may have taught another size than the table's. */
function sizedWindow(window: LimitWindow, status: LimitStatus): LimitWindow {
  switch (window.kind) {
    case 'token-bucket':
      return {
        ...window,
        burst: status.limit,
        ratePerSecond: status.ratePerSecond ?? window.ratePerSecond,
      };
    case 'spacing':
      return window;
    default:
      return { ...window, count: status.limit };
  }
}

/** The middle 80 % of the account's reports of the last week; null when there are few. */
async function measuredReportMs(db: Pool, account: string, now: number): Promise<Range | null> {
  const measured = await measuredReports(db, account, now - 7 * DAY_MS);
  return measured === null || measured.reports < ENOUGH_REPORTS ? null : measured.tookMs;
}
