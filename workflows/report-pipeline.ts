/**
 * Gets many reports at once, so that only the quotas bound the speed: while one waits to be asked for, others are
 * being made by the vendor, and others are being fetched. Each stage is a short queue, for calls of one operation
 * share a quota and there is no use in asking for more than the next.
 */
import { condition, log, sleep } from '@temporalio/workflow';
import type { ReportActivities } from '../activities/reports';
import type { Chunk, DatasetRef, FatalOutcome, JobCall, PollPolicy } from '../activities/reports-types';
import { type CallFailureDetails, FAILURE } from '../quota/failures';
import type { Priority } from '../quota/limit';
import { applicationFailure, HistoryIsFull, type PoolGate, PoolIsClosed } from './pool-gate';
import { roomActivities } from './rooms';
import { Stage } from './stage';

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

/** How often a chunk is taken up again after the vendor's failure, CANCELLED or a request that came too soon. */
const CHUNK_TRIES = 5;
/** Wait before a chunk is taken up again, ms: doubled each time. */
const CHUNK_RETRY_MS = 60_000;

export interface PipelineOptions extends DatasetRef {
  readonly gate: PoolGate;
  readonly poll: PollPolicy;
  readonly priority: Priority;
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
  private readonly creating = new Stage(2);
  private readonly polling = new Stage(6);
  private readonly fetching = new Stage(4);

  constructor(private readonly options: PipelineOptions) {}

  /** Takes no further chunk up; those under way are finished. Used before continue-as-new. */
  drain(): void {
    this.draining = true;
  }

  /** Gets all chunks; returns when each is done, failed, or left because of `drain` or a closed pool. */
  async run(chunks: readonly Chunk[]): Promise<PipelineResult> {
    this.total += chunks.length;
    await Promise.all(chunks.map((chunk) => this.get(chunk)));
    return this.result;
  }

  private async get(chunk: Chunk): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const again = await this.attempt(chunk);
        if (again === 'finished') return;
        if (!this.options.persistent || attempt >= CHUNK_TRIES) {
          this.fail(chunk, again.reason);
          return;
        }
        await sleep(
          Math.max(1000, (again.notBefore ?? Date.now() + CHUNK_RETRY_MS * 2 ** (attempt - 1)) - Date.now()),
          {
            summary: `try ${span(chunk)} again: ${again.reason}`,
          },
        );
      } catch (error) {
        if (error instanceof PoolIsClosed) {
          this.result.stopped = error;
          return;
        }
        if (error instanceof HistoryIsFull) {
          this.draining = true;
          this.result.full = true;
          return;
        }
        const failure = applicationFailure(error);
        if (failure === null) throw error;
        const passing = failure.type === FAILURE.server || failure.type === FAILURE.rate;
        if (!passing || !this.options.persistent || attempt >= CHUNK_TRIES) {
          const { evidence } = (failure.details?.[0] ?? {}) as Partial<CallFailureDetails>;
          // What the vendor has called wrong stays wrong; anything else may be better in an hour.
          const final = failure.type === FAILURE.invalid && evidence !== undefined;
          await calls.recordChunkFailure({ ...this.ref(), chunk, reason: failure.message, evidence, final });
          this.fail(chunk, failure.message);
          return;
        }
        await sleep(CHUNK_RETRY_MS * 2 ** (attempt - 1), {
          summary: `try ${span(chunk)} again after failures`,
        });
      }
    }
  }

  private fail(chunk: Chunk, reason: string): void {
    this.result.failed++;
    this.result.problems.push(`${span(chunk)}: ${reason}`);
    if (this.result.problems.length > 20) this.result.problems.shift();
    log.warn('a chunk failed', { chunk: span(chunk), reason });
  }

  /** One pass over a chunk: request, wait, fetch. */
  private async attempt(chunk: Chunk): Promise<'finished' | { reason: string; notBefore?: number }> {
    const { gate } = this.options;
    const requested = await this.creating.run(async () => {
      await this.options.whileRunning();
      if (this.draining || this.result.stopped) return null;
      return gate.run(() => calls.requestReport({ ...this.call(), chunk }));
    });
    if (requested === null) return 'finished';
    if (requested.kind === 'too-soon') {
      return { reason: 'the same window was asked for too recently', notBefore: requested.notBefore };
    }
    const job: JobCall = { ...this.call(), jobId: requested.jobId };
    const polled = await this.poll(job);
    switch (polled.kind) {
      case 'ready':
        return this.fetch(chunk, job);
      case 'cancelled':
      case 'gone':
        return { reason: polled.reason };
      case 'fatal':
        return this.afterFatal(
          chunk,
          await this.fetching.run(() =>
            gate.run(() => downloads.explainFatal({ ...job, hasDocument: polled.hasDocument })),
          ),
        );
    }
  }

  private async poll(job: JobCall) {
    const { gate, poll } = this.options;
    for (let wait = poll.initialMs; ; wait = Math.min(poll.maxMs, wait * poll.factor)) {
      await sleep(wait, { summary: 'until the report is made' });
      const polled = await this.polling.run(async () => {
        await this.options.whileRunning();
        return gate.run(() => calls.pollReport(job));
      });
      if (polled.kind !== 'pending') return polled;
    }
  }

  private async fetch(chunk: Chunk, job: JobCall): Promise<'finished' | { reason: string }> {
    const fetched = await this.fetching.run(async () => {
      await this.options.whileRunning();
      return this.options.gate.run(() => downloads.fetchReport(job));
    });
    if (fetched.kind === 'ingested') {
      this.result.done++;
      this.result.rows += fetched.rows;
      return 'finished';
    }
    if (fetched.kind === 'rejected') {
      this.fail(chunk, fetched.reason);
      return 'finished';
    }
    return { reason: fetched.reason };
  }

  /** A report that the vendor could not make: smaller spans if that may help, otherwise later or never. */
  private async afterFatal(chunk: Chunk, fatal: FatalOutcome): Promise<'finished' | { reason: string }> {
    if (fatal.class === 'unknown' && fatal.halves !== null) {
      log.info('a report was FATAL; trying its halves', { chunk: span(chunk), text: fatal.text });
      this.total += fatal.halves.length - 1;
      await Promise.all(fatal.halves.map((half) => this.get({ ...chunk, ...half })));
      return 'finished';
    }
    if (fatal.class === 'not-yet') return { reason: `not ready at the vendor: ${fatal.text}` };
    this.fail(chunk, `FATAL (${fatal.class}): ${fatal.text}`);
    return 'finished';
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
