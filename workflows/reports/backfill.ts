/**
 * Fills a span of a dataset once: a backfill (what is missing) or an audit (everything again). Runs until every
 * chunk is done or has failed for good, through pauses of any length.
 */
import { condition, continueAsNew, setCurrentDetails, setHandler, workflowInfo } from '@temporalio/workflow';
import type { ReportActivities } from '../../activities/reports/reports';
import type { DatasetRef, Purpose } from '../../activities/reports/types';
import type { Priority } from '../../quota/limits/limit';
import { orderReason, pauseSignal, resumeSignal, type WorkStatus, workStatusQuery } from '../messages';
import { PoolGate } from '../pools/pool-gate';
import { roomActivities } from '../rooms';
import { ReportPipeline, untilCleared } from './report-pipeline';

const { planReports } = roomActivities<ReportActivities>('reports', {
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
});

/** A chunk leaves about 40 events; continue as new well below the server's limit of 51,200. */
const EVENTS_BEFORE_CONTINUE = 8_000;

export interface BackfillInput extends DatasetRef {
  readonly purpose: Purpose;
  /** Epoch ms, on the hour. */
  readonly from: number;
  readonly to: number;
  /** Hours a report; null for the dataset's policy. */
  readonly chunkHours: number | null;
  readonly priority: Priority | null;
  /** Carried over continue-as-new. */
  readonly carried?: BackfillSummary;
}

export interface BackfillSummary {
  readonly chunks: number;
  readonly done: number;
  readonly failed: number;
  readonly rows: number;
  readonly problems: readonly string[];
}

const NOTHING: BackfillSummary = { chunks: 0, done: 0, failed: 0, rows: 0, problems: [] };

export async function backfill(input: BackfillInput): Promise<BackfillSummary> {
  const carried = input.carried ?? NOTHING;
  const gate = new PoolGate('wait');
  let pausedBecause: string | null = null;
  let pipeline: ReportPipeline | null = null;
  setHandler(pauseSignal, (pause) => {
    pausedBecause = orderReason(pause);
  });
  setHandler(resumeSignal, () => {
    pausedBecause = null;
  });

  const summary = (): BackfillSummary => ({
    chunks: carried.chunks + (pipeline?.total ?? 0),
    done: carried.done + (pipeline?.result.done ?? 0),
    failed: carried.failed + (pipeline?.result.failed ?? 0),
    rows: carried.rows + (pipeline?.result.rows ?? 0),
    problems: [...carried.problems, ...(pipeline?.result.problems ?? [])].slice(-20),
  });
  const status = (finished: boolean): WorkStatus => {
    const s = summary();
    const { closed, waiting } = gate;
    const limited = waiting === null ? null : (waiting.reason ?? `limit ${waiting.limit} has nothing left`);
    const still = closed || waiting !== null ? null : (pipeline?.standstill ?? null);
    const since = closed ? undefined : (waiting?.since ?? still?.since);
    return {
      phase: finished
        ? 'done'
        : pausedBecause !== null
          ? 'paused'
          : closed || waiting
            ? 'waiting for quota'
            : pipeline
              ? 'running'
              : 'starting',
      detail: pausedBecause ?? closed?.reason ?? limited ?? still?.why ?? '',
      until: pausedBecause !== null ? null : closed ? closed.until : ((waiting ?? still)?.until ?? null),
      ...(since !== undefined && { since }),
      chunksTotal: s.chunks,
      chunksDone: s.done,
      chunksFailed: s.failed,
      rows: s.rows,
      problems: s.problems,
    };
  };
  let finished = false;
  setHandler(workStatusQuery, () => status(finished));

  const plan = await planReports({
    dataset: input.dataset,
    account: input.account,
    purpose: input.purpose,
    from: input.from,
    to: input.to,
    chunkHours: input.chunkHours,
  });
  pipeline = new ReportPipeline({
    dataset: input.dataset,
    account: input.account,
    gate,
    poll: plan.poll,
    priority: input.priority ?? plan.priority,
    gridMs: plan.gridMs,
    persistent: true,
    whileRunning: untilCleared(() => pausedBecause !== null),
  });
  const running = pipeline;
  const work = running.run(plan.chunks).then((result) => {
    finished = !result.full;
  });
  const describe = () => setCurrentDetails(describeWork(input, status(finished)));
  describe();
  let shown = JSON.stringify(status(false));
  // The details follow what happens, but not every row: one update for each change of phase or tenth chunk.
  const worthShowing = () => {
    const s = status(finished);
    const now = JSON.stringify([s.phase, s.until, Math.floor(s.chunksDone / 10), s.chunksFailed]);
    if (now === shown) return false;
    shown = now;
    return true;
  };
  const full = () =>
    !finished && (running.result.full || workflowInfo().historyLength > EVENTS_BEFORE_CONTINUE);
  while (!finished && !full()) {
    await Promise.race([work, condition(() => finished || full() || worthShowing())]);
    describe();
  }
  if (!finished) {
    running.leave();
    await work;
    // What was left is planned again from the ledger; what is done stays done.
    const { done, failed, rows, problems } = summary();
    if (done + failed < summary().chunks) {
      await continueAsNew<typeof backfill>({
        ...input,
        carried: { chunks: done + failed, done, failed, rows, problems },
      });
    }
  }
  describe();
  return summary();
}

function describeWork(input: BackfillInput, s: WorkStatus): string {
  const what = input.purpose === 'backfill' ? 'Backfill' : 'Audit';
  const lines = [
    `**${what} of ${input.dataset}** for ${input.account}, ${new Date(input.from).toISOString()} to ${new Date(input.to).toISOString()}`,
    `${s.chunksDone}/${s.chunksTotal} chunks, ${s.rows} rows, ${s.chunksFailed} failed: **${s.phase}**`,
  ];
  if (s.until !== null) lines.push(`Until: **${new Date(s.until).toISOString()}**`);
  if (s.detail) lines.push(`Why: ${s.detail}`);
  for (const problem of s.problems.slice(-5)) lines.push(`- ${problem}`);
  return lines.join('\n\n');
}
