/**
 * Gets many reports at once, so that only the quotas bound the speed: while one waits to be asked for, others are
 * being made by the vendor, and others are being fetched. Each stage is a short queue, for calls of one operation
 * share a quota and there is no use in asking for more than the next.
 */
import { condition, log, sleep } from '@temporalio/workflow';
import type { ReportActivities } from '../../activities/reports/reports';
import type { Chunk, DatasetRef, JobCall, PollPolicy, RecordedChunk } from '../../activities/reports/types';
import type { Priority } from '../../quota/limits/limit';
import { isWorthSplitting, splitWindow } from '../../quota/windows/window-retry';
import type { Span } from '../../vendors/chunks';
import { applicationFailure, HistoryIsFull, type PoolGate, PoolIsClosed } from '../pools/pool-gate';
import { roomActivities } from '../rooms';
import { Stage } from '../stage';
import { Caution } from './caution';
import { afterFailure, afterFatal, type Ending, type Failed } from './report-endings';
import { type Wait, Waits } from './waits';

const calls = roomActivities<ReportActivities>('reports', {
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

const downloads = roomActivities<ReportActivities>('reports', {
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

/** How often a chunk is asked for in one run, when it waits for that at all. */
const CHUNK_TRIES = 5;
/** A next try that is further away is left to the sync, ms. */
const LONGEST_WAIT_MS = 3_600_000;
/** A report that takes longer than this to be made says nothing against the others, ms. */
const SLOW_REPORT_MS = 5 * 60_000;
/** A report that has not been made for so long is worth a word, ms. */
const NOTABLE_AGE_MS = 30_000;
/** Longest wait between two looks at a report, however old it is, ms. */
const LONGEST_POLL_MS = 3_600_000;
/** Wait before a chunk is taken up again after failures that pass, ms: doubled each time. */
const CHUNK_RETRY_MS = 60_000;

export interface PipelineOptions extends DatasetRef {
  readonly gate: PoolGate;
  readonly poll: PollPolicy;
  readonly priority: Priority;
  /** The grid that windows are cut on, ms. */
  readonly gridMs: number;
  /** Whether to wait and try a failed chunk again; a sync leaves that to its next cycle. */
  readonly persistent: boolean;
  /** Blocks while an operator has paused this work. */
  readonly whileRunning: () => Promise<void>;
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
  private draining = false;
  private leaving = false;
  private readonly creating = new Stage(2);
  private readonly polling = new Stage(6);
  private readonly fetching = new Stage(4);
  private readonly downloading = new Map<number, Stage>();
  private readonly cautions = new Map<number, Caution>();
  private readonly waits = new Waits();

  constructor(private readonly options: PipelineOptions) {}

  /** Takes no further chunk up; those under way are finished. Used before continue-as-new. */
  drain(): void {
    this.draining = true;
  }

  /** As `drain`, and what the vendor is still making is left to whoever looks next. */
  leave(): void {
    this.draining = true;
    this.leaving = true;
  }

  /** Some chunks were left. */
  get isLeft(): boolean {
    return this.draining;
  }

  /** What all that is under way waits for; null while some of it gets on. */
  get standstill(): Wait | null {
    return this.waits.standstill();
  }

  /** Gets all chunks; returns when each is done, failed, or left because of `drain` or a closed pool. */
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
      const mayWait = this.options.persistent && attempt < CHUNK_TRIES && !this.draining;
      const again = await this.afterwards(chunk, ending, mayWait, attempt);
      if (again === null) return;
      const why = `try ${span(chunk)} again: ${ending.reason}`;
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
   * A span that the vendor refused is asked for in two parts. What both repeat is true of the whole, and is not cut any
   * further; otherwise the part that was refused is.
   */
  private async split(chunk: Chunk, parts: readonly [Span, Span], refused: Failed): Promise<void> {
    const caution = this.cautionOf(chunk);
    log.info('a report was refused; trying its parts', { chunk: span(chunk), reason: refused.reason });
    const wholes: Span[] = [];
    const open: { readonly part: Chunk; readonly failed: Failed }[] = [];
    for (const part of parts.map((one): Chunk => ({ ...chunk, ...one, failing: 'part' }))) {
      const ending: Ending = (await caution.admitAgain()) ? await this.ask(part) : refused;
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
      // Both repeat it, or could not be asked.
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

  /** Not asked for, because what others were told holds for it too. */
  private async skip(chunk: Chunk): Promise<void> {
    if (this.draining || this.result.stopped) return;
    const caution = this.cautionOf(chunk);
    const { reason = '', retryAt = null } = caution.stopped ?? {};
    const why = `not asked for: ${caution.refusals} reports of the series in a row were refused; the last: ${reason}`;
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
      (await calls.recordChunkFailure({
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
    log.warn('a chunk failed', { chunk: span(chunk), reason });
  }

  private note(chunk: Chunk, text: string): void {
    this.result.problems.push(`${span(chunk)}: ${text}`);
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
        return { kind: 'left' };
      }
      if (error instanceof HistoryIsFull) {
        this.draining = true;
        this.result.full = true;
        return { kind: 'left' };
      }
      const failure = applicationFailure(error);
      if (failure === null) throw error;
      return afterFailure(failure, isAsked);
    }
  }

  /** Request, wait, fetch. */
  private async pass(chunk: Chunk, onSlow: () => void, onAsked: () => void): Promise<Ending> {
    const requested = await this.request(chunk);
    if (requested === null) return { kind: 'left' };
    if (requested.kind === 'too-soon') {
      return {
        kind: 'later',
        reason: 'the same window was asked for too recently',
        notBefore: requested.notBefore,
      };
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
    const job: JobCall = { ...this.call(), jobId: requested.jobId };
    const polled = await this.poll(job, onSlow);
    switch (polled.kind) {
      case 'left':
        return { kind: 'left' };
      case 'ready':
        this.cautionOf(chunk).made();
        return this.fetch(chunk, job);
      case 'cancelled':
        return { kind: 'failed', cause: 'cancelled', reason: polled.reason, splittable: false };
      case 'gone':
        return { kind: 'failed', cause: 'lost', reason: polled.reason, splittable: false };
      case 'fatal':
        return afterFatal(
          await this.slotOf(chunk, () => downloads.explainFatal({ ...job, hasDocument: polled.hasDocument })),
        );
    }
  }

  /** Asks for the report; waits out, as long as it takes, what is not settled of an earlier request. */
  private async request(chunk: Chunk) {
    for (;;) {
      const requested = await this.creating.run(async () => {
        await this.options.whileRunning();
        if (this.draining || this.result.stopped) return null;
        return this.options.gate.run(() => calls.requestReport({ ...this.call(), chunk }));
      });
      if (requested?.kind !== 'settling') return requested;
      const { until, since, reason } = requested;
      const why = `whether the report of ${span(chunk)} was made is looked up in the vendor's list: ${reason}`;
      await this.waits.during({ why, since, until }, () =>
        sleep(Math.max(1000, until - Date.now()), { summary: "until the vendor's list can be believed" }),
      );
    }
  }

  private async poll(job: JobCall, onSlow: () => void) {
    const { gate, poll } = this.options;
    const since = Date.now();
    let why = '';
    for (let wait = poll.initialMs, ageMs = 0; ; wait = Math.min(poll.maxMs, wait * poll.factor)) {
      // What has not been made for hours is not made in the next minute.
      const rarely = Math.max(wait, Math.min(LONGEST_POLL_MS, ageMs / 10));
      const untilMade = () => condition(() => this.leaving, rarely, { summary: 'until the report is made' });
      if (ageMs < NOTABLE_AGE_MS) await untilMade();
      else await this.waits.during({ why, since: Date.now() - ageMs, until: Date.now() + rarely }, untilMade);
      if (this.leaving) return { kind: 'left' } as const;
      const polled = await this.polling.run(async () => {
        await this.options.whileRunning();
        return gate.run(() => calls.pollReport(job));
      });
      if (polled.kind !== 'pending') return polled;
      ageMs = polled.ageMs ?? 0;
      why = `the vendor has not made report ${polled.reportId ?? ''} yet (status ${polled.said || 'none'})`;
      if (Date.now() - since > SLOW_REPORT_MS) onSlow();
    }
  }

  private async fetch(chunk: Chunk, job: JobCall): Promise<Ending> {
    const fetched = await this.slotOf(chunk, () => downloads.fetchReport(job));
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

  /** One download a series at a time: a slow vendor, or a long document, takes one of the worker's slots. */
  private slotOf<T>({ seriesId }: Chunk, work: () => Promise<T>): Promise<T> {
    const own = this.downloading.get(seriesId) ?? new Stage(1);
    this.downloading.set(seriesId, own);
    return own.run(() =>
      this.fetching.run(async () => {
        await this.options.whileRunning();
        return this.options.gate.run(work);
      }),
    );
  }

  private cautionOf({ seriesId }: Chunk): Caution {
    const known = this.cautions.get(seriesId) ?? new Caution();
    this.cautions.set(seriesId, known);
    return known;
  }

  private call() {
    return { ...this.ref(), priority: this.options.priority };
  }

  private ref(): DatasetRef {
    return { dataset: this.options.dataset, account: this.options.account };
  }
}

/** Waits for a flag to clear: the operator's pause of a piece of work. */
export function untilCleared(flag: () => boolean): () => Promise<void> {
  return async () => {
    if (flag()) await condition(() => !flag());
  };
}

function span(chunk: Chunk): string {
  return `${new Date(chunk.from).toISOString().slice(0, 16)}..${new Date(chunk.to).toISOString().slice(0, 16)}`;
}
