/**
 * Fills a span of a dataset once: a backfill (what is missing) or an audit (everything again). Runs until every
 * chunk is done or has failed for good, through pauses of any length.
 */
import { condition, continueAsNew, setHandler, workflowInfo } from '@temporalio/workflow';
import type { ReportActivities } from '../../activities/reports/reports';
import type { DatasetRef } from '../../activities/reports/types';
import type { Priority } from '../../quota/limits/limit';
import type { JobPurpose } from '../../store/datasets/jobs/job';
import { activitiesFor } from '../activity-queues';
import { showDetails } from '../details';
import type { HistoryLimit } from '../history';
import { type WorkStatus, workStatusQuery } from '../messages';
import { OperatorPause } from '../operator-pause';
import { PoolGate } from '../pools/pool-gate';
import { ReportPipeline } from './report-pipeline';

const { planReports } = activitiesFor<ReportActivities>('reports', {
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
});

/** A chunk leaves about 40 events, and hundreds are under way: the server's own wish for a fresh history comes too often. */
const EVENTS_BEFORE_CONTINUE = 8_000;
const PROBLEMS_KEPT = 20;

export interface BackfillInput extends DatasetRef, HistoryLimit {
  readonly purpose: JobPurpose;
  /** Epoch ms, on the hour. */
  readonly from: number;
  readonly to: number;
  /** Hours a report; null for the dataset's policy. */
  readonly chunkHours: number | null;
  readonly priority: Priority | null;
  /** What earlier histories of this run have done. */
  readonly carried?: CarriedBackfill;
}

export interface BackfillSummary {
  readonly chunks: number;
  readonly done: number;
  readonly failed: number;
  readonly rows: number;
  /** The newest last. */
  readonly problems: readonly string[];
}

interface CarriedBackfill extends BackfillSummary {
  /** Why an operator has paused it. */
  readonly pausedBecause?: string | null;
}

const NOTHING: CarriedBackfill = { chunks: 0, done: 0, failed: 0, rows: 0, problems: [] };

export async function backfill(input: BackfillInput): Promise<BackfillSummary> {
  return new Backfill(input).run();
}

class Backfill {
  private readonly carried: CarriedBackfill;
  private readonly gate: PoolGate;
  private readonly pause: OperatorPause;
  /** Null until the plan is there. */
  private pipeline: ReportPipeline | null = null;
  private finished = false;
  /** What was last shown, as far as a change of it is worth showing. */
  private shown = '';

  constructor(private readonly input: BackfillInput) {
    this.carried = input.carried ?? NOTHING;
    this.gate = new PoolGate('wait', undefined, input.eventsBeforeContinue);
    this.pause = new OperatorPause(this.carried.pausedBecause);
    setHandler(workStatusQuery, () => this.status());
  }

  async run(): Promise<BackfillSummary> {
    const { dataset, account, purpose, from, to, chunkHours, priority } = this.input;
    const plan = await planReports({ dataset, account, purpose, from, to, chunkHours });
    const pipeline = new ReportPipeline({
      ...{ dataset, account, poll: plan.poll, gridMs: plan.gridMs },
      gate: this.gate,
      priority: priority ?? plan.priority,
      ...(plan.seriesNames && { seriesNames: plan.seriesNames }),
      persistent: true,
      whileRunning: this.pause.whileRunning,
    });
    this.pipeline = pipeline;
    const work = pipeline.run(plan.chunks).then(({ full }) => {
      this.finished = !full;
    });
    await this.follow(work);
    if (!this.finished) {
      pipeline.leave();
      await work;
      if (pipeline.result.done + pipeline.result.failed < pipeline.total) await this.continue();
    }
    this.show();
    return this.summary();
  }

  /** Shows how the work gets on; returns when it is finished, or when the rest is for a fresh history. */
  private async follow(work: Promise<void>): Promise<void> {
    this.show();
    while (!this.finished && !this.isFull()) {
      const news = condition(() => this.finished || this.isFull() || this.changes() !== this.shown);
      await Promise.race([work, news]);
      this.show();
    }
  }

  private isFull(): boolean {
    if (this.finished) return false;
    const { eventsBeforeContinue = EVENTS_BEFORE_CONTINUE } = this.input;
    return this.pipeline?.result.full === true || workflowInfo().historyLength > eventsBeforeContinue;
  }

  /** What was left is planned again from the ledger; what is done stays done. */
  private continue(): Promise<never> {
    const { done, failed, rows, problems } = this.summary();
    const pausedBecause = this.pause.reason;
    return continueAsNew<typeof backfill>({
      ...this.input,
      carried: { chunks: done + failed, done, failed, rows, problems, pausedBecause },
    });
  }

  private summary(): BackfillSummary {
    const { carried, pipeline } = this;
    const { done = 0, failed = 0, rows = 0, problems = [] } = pipeline?.result ?? {};
    return {
      chunks: carried.chunks + (pipeline?.total ?? 0),
      done: carried.done + done,
      failed: carried.failed + failed,
      rows: carried.rows + rows,
      problems: [...carried.problems, ...problems].slice(-PROBLEMS_KEPT),
    };
  }

  private phase(): WorkStatus['phase'] {
    if (this.finished) return 'done';
    if (this.pause.isOn) return 'paused';
    if (this.gate.block) return 'waiting for quota';
    return this.pipeline ? 'running' : 'starting';
  }

  private status(): WorkStatus {
    const { chunks, done, failed, rows, problems } = this.summary();
    return {
      phase: this.phase(),
      ...this.wait(),
      chunksTotal: chunks,
      chunksDone: done,
      chunksFailed: failed,
      rows,
      problems,
    };
  }

  /** What nothing gets on for. */
  private wait(): Pick<WorkStatus, 'detail' | 'until' | 'since' | 'limit'> {
    if (this.pause.reason !== null) return { detail: this.pause.reason, until: null };
    const { block } = this.gate;
    if (block !== null) {
      const { reason, ...when } = block;
      return { detail: reason, ...when };
    }
    const still = this.pipeline?.standstill;
    return still
      ? { detail: still.why, until: still.until, since: still.since }
      : { detail: '', until: null };
  }

  /** Not every row: the details follow each change of phase, each failure and each tenth chunk. */
  private changes(): string {
    const { phase, until, chunksDone, chunksFailed } = this.status();
    return JSON.stringify([phase, until, Math.floor(chunksDone / 10), chunksFailed]);
  }

  private show(): void {
    this.shown = this.changes();
    const { dataset, account, purpose, from, to } = this.input;
    const s = this.status();
    const what = purpose === 'backfill' ? 'Backfill' : 'Audit';
    const span = `${new Date(from).toISOString()} to ${new Date(to).toISOString()}`;
    const progress = `${s.chunksDone}/${s.chunksTotal} chunks, ${s.rows} rows, ${s.chunksFailed} failed`;
    showDetails([`**${what} of ${dataset}** for ${account}, ${span}`, `${progress}: **${s.phase}**`], s);
  }
}
