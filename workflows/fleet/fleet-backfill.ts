/**
 * Fills the past of a fleet, device by device: pages of calls as activities, and between them, when a limit has
 * nothing left or the devices' calls of the day are used up, a durable sleep. Days pass that way; nothing is held
 * meanwhile but this workflow's history.
 */
import {
  ActivityCancellationType,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { FleetActivities } from '../../activities/fleet/fleet';
import type { FleetRef, HistoryPageOutcome, PageWait } from '../../activities/fleet/types';
import type { Priority } from '../../quota/limits/limit';
import {
  orderReason,
  type PauseInput,
  pauseSignal,
  resumeSignal,
  type WorkStatus,
  workStatusQuery,
} from '../messages';
import { HistoryIsFull, PoolGate } from '../pools/pool-gate';
import type { BackfillSummary } from '../reports/backfill';
import { roomActivities } from '../rooms';

const { fetchFleetHistory } = roomActivities<FleetActivities>('fleets', {
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '10 seconds',
  // A page that is stopped brings home what is in flight, and says what it has done.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
});

const PAGE_MS = 10 * 60_000;
/** A page leaves some ten events; continue as new long before the server's limit. */
const EVENTS_BEFORE_CONTINUE = 4000;
const PROBLEMS_KEPT = 20;

export interface FleetBackfillInput extends FleetRef {
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
  /** Null: all that the vendor lists. */
  readonly devices: readonly string[] | null;
  /** Hours of one call; null for the settings'. */
  readonly chunkHours: number | null;
  readonly priority: Priority;
  /** Carried over continue-as-new. */
  readonly carried?: Carried;
}

interface Carried {
  readonly done: number;
  readonly rows: number;
  readonly problems: readonly string[];
  readonly pausedBecause: string | null;
}

export async function fleetBackfill(input: FleetBackfillInput): Promise<BackfillSummary> {
  return new FleetBackfill(input).run();
}

class FleetBackfill {
  private readonly gate = new PoolGate('wait');
  private done: number;
  private rows: number;
  private problems: readonly string[];
  private pausedBecause: string | null;
  private left: number | null = null;
  private failed = 0;
  private waiting: PageWait | null = null;
  private ended = false;
  private running = false;
  private stopPage: () => void = () => undefined;

  constructor(private readonly input: FleetBackfillInput) {
    const { carried } = input;
    this.done = carried?.done ?? 0;
    this.rows = carried?.rows ?? 0;
    this.problems = carried?.problems ?? [];
    this.pausedBecause = carried?.pausedBecause ?? null;
    this.gate.onChange = () => this.show();
    setHandler(pauseSignal, (pause?: PauseInput) => {
      this.pausedBecause = orderReason(pause);
      this.stopPage();
      this.show();
    });
    setHandler(resumeSignal, () => {
      this.pausedBecause = null;
      this.show();
    });
    setHandler(workStatusQuery, () => this.status());
  }

  async run(): Promise<BackfillSummary> {
    let first = this.input.carried === undefined;
    for (;;) {
      this.show();
      await condition(() => this.pausedBecause === null);
      if (workflowInfo().historyLength > EVENTS_BEFORE_CONTINUE || workflowInfo().continueAsNewSuggested) {
        await this.continue();
      }
      const page = await this.gate
        .run(() => this.fetch(first))
        .catch((error: unknown) => {
          if (error instanceof HistoryIsFull) return this.continue();
          throw error;
        });
      // Paused before the page began.
      if (page === null) continue;
      first = false;
      this.take(page);
      if (page.end === 'done') break;
      if (page.wait !== null) await this.sleep(page.wait);
    }
    this.ended = true;
    this.show();
    return {
      chunks: this.total(),
      done: this.done,
      failed: this.failed,
      rows: this.rows,
      problems: this.problems,
    };
  }

  private async fetch(retryFailed: boolean): Promise<HistoryPageOutcome | null> {
    if (this.pausedBecause !== null) return null;
    const { dataset, account, from, to, devices, chunkHours, priority } = this.input;
    const scope = new CancellationScope();
    let stopped = false;
    this.stopPage = () => {
      stopped = true;
      scope.cancel();
    };
    this.running = true;
    this.show();
    try {
      return await scope.run(() =>
        fetchFleetHistory({
          ...{ dataset, account, from, to, devices, chunkHours, priority },
          retryFailed,
          maxMs: PAGE_MS,
        }),
      );
    } catch (error) {
      // Stopped before it had begun; a cancellation of the whole workflow is another thing.
      if (stopped && isCancellation(error)) return null;
      throw error;
    } finally {
      this.running = false;
      this.stopPage = () => undefined;
    }
  }

  private take(page: HistoryPageOutcome): void {
    this.done += page.done;
    this.rows += page.rows;
    this.left = page.left;
    this.failed = page.failed;
    this.problems = [...this.problems, ...page.problems].slice(-PROBLEMS_KEPT);
  }

  private async sleep(wait: PageWait): Promise<void> {
    this.waiting = wait;
    this.show();
    const ms = Math.max(100, wait.until - Date.now());
    await condition(() => this.pausedBecause !== null, ms, { summary: wait.reason });
    this.waiting = null;
  }

  private async continue(): Promise<never> {
    const { done, rows, problems, pausedBecause } = this;
    return continueAsNew<typeof fleetBackfill>({
      ...this.input,
      carried: { done, rows, problems, pausedBecause },
    });
  }

  private total(): number {
    return this.done + this.failed + (this.left ?? 0);
  }

  private status(): WorkStatus {
    const { closed, waiting } = this.gate;
    const wait = this.waiting ?? waiting;
    const held = closed ?? wait;
    return {
      phase: this.ended
        ? 'done'
        : this.pausedBecause !== null
          ? 'paused'
          : held !== null
            ? 'waiting for quota'
            : this.left === null && !this.running
              ? 'starting'
              : 'running',
      detail: this.pausedBecause ?? held?.reason ?? '',
      until: this.ended || this.pausedBecause !== null ? null : (held?.until ?? null),
      chunksTotal: this.total(),
      chunksDone: this.done,
      chunksFailed: this.failed,
      rows: this.rows,
      problems: this.problems,
    };
  }

  private show(): void {
    const { dataset, account, from, to, devices } = this.input;
    const s = this.status();
    const whose =
      devices === null
        ? 'all devices'
        : devices.length > 5
          ? `${devices.length} devices`
          : devices.join(', ');
    const lines = [
      `**Backfill of ${dataset}** for ${account}, ${whose}, ${new Date(from).toISOString()} to ${new Date(to).toISOString()}`,
      `${s.chunksDone}/${s.chunksTotal} windows, ${s.rows} rows, ${s.chunksFailed} failed: **${s.phase}**`,
    ];
    if (s.until !== null) lines.push(`Until: **${new Date(s.until).toISOString()}**`);
    if (s.detail) lines.push(`Why: ${s.detail}`);
    for (const problem of s.problems.slice(-5)) lines.push(`- ${problem}`);
    setCurrentDetails(lines.join('\n\n'));
  }
}
