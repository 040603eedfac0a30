/**
 * Keeps a dataset of an account complete, for ever. Every interval it checks the pool, starts to fill what is missing,
 * and to audit what is due. Each series and purpose is a line of its own: a cycle begins on time, whatever the lines
 * of earlier cycles still wait for, and asks for nothing that is in progress. A closed pool ends all lines: nothing
 * more is tried or marked complete, and the next cycle adopts what the vendor has. Other failures of a chunk are
 * recorded, and the next chunk goes on.
 */
import { condition, continueAsNew, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { PoolActivities } from '../../activities/pools/pool';
import type { ReportActivities } from '../../activities/reports/reports';
import type { DatasetRef, WorkPlan } from '../../activities/reports/types';
import { MINUTE_MS } from '../../quota/durations';
import type { JobPurpose } from '../../store/datasets/jobs/job';
import type { Chunk } from '../../store/datasets/plan';
import { activitiesFor } from '../activity-queues';
import { showDetails } from '../details';
import { type HistoryLimit, isHistoryLong } from '../history';
import { poolOpenedSignal, type WorkStatus, workStatusQuery } from '../messages';
import { OperatorPause } from '../operator-pause';
import { PoolGate } from '../pools/pool-gate';
import { ReportPipeline } from './report-pipeline';
import { bySeries, type Line, SyncLines } from './sync-lines';

const { planReports, planCycle, finishAudit } = activitiesFor<ReportActivities>('reports', {
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
const LEAVE_MS = 10 * MINUTE_MS;
/** After a closed pool's time a cycle begins by itself, should the pool's signal have been lost, ms. */
const GRACE_MS = 5_000;

export interface DatasetSyncInput extends DatasetRef, HistoryLimit {
  /** Why an operator has paused it; carried over continue-as-new. */
  readonly pausedBecause?: string | null;
}

type AuditPurpose = Exclude<JobPurpose, 'sync' | 'backfill'>;

interface Cycle {
  readonly intervalMs: number;
  readonly poolKey: string;
}

export async function datasetSync(input: DatasetSyncInput): Promise<never> {
  return new DatasetSync(input).run();
}

class DatasetSync {
  private readonly gate: PoolGate;
  private readonly pause: OperatorPause;
  private readonly lines = new SyncLines();
  /** Counts what ends a sleep early: an operator's resume, or the pool's opening. */
  private wakings = 0;
  /** What the workflow itself does; lines may be under way beside it. */
  private state: Pick<WorkStatus, 'phase' | 'detail' | 'until'> & { since: number } = {
    phase: 'starting',
    detail: '',
    until: null,
    since: Date.now(),
  };

  constructor(private readonly input: DatasetSyncInput) {
    this.gate = new PoolGate('stop');
    this.pause = new OperatorPause(input.pausedBecause);
    this.pause.onOrder = (order) => {
      if (order === 'resume') this.wakings++;
    };
    setHandler(poolOpenedSignal, () => {
      this.wakings++;
    });
    setHandler(workStatusQuery, () => this.status());
  }

  async run(): Promise<never> {
    for (;;) {
      if (this.pause.reason !== null) {
        this.enter('paused', this.pause.reason, null);
        await this.pause.whileRunning();
      }
      const before = this.wakings;
      const isWoken = () => this.pause.isOn || this.wakings > before || this.lines.hasFailed;
      const cycle = await this.beginCycle();
      await this.sleep(cycle, isWoken);
      this.lines.throwFailure();
      if (this.isFull()) await this.continue();
    }
  }

  /** Begins what is due; waits for nothing but the plan. */
  private async beginCycle(): Promise<Cycle> {
    this.lines.forgetEnded();
    const { intervalMs, poolKey, poolClosed, auditsDue } = await planCycle(this.ref);
    if (poolClosed) {
      this.gate.closed = { pool: poolKey, state: 'held', epoch: 0, ...poolClosed };
      return { intervalMs, poolKey };
    }
    this.gate.closed = null;
    this.enter('running', 'planning', null);
    const synced = await this.fill();
    for (const { purpose, seriesId } of auditsDue) {
      if (this.lines.isUnderWay(purpose, seriesId)) continue;
      const first = synced.find((line) => line.seriesId === seriesId);
      this.lines.follow(this.audit(purpose, seriesId, first, intervalMs));
    }
    this.enter('sleeping', '', Date.now() + intervalMs);
    return { intervalMs, poolKey };
  }

  /** A line for each series that misses something. */
  private async fill(): Promise<Line[]> {
    const plan = await this.plan('sync');
    const chunks = bySeries(this.lines.withoutUnderWay(plan.chunks as Chunk[]));
    return [...chunks].map(([seriesId, own]) => this.line('sync', seriesId, own, plan));
  }

  /**
   * Once a series' audit has requested all that it had to, it is not due again until its next day or week.
   * @param first the series' new hours, which go first unless they take longer than a cycle.
   */
  private async audit(
    purpose: AuditPurpose,
    seriesId: number,
    first: Line | undefined,
    intervalMs: number,
  ): Promise<void> {
    if (first !== undefined) {
      await condition(() => first.over || this.gate.closed !== null, intervalMs);
      if (this.gate.closed !== null || first.pipeline.result.stopped) return;
    }
    if (this.lines.isUnderWay(purpose, seriesId)) return;
    const plan = await this.plan(purpose);
    const due = plan.chunks.filter((chunk) => chunk.seriesId === seriesId) as Chunk[];
    const line = this.line(purpose, seriesId, this.lines.withoutUnderWay(due), plan);
    await condition(() => line.over);
    if (line.pipeline.result.stopped || line.pipeline.isLeft) return;
    await finishAudit({ ...this.ref, purpose, seriesId });
  }

  private plan(purpose: JobPurpose): Promise<WorkPlan> {
    return planReports({ ...this.ref, purpose, from: null, to: null, chunkHours: null });
  }

  private line(purpose: JobPurpose, seriesId: number, chunks: readonly Chunk[], plan: WorkPlan): Line {
    const pipeline = new ReportPipeline({
      ...this.ref,
      gate: this.gate,
      poll: plan.poll,
      priority: plan.priority,
      ...(plan.seriesNames && { seriesNames: plan.seriesNames }),
      gridMs: plan.gridMs,
      persistent: false,
      whileRunning: this.pause.whileRunning,
    });
    return this.lines.begin(
      purpose,
      { id: seriesId, name: plan.seriesNames?.[seriesId] ?? null },
      chunks,
      pipeline,
    );
  }

  /** Until the next cycle is due, or the pool is open again, or something wakes the sync earlier. */
  private async sleep({ intervalMs, poolKey }: Cycle, isWoken: () => boolean): Promise<void> {
    const cycleEnds = Date.now() + intervalMs;
    const isOver = () => isWoken() || this.gate.closed !== null || this.isFull();
    if (this.gate.closed === null) await condition(() => isOver() || this.lines.isIdle, intervalMs);
    if (this.gate.closed !== null) return this.waitForPool(poolKey, this.gate.closed, intervalMs, isWoken);
    // The lines are over: what became of them is shown.
    this.show();
    if (!this.isFull()) await condition(isOver, Math.max(1, cycleEnds - Date.now()));
  }

  /** Until the pool's workflow says that it is open, or to the pool's time and a little more. */
  private async waitForPool(
    poolKey: string,
    closed: { readonly until: number | null; readonly reason: string },
    intervalMs: number,
    isWoken: () => boolean,
  ): Promise<void> {
    await this.lines.settle(LEAVE_MS);
    const wait = closed.until === null ? intervalMs : Math.max(1000, closed.until - Date.now() + GRACE_MS);
    this.enter('waiting for quota', closed.reason, closed.until);
    await joinPool({ key: poolKey, workflowId: workflowInfo().workflowId });
    await condition(isWoken, wait);
  }

  private isFull(): boolean {
    return isHistoryLong(this.input.eventsBeforeContinue ?? EVENTS_BEFORE_CONTINUE);
  }

  /** Lines leave their reports at the vendor; the next history polls at once, and adopts them. */
  private async continue(): Promise<never> {
    this.gate.leave();
    this.lines.leave();
    await this.lines.settle(LEAVE_MS);
    return continueAsNew<typeof datasetSync>({ ...this.input, pausedBecause: this.pause.reason });
  }

  private enter(phase: WorkStatus['phase'], detail: string, until: number | null): void {
    const isOther = phase !== this.state.phase || detail !== this.state.detail;
    this.state = { phase, detail, until, since: isOther ? Date.now() : this.state.since };
    this.show();
  }

  /** What it does now: lines may have ended, or wait, since the cycle began. */
  private doing(): Pick<WorkStatus, 'phase' | 'detail' | 'until' | 'since' | 'limit'> {
    const { phase, since } = this.state;
    if (this.pause.reason !== null) return { phase: 'paused', detail: this.pause.reason, until: null, since };
    if (phase !== 'sleeping') return this.state;
    if (this.lines.isIdle) return { ...this.state, detail: this.lines.outcomesText() };
    const underWay = this.lines.underWayText();
    const { block } = this.gate;
    if (block === null) {
      const still = this.lines.standstill;
      if (still === null) return { phase: 'running', detail: underWay, until: null, since };
      const { why, ...when } = still;
      return { ...when, phase: 'running', detail: `${why}; ${underWay}` };
    }
    return {
      phase: 'waiting for quota',
      detail: [block.reason, underWay].filter(Boolean).join('; '),
      until: block.until,
      since: block.since ?? since,
      ...(block.limit !== undefined && { limit: block.limit }),
    };
  }

  private status(): WorkStatus {
    return { ...this.doing(), ...this.lines.counts() };
  }

  private show(): void {
    const { dataset, account } = this.ref;
    const { phase, detail, until, problems } = this.status();
    const head = [`**Sync of ${dataset}** for ${account}: **${phase}**`, detail].filter(Boolean);
    showDetails(head, { until, detail: '', problems });
  }

  private get ref(): DatasetRef {
    return { dataset: this.input.dataset, account: this.input.account };
  }
}
