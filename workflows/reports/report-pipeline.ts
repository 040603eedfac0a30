/**
 * Gets many reports at once, so that only the quotas bound the speed: while some wait to be requested, the vendor
 * makes others, and others are being fetched. What fails is retried, in smaller parts where that may help, or recorded
 * for a later run.
 */
import { log, sleep } from '@temporalio/workflow';
import type { ReportActivities } from '../../activities/reports/reports';
import type { DatasetRef, JobCall, RecordedChunk } from '../../activities/reports/types';
import { HOUR_MS } from '../../quota/durations';
import type { Span } from '../../quota/windows/chunks';
import { isWorthSplitting, splitWindow } from '../../quota/windows/window-retry';
import type { Chunk } from '../../store/datasets/plan';
import { activitiesFor } from '../activity-queues';
import { applicationFailure, HistoryIsFull, PoolIsClosed } from '../pools/pool-gate';
import { Caution } from './caution';
import { afterFailure, afterFatal, type Ending, type Failed } from './report-endings';
import { ReportStages, type StageOptions } from './report-stages';
import { type Wait, Waits } from './waits';

const { recordChunkFailure } = activitiesFor<ReportActivities>('reports', {
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

/** How often a chunk is requested in one run, when it waits for that at all. */
const CHUNK_TRIES = 5;
/** A next try that is further away is left to the sync, ms. */
const LONGEST_WAIT_MS = HOUR_MS;
/** Wait before a chunk is taken up again after failures that pass, ms: doubled each time. */
const CHUNK_RETRY_MS = 60_000;

export interface PipelineOptions extends StageOptions {
  /** The grid that windows are cut on, ms. */
  readonly gridMs: number;
  /** Whether to wait and try a failed chunk again; a sync leaves that to its next cycle. */
  readonly persistent: boolean;
}

export interface PipelineResult {
  done: number;
  failed: number;
  rows: number;
  readonly problems: string[];
  /** The pool closed and the rest was not tried (stop mode only). */
  stopped: PoolIsClosed | null;
  /** Chunks were left because the history is long: they are planned again after continue-as-new. */
  full: boolean;
}

export class ReportPipeline {
  readonly result: PipelineResult = { done: 0, failed: 0, rows: 0, problems: [], stopped: null, full: false };
  total = 0;
  /** Chunks may have been left for another run. */
  isLeft = false;
  private readonly stages: ReportStages;
  /** By series. */
  private readonly cautions = new Map<number, Caution>();
  private readonly waits = new Waits();

  constructor(private readonly options: PipelineOptions) {
    this.stages = new ReportStages(options, this.waits);
  }

  /**
   * Takes no further chunk up, before continue-as-new; reports that the vendor is still making are left to the next run.
   */
  leave(): void {
    this.isLeft = true;
    this.stages.leave();
  }

  /** What all that is under way waits for; null while some of it gets on. */
  get standstill(): Wait | null {
    return this.waits.standstill();
  }

  /** Gets all chunks; returns when each is done, failed, or left because of `leave` or a closed pool. */
  async run(chunks: readonly Chunk[]): Promise<PipelineResult> {
    this.total += chunks.length;
    await Promise.all(chunks.map((chunk) => this.get(chunk)));
    return this.result;
  }

  private async get(chunk: Chunk): Promise<void> {
    if (!(await this.cautionOf(chunk).admit())) return this.skip(chunk);
    await this.waits.piece(() => this.persist(chunk));
  }

  /** Gets a chunk that has been admitted; tries it again where that is this pipeline's to do. */
  private async persist(chunk: Chunk): Promise<void> {
    const caution = this.cautionOf(chunk);
    for (let attempt = 1; ; attempt++) {
      const ending = await this.ask(chunk);
      if (ending.kind === 'left' || ending.kind === 'done') return;
      const mayWait = this.options.persistent && attempt < CHUNK_TRIES && !this.isLeft;
      const again = await this.afterwards(chunk, ending, mayWait, attempt);
      if (again === null) return;
      const why = `try ${this.stages.text(chunk)} again: ${ending.reason}`;
      await this.waits.during({ why, since: Date.now(), until: again }, () =>
        sleep(Math.max(1000, again - Date.now()), { summary: why }),
      );
      if (!(await caution.admitAgain())) return this.skip(chunk);
    }
  }

  /** @returns when this run tries the chunk again, epoch ms; null when it does not: then all is recorded. */
  private async afterwards(
    chunk: Chunk,
    ending: Exclude<Ending, { kind: 'left' | 'done' }>,
    mayWait: boolean,
    attempt: number,
  ): Promise<number | null> {
    const { reason } = ending;
    if (ending.kind === 'later') {
      if (mayWait) return ending.notBefore;
      this.fail(chunk, reason);
      return null;
    }
    if (ending.kind === 'passing' && mayWait) return Date.now() + CHUNK_RETRY_MS * 2 ** (attempt - 1);
    const failed: Failed =
      ending.kind === 'passing' ? { ...ending, kind: 'failed', cause: 'failed', splittable: false } : ending;
    const parts = splitWindow(chunk, this.options.gridMs, chunk.tries);
    if (isWorthSplitting(failed.cause) && failed.splittable && parts !== null) {
      await this.split(chunk, parts, failed);
      return null;
    }
    const { retryAt, empty } = await this.record(chunk, failed);
    if (empty) {
      this.result.done++;
      return null;
    }
    const isSoon = retryAt !== null && retryAt - Date.now() <= LONGEST_WAIT_MS;
    if (mayWait && isSoon && this.cautionOf(chunk).stopped === null) return retryAt;
    this.fail(chunk, reason);
    return null;
  }

  /**
   * A span that the vendor refused is requested in two parts. What both repeat is true of the whole, and is not cut any
   * further; otherwise the part that was refused is.
   */
  private async split(chunk: Chunk, parts: readonly [Span, Span], refused: Failed): Promise<void> {
    const caution = this.cautionOf(chunk);
    log.info('a report was refused; trying its parts', {
      chunk: this.stages.text(chunk),
      reason: refused.reason,
    });
    const wholes: Span[] = [];
    const open: { readonly part: Chunk; readonly failed: Failed }[] = [];
    for (const part of parts.map((one): Chunk => ({ ...chunk, ...one, failing: 'part' }))) {
      const ending: Ending = (await caution.admitAgain())
        ? await this.ask(part)
        : { ...refused, cause: 'skipped', splittable: false };
      if (ending.kind === 'done') wholes.push(part);
      else if (ending.kind === 'failed') open.push({ part, failed: ending });
      else if (ending.kind === 'passing') {
        open.push({ part, failed: { ...ending, kind: 'failed', cause: 'failed', splittable: false } });
      } else if (ending.kind === 'later') {
        open.push({
          part,
          failed: { ...refused, reason: ending.reason, cause: 'skipped', retryAt: ending.notBefore },
        });
      } else return;
    }
    if (open.length < 2) this.total++;
    if (wholes.length === 0) {
      // Both repeat it, or could not be requested.
      const permanent = open.every(({ failed }) => failed.cause !== 'skipped');
      const reason = permanent
        ? `${refused.reason} (both parts of the span were refused as well)`
        : refused.reason;
      await this.record(chunk, { ...refused, reason });
      return this.fail(chunk, reason);
    }
    for (const { part, failed } of open) {
      const smaller = splitWindow(part, this.options.gridMs, chunk.tries);
      if (isWorthSplitting(failed.cause) && failed.splittable && smaller !== null) {
        await this.split(part, smaller, failed);
      } else {
        await this.record(part, failed);
        this.fail(part, failed.reason);
      }
    }
  }

  /** Not requested, because the answers to others hold for it too. */
  private async skip(chunk: Chunk): Promise<void> {
    if (this.isLeft || this.result.stopped) return;
    const caution = this.cautionOf(chunk);
    const { reason = '', retryAt = null } = caution.stopped ?? {};
    const why = `not requested: ${caution.refusals} reports of the series in a row were refused; the last: ${reason}`;
    await this.record(chunk, {
      kind: 'failed',
      cause: 'skipped',
      reason: why,
      splittable: false,
      ...(retryAt === null ? {} : { retryAt }),
    });
    this.fail(chunk, why);
  }

  private async record(chunk: Chunk, failed: Failed): Promise<RecordedChunk> {
    const { cause, reason, evidence, retryAt, endsJob } = failed;
    const recorded =
      failed.recorded ??
      (await recordChunkFailure({
        ...this.ref(),
        chunk,
        cause,
        reason,
        ...(evidence === undefined ? {} : { evidence }),
        ...(retryAt === undefined ? {} : { retryAt }),
        ...(endsJob === undefined ? {} : { endsJob }),
      }));
    if (recorded.empty) this.cautionOf(chunk).succeeded();
    else this.cautionOf(chunk).triedAgainAt(cause, recorded.retryAt);
    return recorded;
  }

  private fail(chunk: Chunk, reason: string): void {
    this.result.failed++;
    this.note(chunk, `failed: ${reason}`);
    log.warn('a chunk failed', { chunk: this.stages.text(chunk), reason });
  }

  private note(chunk: Chunk, text: string): void {
    this.result.problems.push(`${this.stages.text(chunk)}: ${text}`);
    if (this.result.problems.length > 20) this.result.problems.shift();
  }

  /** One pass over a chunk that has been admitted. */
  private async ask(chunk: Chunk): Promise<Ending> {
    const caution = this.cautionOf(chunk);
    const leave = caution.onLeaving();
    try {
      const ending = await this.once(chunk, leave);
      if (ending.kind === 'failed') caution.refused(ending.cause, ending.reason);
      return ending;
    } finally {
      leave();
    }
  }

  /** With every failure in our words. @param onSlow called when the vendor takes its time to make the report. */
  private async once(chunk: Chunk, onSlow: () => void): Promise<Ending> {
    let isAsked = false;
    try {
      return await this.pass(chunk, onSlow, () => {
        isAsked = true;
      });
    } catch (error) {
      if (error instanceof PoolIsClosed) {
        this.result.stopped = error;
        this.stages.close();
        return { kind: 'left' };
      }
      if (error instanceof HistoryIsFull) {
        this.isLeft = true;
        this.result.full = true;
        this.stages.close();
        return { kind: 'left' };
      }
      const failure = applicationFailure(error);
      if (failure === null) throw error;
      return afterFailure(failure, isAsked);
    }
  }

  /** Request, wait, fetch. */
  private async pass(chunk: Chunk, onSlow: () => void, onAsked: () => void): Promise<Ending> {
    const requested = await this.stages.request(chunk);
    if (requested === null) return { kind: 'left' };
    if (requested.kind === 'too-soon') {
      const { notBefore } = requested;
      return { kind: 'later', reason: 'the same window was requested too recently', notBefore };
    }
    if (requested.kind === 'held') {
      const { reason, notBefore } = requested;
      return { kind: 'failed', cause: 'skipped', reason, retryAt: notBefore, splittable: false };
    }
    if (requested.kind === 'unanswered') {
      const { reason } = requested;
      return { kind: 'failed', cause: 'lost', reason, endsJob: true, splittable: false };
    }
    onAsked();
    const { jobId } = requested;
    const polled = await this.stages.untilMade(chunk, jobId, onSlow);
    switch (polled.kind) {
      case 'left':
        return { kind: 'left' };
      case 'ready':
        this.cautionOf(chunk).made();
        return this.fetch(chunk, jobId);
      case 'cancelled':
        return { kind: 'failed', cause: 'cancelled', reason: polled.reason, splittable: false };
      case 'gone':
        return { kind: 'failed', cause: 'lost', reason: polled.reason, splittable: false };
      case 'fatal':
        return afterFatal(await this.stages.explain(chunk, jobId, polled.hasDocument));
    }
  }

  private async fetch(chunk: Chunk, jobId: JobCall['jobId']): Promise<Ending> {
    const fetched = await this.stages.fetchDocument(chunk, jobId);
    switch (fetched.kind) {
      case 'ingested':
        this.result.done++;
        this.result.rows += fetched.rows;
        if (fetched.note !== undefined) this.note(chunk, `taken in, but ${fetched.note}`);
        this.cautionOf(chunk).succeeded();
        return { kind: 'done' };
      case 'rejected': {
        const { reason, retryAt } = fetched;
        const recorded = { tries: 1, retryAt, empty: false };
        return { kind: 'failed', cause: 'unreadable', reason, splittable: false, recorded };
      }
      case 'gone':
        return { kind: 'failed', cause: 'lost', reason: fetched.reason, splittable: false };
    }
  }

  private cautionOf({ seriesId }: Chunk): Caution {
    const known = this.cautions.get(seriesId) ?? new Caution();
    this.cautions.set(seriesId, known);
    return known;
  }

  private ref(): DatasetRef {
    return { dataset: this.options.dataset, account: this.options.account };
  }
}
