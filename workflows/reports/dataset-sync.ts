/**
 * Keeps a dataset of an account complete, for ever: every interval it looks whether the pool is closed, begins to fill
 * what is missing, and to audit what is due. Each series and each purpose is a line of its own: a cycle begins on time
 * whatever the lines of earlier ones still wait for, and asks for nothing that is under way. A closed pool ends all
 * lines: what is left is not tried, nothing is marked complete, and what the vendor has is adopted by the next cycle.
 * Other failures of a chunk are recorded, and the next chunk goes on.
 */
import {
  condition,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { PoolActivities } from '../../activities/pool';
import type { ReportActivities } from '../../activities/reports/reports';
import type { Chunk, DatasetRef, Purpose, WorkPlan } from '../../activities/reports/types';
import {
  orderReason,
  pauseSignal,
  poolOpenedSignal,
  resumeSignal,
  type WorkStatus,
  workStatusQuery,
} from '../messages';
import { PoolGate } from '../pools/pool-gate';
import { roomActivities } from '../rooms';
import { ReportPipeline, untilCleared } from './report-pipeline';
import { bySeries, type Line, outcomesText, standstillOf, underWayText, withoutUnderWay } from './sync-line';

const { planReports, planCycle, finishAudit } = roomActivities<ReportActivities>('reports', {
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
});

const { joinPool } = proxyActivities<PoolActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

const EVENTS_BEFORE_CONTINUE = 4_000;
/** How long lines may take to leave what they do before a new history begins; what is left behind is adopted, ms. */
const LEAVE_MS = 10 * 60_000;
/** After a closed pool's time a cycle begins by itself, should the pool's signal have been lost, ms. */
const GRACE_MS = 5_000;

export interface DatasetSyncInput extends DatasetRef {
  /** Why an operator has paused it; carried over continue-as-new. */
  readonly pausedBecause?: string | null;
}

export async function datasetSync(input: DatasetSyncInput): Promise<never> {
  return new DatasetSync(input).run();
}

class DatasetSync {
  private pausedBecause: string | null;
  private phase: WorkStatus['phase'] = 'starting';
  private detail = '';
  private until: number | null = null;
  private since = Date.now();
  /** Of the last cycle, and of earlier ones that are not over. */
  private lines: Line[] = [];
  private failed: unknown = null;
  private readonly gate = new PoolGate('stop');
  /** Counts what ends a sleep early: an operator's resume, or the pool's opening. */
  private stirred = 0;

  constructor(private readonly input: DatasetSyncInput) {
    this.pausedBecause = input.pausedBecause ?? null;
    setHandler(pauseSignal, (pause) => {
      this.pausedBecause = orderReason(pause);
    });
    setHandler(resumeSignal, () => {
      this.pausedBecause = null;
      this.stirred++;
    });
    setHandler(poolOpenedSignal, () => {
      this.stirred++;
    });
    setHandler(workStatusQuery, () => this.status());
  }

  async run(): Promise<never> {
    for (;;) {
      if (this.pausedBecause !== null) {
        this.show('paused', this.pausedBecause, null);
        await condition(() => this.pausedBecause === null);
      }
      const before = this.stirred;
      const { intervalMs, poolKey } = await this.cycle();
      const cycleEnds = Date.now() + intervalMs;
      const stirs = () => this.pausedBecause !== null || this.stirred > before || this.failed !== null;
      if (this.gate.closed === null) {
        await condition(
          () => stirs() || this.gate.closed !== null || isHistoryLong() || this.isIdle(),
          intervalMs,
        );
      }
      if (this.gate.closed !== null) await this.waitForPool(poolKey, this.gate.closed, intervalMs, stirs);
      else {
        this.describe();
        if (!isHistoryLong())
          await condition(
            () => stirs() || this.gate.closed !== null || isHistoryLong(),
            Math.max(1, cycleEnds - Date.now()),
          );
      }
      if (this.failed !== null) throw this.failed;
      if (isHistoryLong()) await this.beginAnew();
    }
  }

  /** Begins what is due; waits for nothing but the plan. */
  private async cycle(): Promise<{ readonly intervalMs: number; readonly poolKey: string }> {
    this.lines = this.lines.filter((line) => !line.over);
    const cycle = await planCycle(this.ref());
    const { intervalMs, poolKey, poolClosed } = cycle;
    if (poolClosed) {
      this.gate.closed = { pool: poolKey, state: 'held', epoch: 0, ...poolClosed };
      return { intervalMs, poolKey };
    }
    this.gate.closed = null;
    this.show('running', 'planning', null);
    const synced = await this.begin('sync', await this.plan('sync'));
    for (const { purpose, seriesId } of cycle.auditsDue) {
      if (this.lines.some((line) => !line.over && line.seriesId === seriesId && line.purpose === purpose)) {
        continue;
      }
      // After the series' new hours, unless these take longer than a cycle.
      const first = synced.find((line) => line.seriesId === seriesId);
      this.watch(this.audit(purpose, seriesId, first, intervalMs));
    }
    this.show('sleeping', '', Date.now() + intervalMs);
    return { intervalMs, poolKey };
  }

  private plan(purpose: Purpose): Promise<WorkPlan> {
    return planReports({ ...this.ref(), purpose, from: null, to: null, chunkHours: null });
  }

  private async begin(purpose: Purpose, plan: WorkPlan): Promise<Line[]> {
    const chunks = bySeries(withoutUnderWay(plan.chunks as Chunk[], this.lines));
    return [...chunks].map(([seriesId, own]) => this.line(purpose, seriesId, own, plan));
  }

  private line(purpose: Purpose, seriesId: number, chunks: Chunk[], plan: WorkPlan): Line {
    const pipeline = new ReportPipeline({
      ...this.ref(),
      gate: this.gate,
      poll: plan.poll,
      priority: plan.priority,
      gridMs: plan.gridMs,
      persistent: false,
      whileRunning: untilCleared(() => this.pausedBecause !== null),
    });
    const line: Line = { purpose, seriesId, chunks, pipeline, since: Date.now(), over: false };
    this.lines.push(line);
    this.watch(
      pipeline.run(chunks).then(() => {
        line.over = true;
      }),
    );
    return line;
  }

  /** Once a series' audit has asked for all that it had to, it is not due again until its next day or week. */
  private async audit(
    purpose: Exclude<Purpose, 'sync' | 'backfill'>,
    seriesId: number,
    first: Line | undefined,
    intervalMs: number,
  ): Promise<void> {
    if (first !== undefined) {
      await condition(() => first.over || this.gate.closed !== null, intervalMs);
      if (this.gate.closed !== null || first.pipeline.result.stopped) return;
    }
    if (this.lines.some((one) => !one.over && one.seriesId === seriesId && one.purpose === purpose)) return;
    const plan = await this.plan(purpose);
    const chunks = withoutUnderWay(
      plan.chunks.filter((chunk) => chunk.seriesId === seriesId) as Chunk[],
      this.lines,
    );
    const line = this.line(purpose, seriesId, chunks, plan);
    await condition(() => line.over);
    if (line.pipeline.result.stopped || line.pipeline.isLeft) return;
    await finishAudit({ ...this.ref(), purpose, seriesId });
  }

  private auditing = 0;

  private watch(work: Promise<void>): void {
    this.auditing++;
    work.then(
      () => {
        this.auditing--;
      },
      (error) => {
        this.failed = error;
      },
    );
  }

  private isIdle(): boolean {
    return this.auditing === 0;
  }

  /** Until the pool's workflow says that it is open, or to the pool's time and a little more. */
  private async waitForPool(
    poolKey: string,
    closed: { readonly until: number | null; readonly reason: string },
    intervalMs: number,
    stirs: () => boolean,
  ): Promise<void> {
    await condition(() => this.isIdle() || this.failed !== null, LEAVE_MS);
    const wait = closed.until === null ? intervalMs : Math.max(1000, closed.until - Date.now() + GRACE_MS);
    this.show('waiting for quota', closed.reason, closed.until);
    await joinPool({ key: poolKey, workflowId: workflowInfo().workflowId });
    await condition(stirs, wait);
  }

  /** Lines leave what they do at the vendor; the next run looks at once, and adopts it. */
  private async beginAnew(): Promise<void> {
    this.gate.leave();
    for (const line of this.lines) line.pipeline.leave();
    await condition(() => this.isIdle(), LEAVE_MS);
    await continueAsNew<typeof datasetSync>({ ...this.input, pausedBecause: this.pausedBecause });
  }

  private show(phase: WorkStatus['phase'], detail: string, until: number | null): void {
    if (phase !== this.phase || detail !== this.detail) this.since = Date.now();
    this.phase = phase;
    this.detail = detail;
    this.until = until;
    this.describe();
  }

  private describe(): void {
    const { phase, detail, until, problems } = this.status();
    const lines = [`**Sync of ${this.input.dataset}** for ${this.input.account}: **${phase}**`];
    if (until !== null) lines.push(`Until: **${new Date(until).toISOString()}**`);
    if (detail) lines.push(detail);
    for (const problem of problems.slice(-5)) lines.push(`- ${problem}`);
    setCurrentDetails(lines.join('\n\n'));
  }

  /** What it does now: lines may have ended, or wait, since the cycle began. */
  private doing(): Pick<WorkStatus, 'phase' | 'detail' | 'until' | 'since'> {
    const { phase, until, since } = this;
    if (this.pausedBecause !== null)
      return { phase: 'paused', detail: this.pausedBecause, until: null, since };
    if (phase !== 'sleeping') return { phase, detail: this.detail, until, since };
    if (this.isIdle()) return { phase, detail: outcomesText(this.lines), until, since };
    const { waiting } = this.gate;
    const under = underWayText(this.lines);
    const still = waiting === null ? standstillOf(this.lines) : null;
    if (still !== null) {
      const { why, ...when } = still;
      return { ...when, phase: 'running', detail: `${why}; ${under}` };
    }
    if (waiting === null) return { phase: 'running', detail: under, until: null, since };
    const why = waiting.reason ?? `limit ${waiting.limit} has nothing left`;
    return {
      phase: 'waiting for quota',
      detail: [why, under].filter(Boolean).join('; '),
      until: waiting.until,
      since: waiting.since ?? since,
    };
  }

  private status(): WorkStatus {
    const results = this.lines.map(({ pipeline }) => pipeline.result);
    const sum = (of: 'done' | 'failed' | 'rows') => results.reduce((total, result) => total + result[of], 0);
    return {
      ...this.doing(),
      chunksTotal: this.lines.reduce((total, { pipeline }) => total + pipeline.total, 0),
      chunksDone: sum('done'),
      chunksFailed: sum('failed'),
      rows: sum('rows'),
      problems: results.flatMap(({ problems }) => problems).slice(-20),
    };
  }

  private ref(): DatasetRef {
    return { dataset: this.input.dataset, account: this.input.account };
  }
}

function isHistoryLong(): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return historyLength > EVENTS_BEFORE_CONTINUE || continueAsNewSuggested;
}
