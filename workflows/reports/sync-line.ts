/**
 * What a sync has under way: lines of work, each for one series and one purpose. A line goes at its own pace: no other
 * series, no audit and no later hour waits for it.
 */
import type { Chunk, Purpose } from '../../activities/reports/types';
import { subtract } from '../../quota/spans';
import type { ReportPipeline } from './report-pipeline';
import type { Wait } from './waits';

export interface Line {
  readonly purpose: Purpose;
  readonly seriesId: number;
  readonly chunks: readonly Chunk[];
  readonly pipeline: ReportPipeline;
  /** Epoch ms. */
  readonly since: number;
  over: boolean;
}

/** What is left of planned chunks when those under way are left out: nothing is asked for twice. */
export function withoutUnderWay(planned: readonly Chunk[], lines: readonly Line[]): Chunk[] {
  const busy = lines.filter((line) => !line.over).flatMap((line) => line.chunks);
  return planned.flatMap((chunk) => {
    const own = busy.filter((one) => one.seriesId === chunk.seriesId);
    return subtract(chunk, own).map((span): Chunk => ({ ...chunk, ...span }));
  });
}

export function bySeries(chunks: readonly Chunk[]): Map<number, Chunk[]> {
  const found = new Map<number, Chunk[]>();
  for (const chunk of chunks) found.set(chunk.seriesId, [...(found.get(chunk.seriesId) ?? []), chunk]);
  return found;
}

const NAMES: Readonly<Record<Purpose, string>> = {
  sync: 'sync',
  backfill: 'backfill',
  daily_audit: 'daily audit',
  weekly_audit: 'weekly audit',
};

/** Of each purpose, what became of its lines: `sync: 3 fetched, 0 failed`. */
export function outcomesText(lines: readonly Line[]): string {
  const purposes = [...new Set(lines.map(({ purpose }) => purpose))];
  return purposes
    .map((purpose) => {
      const results = lines.filter((line) => line.purpose === purpose).map(({ pipeline }) => pipeline.result);
      const sum = (of: 'done' | 'failed') => results.reduce((total, result) => total + result[of], 0);
      return `${NAMES[purpose]}: ${sum('done')} fetched, ${sum('failed')} failed`;
    })
    .join('; ');
}

/** What all lines wait for; null while one of them gets on. */
export function standstillOf(lines: readonly Line[]): Wait | null {
  const waits = lines.filter((line) => !line.over).map(({ pipeline }) => pipeline.standstill);
  const [first = null] = waits.filter((wait) => wait !== null).sort((a, b) => a.until - b.until);
  return waits.includes(null) ? null : first;
}

/** What is under way, the oldest first: `sync: 2 of 3 reports since 04:10Z`. */
export function underWayText(lines: readonly Line[]): string {
  return lines
    .filter((line) => !line.over)
    .sort((a, b) => a.since - b.since)
    .slice(0, 3)
    .map(({ purpose, pipeline, since }) => {
      const { done, failed } = pipeline.result;
      const at = new Date(since).toISOString().slice(0, 16);
      return `${NAMES[purpose]}: ${pipeline.total - done - failed} of ${pipeline.total} reports under way since ${at}Z`;
    })
    .join('; ');
}
