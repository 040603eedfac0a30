/** From the ledger to the chunks of work: which windows of which series are to be requested. */
import type { Pool } from 'pg';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../quota/durations';
import {
  askableSpan,
  type ChunkPolicy,
  planChunks,
  type Span,
  subtractSpans,
} from '../../quota/windows/chunks';
import type { Partition } from '../../vendors/capabilities/reports';
import type { DatasetDescription } from '../../vendors/dataset';
import { ensureSeries, installDatasets, type Series } from './datasets';
import { failsAlike } from './failed-windows';
import { doubtsDue } from './ingest/doubted-hours';
import type { JobPurpose } from './jobs/job';
import { liveJobs } from './jobs/jobs';
import { type AuditKind, auditCandidates, gaps } from './ledger';

/** A backfill's job that nobody has touched for this long lost its workflow: a sync takes it up, ms. */
const ORPHANED_MS = HOUR_MS;

/** One report to get: a span of one series. */
export interface Chunk extends Span {
  readonly seriesId: number;
  readonly purpose: JobPurpose;
  /** Answers that its window has failed with before. Default 0. */
  readonly tries?: number;
  /**
   * A window that failed before, or whose series fails, or a part of one that just did: its call is one of the account's few
   * for these.
   */
  readonly failing?: 'again' | 'part';
}

/** What planning needs to know of an account's dataset: a part of what the settings make of it. */
export interface PlannedDataset {
  readonly account: {
    readonly name: string;
    readonly partitions: (dataset: DatasetDescription) => readonly Partition[];
  };
  readonly dataset: DatasetDescription;
  readonly settings: { readonly weeklyAuditDays: number; readonly minRerequestMinutes: number };
}

/** What is to be done: why, and for which span; null for as far as the dataset's lookback and lag allow. Epoch ms. */
export interface PlannedWork {
  readonly purpose: JobPurpose;
  readonly from: number | null;
  readonly to: number | null;
}

/** The series of a dataset for an account, made when they are new. */
export async function seriesOf(db: Pool, { account, dataset }: PlannedDataset): Promise<Series[]> {
  await installDatasets(db, [dataset]);
  const partitions = account.partitions(dataset);
  const series: Series[] = [];
  for (const partition of partitions) {
    series.push(await ensureSeries(db, dataset, account.name, partition));
  }
  return series;
}

/** All chunks of a piece of work, over all series, newest first. */
export async function chunksFor(
  db: Pool,
  context: PlannedDataset,
  policy: ChunkPolicy,
  input: PlannedWork,
  now: number,
): Promise<Chunk[]> {
  const askable = askableSpan(policy, now);
  if (askable === null) return [];
  const asked = {
    from: Math.max(askable.from, input.from ?? askable.from),
    to: Math.min(askable.to, input.to ?? askable.to),
  };
  if (asked.from >= asked.to) return [];
  const chunks: Chunk[] = [];
  for (const series of await seriesOf(db, context)) {
    for (const span of await spansFor(db, context, series, input, asked, policy, now)) {
      chunks.push({ ...span, seriesId: series.id, purpose: input.purpose });
    }
  }
  return chunks.sort((a, b) => b.from - a.from);
}

/** A span to ask for; with what is known of it when it failed before. */
type PlannedSpan = Span & Pick<Chunk, 'tries' | 'failing'>;

async function spansFor(
  db: Pool,
  context: PlannedDataset,
  series: Series,
  input: PlannedWork,
  asked: Span,
  policy: ChunkPolicy,
  now: number,
): Promise<PlannedSpan[]> {
  const fixed = input.from !== null;
  const mode = fixed ? 'fixed' : 'sync';
  const cut = (spans: readonly Span[]) =>
    planChunks({ gaps: spans, now, policy, mode, ...(fixed ? { alignTo: asked.from } : {}) });
  const doubts = await doubtsDue(db, series.id, now);
  if (input.purpose === 'daily_audit' || input.purpose === 'weekly_audit') {
    if (fixed) return [...cut([asked])];
    // What is doubted has times of its own.
    const candidates = await auditSpans(db, context, series, input.purpose, now);
    return [...cut(subtractSpans(candidates, doubts.later))];
  }
  const found = await gaps(db, series.id, asked, now);
  // A person's backfill tries again what has failed; a sync leaves that to its retry time.
  const failed = input.purpose === 'backfill' ? [...found.due, ...found.failed] : found.due;
  // Each by itself: together with others it would take them along when it fails again.
  const again = failed.flatMap((window): PlannedSpan[] =>
    cut([window]).map((span) => ({ ...span, tries: window.tries, failing: 'again' })),
  );
  const live = (await liveJobs(db, series.id)).filter(
    (job) =>
      job.span.from < asked.to &&
      job.span.to > asked.from &&
      // A sync takes up what its last cycle left behind; a backfill's jobs are the backfill's while it lives.
      (input.purpose === 'backfill' || job.purpose !== 'backfill' || job.updatedAt < now - ORPHANED_MS),
  );
  const underWay = live.map((job) => job.span);
  // Where nothing but refusals has come of late, what is new is refused as well, most likely.
  const isFailing = input.purpose === 'sync' && (await failsAlike(db, series.id));
  const fresh = cut(subtractSpans(found.missing, failed)).map(
    (span): PlannedSpan => (isFailing ? { ...span, failing: 'again' } : span),
  );
  const rechecks = input.purpose === 'sync' ? cut(subtractSpans(doubts.due, underWay)) : [];
  return [...underWay, ...fresh, ...again, ...rechecks];
}

/**
 * What an audit fetches again: what was last fetched before it had settled. The weekly audit goes no further back
 * than its days; the daily one finds what audits have missed, however long no worker ran.
 */
async function auditSpans(
  db: Pool,
  { settings }: PlannedDataset,
  series: Series,
  purpose: Extract<JobPurpose, 'daily_audit' | 'weekly_audit'>,
  now: number,
): Promise<Span[]> {
  const kind: AuditKind = purpose === 'daily_audit' ? 'daily' : 'weekly';
  const reachMs = kind === 'daily' ? Number.POSITIVE_INFINITY : settings.weeklyAuditDays * DAY_MS;
  const candidates = await auditCandidates(db, series.id, {
    kind,
    now,
    minAgeMs: settings.minRerequestMinutes * MINUTE_MS,
    ...(kind === 'weekly' ? { settleMs: settings.weeklyAuditDays * DAY_MS } : {}),
  });
  return candidates.filter((span) => span.to > now - reachMs);
}
