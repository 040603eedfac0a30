/**
 * Keeps a dataset of an account complete, for ever: every interval it looks whether the pool is closed, fills what is
 * missing, audits what is due, and sleeps. Quota during a cycle ends the cycle: what is left is not tried and nothing
 * is marked complete. Other failures of a chunk are recorded, and the next chunk goes on.
 */
import {
  condition,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { PoolActivities } from '../activities/pool';
import type { ReportActivities } from '../activities/reports';
import type { Chunk, DatasetRef, Purpose } from '../activities/reports-types';
import { pauseSignal, poolOpenedSignal, resumeSignal, type WorkStatus, workStatusQuery } from './messages';
import { PoolGate } from './pool-gate';
import { ReportPipeline, untilCleared } from './report-pipeline';
import { roomActivities } from './rooms';

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
  private pipeline: ReportPipeline | null = null;
  /** Counts what ends a sleep early: an operator's resume, or the pool's opening. */
  private stirred = 0;

  constructor(private readonly input: DatasetSyncInput) {
    this.pausedBecause = input.pausedBecause ?? null;
    setHandler(pauseSignal, (pause) => {
      this.pausedBecause = (typeof pause === 'string' ? pause : pause?.reason) ?? 'by operator';
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
      const wait = await this.cycle();
      if (workflowInfo().historyLength > EVENTS_BEFORE_CONTINUE || workflowInfo().continueAsNewSuggested) {
        // The rest of the wait is short beside what a fresh history is worth; the next run looks again at once.
        await continueAsNew<typeof datasetSync>({ ...this.input, pausedBecause: this.pausedBecause });
      }
      await condition(() => this.pausedBecause !== null || this.stirred > before, wait);
    }
  }

  /** One cycle; returns how long to sleep before the next, ms. */
  private async cycle(): Promise<number> {
    this.pipeline = null;
    const cycle = await planCycle({ dataset: this.input.dataset, account: this.input.account });
    if (cycle.poolClosed) {
      return this.afterPoolClosed(cycle.poolKey, cycle.poolClosed, cycle.intervalMs);
    }
    const steps: { purpose: Purpose; due: boolean }[] = [
      { purpose: 'sync', due: true },
      { purpose: 'daily_audit', due: cycle.dailyAuditDue },
      { purpose: 'weekly_audit', due: cycle.weeklyAuditDue },
    ];
    const outcomes: string[] = [];
    for (const step of steps.filter((s) => s.due)) {
      this.show('running', step.purpose.replace('_', ' '), null);
      const result = await this.step(step.purpose);
      if (result.stopped) {
        return this.afterPoolClosed(cycle.poolKey, result.stopped.details, cycle.intervalMs);
      }
      if (step.purpose !== 'sync') await finishAudit({ ...this.ref(), purpose: step.purpose });
      outcomes.push(`${step.purpose.replace('_', ' ')}: ${result.done} fetched, ${result.failed} failed`);
    }
    this.show('sleeping', outcomes.join('; '), Date.now() + cycle.intervalMs);
    return cycle.intervalMs;
  }

  private async step(purpose: Purpose) {
    const plan = await planReports({
      ...this.ref(),
      purpose,
      from: null,
      to: null,
      chunkHours: null,
    });
    this.pipeline = new ReportPipeline({
      ...this.ref(),
      gate: new PoolGate('stop'),
      poll: plan.poll,
      priority: plan.priority,
      gridMs: plan.gridMs,
      persistent: false,
      whileRunning: untilCleared(() => this.pausedBecause !== null),
    });
    return this.pipeline.run(plan.chunks as Chunk[]);
  }

  /** Sleeps until the pool's workflow wakes it, or to the pool's time and a little more should that signal be lost. */
  private async afterPoolClosed(
    poolKey: string,
    closed: { until: number | null; reason: string },
    intervalMs: number,
  ): Promise<number> {
    const wait = closed.until === null ? intervalMs : Math.max(1000, closed.until - Date.now() + 5000);
    this.show('waiting for quota', closed.reason, closed.until);
    await joinPool({ key: poolKey, workflowId: workflowInfo().workflowId });
    return wait;
  }

  private show(phase: WorkStatus['phase'], detail: string, until: number | null): void {
    this.phase = phase;
    this.detail = detail;
    this.until = until;
    const lines = [`**Sync of ${this.input.dataset}** for ${this.input.account}: **${phase}**`];
    if (until !== null) lines.push(`Until: **${new Date(until).toISOString()}**`);
    if (detail) lines.push(detail);
    for (const problem of this.pipeline?.result.problems.slice(-5) ?? []) lines.push(`- ${problem}`);
    setCurrentDetails(lines.join('\n\n'));
  }

  private status(): WorkStatus {
    const result = this.pipeline?.result;
    return {
      phase: this.pausedBecause === null ? this.phase : 'paused',
      detail: this.pausedBecause ?? this.detail,
      until: this.until,
      chunksTotal: this.pipeline?.total ?? 0,
      chunksDone: result?.done ?? 0,
      chunksFailed: result?.failed ?? 0,
      rows: result?.rows ?? 0,
      problems: result?.problems ?? [],
    };
  }

  private ref(): DatasetRef {
    return { dataset: this.input.dataset, account: this.input.account };
  }
}
