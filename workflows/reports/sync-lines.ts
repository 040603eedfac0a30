/**
 * The work that a sync has in progress: lines, each for one series and one purpose. A line has its own pace: no other
 * series, audit or later hour waits for it, and nothing that is in progress is requested again.
 */
import { condition } from '@temporalio/workflow';
import { subtract } from '../../quota/spans';
import type { JobPurpose } from '../../store/datasets/jobs/job';
import type { Chunk } from '../../store/datasets/plan';
import type { ReportPipeline } from './report-pipeline';
import type { Wait } from './waits';

export interface Line {
  readonly purpose: JobPurpose;
  readonly seriesId: number;
  /** Null where there is one series only. */
  readonly seriesName: string | null;
  readonly chunks: readonly Chunk[];
  readonly pipeline: ReportPipeline;
  /** Epoch ms. */
  readonly since: number;
  over: boolean;
}

const NAMES: Readonly<Record<JobPurpose, string>> = {
  sync: 'sync',
  backfill: 'backfill',
  daily_audit: 'daily audit',
  weekly_audit: 'weekly audit',
};

export class SyncLines {
  /** Of the last cycle, and of earlier ones that are not over. */
  private lines: Line[] = [];
  /** Lines, and what follows on them, that have not ended. */
  private open = 0;
  private failure: { readonly error: unknown } | null = null;

  /** A new cycle begins: what is over belongs to the last one. */
  forgetEnded(): void {
    this.lines = this.lines.filter((line) => !line.over);
  }

  /** Begins a line. */
  begin(
    purpose: JobPurpose,
    series: { readonly id: number; readonly name: string | null },
    chunks: readonly Chunk[],
    pipeline: ReportPipeline,
  ): Line {
    const { id: seriesId, name: seriesName } = series;
    const line: Line = { purpose, seriesId, seriesName, chunks, pipeline, since: Date.now(), over: false };
    this.lines.push(line);
    this.follow(
      pipeline.run(chunks).then(() => {
        line.over = true;
      }),
    );
    return line;
  }

  /** Work that belongs to lines: until it ends, the sync has something under way. */
  follow(work: Promise<void>): void {
    this.open++;
    work.then(
      () => {
        this.open--;
      },
      (error: unknown) => {
        this.failure = { error };
      },
    );
  }

  get isIdle(): boolean {
    return this.open === 0;
  }

  /** Whether a line has failed in a way that its pipeline knows nothing of: the sync is to fail with it. */
  get hasFailed(): boolean {
    return this.failure !== null;
  }

  /** @throws what a line has failed with. */
  throwFailure(): void {
    if (this.failure !== null) throw this.failure.error;
  }

  isUnderWay(purpose: JobPurpose, seriesId: number): boolean {
    return this.lines.some((line) => !line.over && line.seriesId === seriesId && line.purpose === purpose);
  }

  /** What is left of planned chunks when those under way are left out. */
  withoutUnderWay(planned: readonly Chunk[]): Chunk[] {
    const busy = this.lines.filter((line) => !line.over).flatMap((line) => line.chunks);
    return planned.flatMap((chunk) => {
      const own = busy.filter((one) => one.seriesId === chunk.seriesId);
      return subtract(chunk, own).map((span): Chunk => ({ ...chunk, ...span }));
    });
  }

  /** Has all lines leave what the vendor is still making. */
  leave(): void {
    for (const line of this.lines) line.pipeline.leave();
  }

  /** Resolves when nothing is under way, or a line has failed, or after this time, ms. */
  async settle(timeoutMs: number): Promise<void> {
    await condition(() => this.isIdle || this.hasFailed, timeoutMs);
  }

  counts() {
    const results = this.lines.map(({ pipeline }) => pipeline.result);
    const sum = (of: 'done' | 'failed' | 'rows') => results.reduce((total, result) => total + result[of], 0);
    return {
      chunksTotal: this.lines.reduce((total, { pipeline }) => total + pipeline.total, 0),
      chunksDone: sum('done'),
      chunksFailed: sum('failed'),
      rows: sum('rows'),
      problems: results.flatMap(({ problems }) => problems).slice(-20),
    };
  }

  /** Of each purpose, what became of its lines, and of what failed the last reason: `sync: 3 fetched, 0 failed`. */
  outcomesText(): string {
    const purposes = [...new Set(this.lines.map(({ purpose }) => purpose))];
    return purposes
      .map((purpose) => {
        const results = this.lines
          .filter((line) => line.purpose === purpose)
          .map(({ pipeline }) => pipeline.result);
        const sum = (of: 'done' | 'failed') => results.reduce((total, result) => total + result[of], 0);
        const failed = sum('failed');
        const last = failed === 0 ? undefined : results.flatMap(({ problems }) => problems).at(-1);
        const why = last === undefined ? '' : ` (${last})`;
        return `${NAMES[purpose]}: ${sum('done')} fetched, ${failed} failed${why}`;
      })
      .join('; ');
  }

  /** What all lines wait for; null while one of them gets on. */
  get standstill(): Wait | null {
    const waits = this.lines.filter((line) => !line.over).map(({ pipeline }) => pipeline.standstill);
    const [first = null] = waits.filter((wait) => wait !== null).sort((a, b) => a.until - b.until);
    return waits.includes(null) ? null : first;
  }

  /** What is under way, the oldest first: `sync of A1PA6795UKMFR9 EUR: 2 of 3 reports under way since …`. */
  underWayText(): string {
    return this.lines
      .filter((line) => !line.over)
      .sort((a, b) => a.since - b.since)
      .slice(0, 3)
      .map(({ purpose, seriesName, pipeline, since }) => {
        const { done, failed } = pipeline.result;
        const at = new Date(since).toISOString().slice(0, 16);
        const work = seriesName === null ? NAMES[purpose] : `${NAMES[purpose]} of ${seriesName}`;
        return `${work}: ${pipeline.total - done - failed} of ${pipeline.total} reports under way since ${at}Z`;
      })
      .join('; ');
  }
}

export function bySeries(chunks: readonly Chunk[]): Map<number, Chunk[]> {
  const found = new Map<number, Chunk[]>();
  for (const chunk of chunks) found.set(chunk.seriesId, [...(found.get(chunk.seriesId) ?? []), chunk]);
  return found;
}
