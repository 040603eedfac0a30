/**
 * Fills the history of a fleet, device by device: pages of calls as activities, and a durable sleep whenever a limit
 * or the devices' calls of the day are used up. That can take days; meanwhile nothing is held but this workflow's
 * history.
 */
import {
  ActivityCancellationType,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setHandler,
} from '@temporalio/workflow';
import type { FleetActivities } from '../../activities/fleet/fleet';
import type { FleetRef, HistoryPageOutcome, PageWait } from '../../activities/fleet/types';
import { MINUTE_MS } from '../../quota/durations';
import type { Priority } from '../../quota/limits/limit';
import { activitiesFor } from '../activity-queues';
import { showDetails } from '../details';
import { type HistoryLimit, isHistoryLong } from '../history';
import { type WorkStatus, workStatusQuery } from '../messages';
import { OperatorPause } from '../operator-pause';
import { HistoryIsFull, PoolGate } from '../pools/pool-gate';
import type { BackfillSummary } from '../reports/backfill';

const { fetchFleetHistory } = activitiesFor<FleetActivities>('fleets', {
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '10 seconds',
  // A page that is stopped brings home what is in flight, and says what it has done.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
});

const PAGE_MS = 10 * MINUTE_MS;
/** A page leaves some ten events. */
const EVENTS_BEFORE_CONTINUE = 4000;
const PROBLEMS_KEPT = 20;

export interface FleetBackfillInput extends FleetRef, HistoryLimit {
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
  private readonly gate: PoolGate;
  private readonly pause: OperatorPause;
  private done: number;
  private rows: number;
  private problems: readonly string[];
  /** Windows that are left, and those that have failed; null and 0 before the first page. */
  private left: number | null = null;
  private failed = 0;
  /** What the last page says that calls wait for. */
  private wait: PageWait | null = null;
  private activity: 'none' | 'page' | 'ended' = 'none';
  private stopPage: () => void = () => undefined;

  constructor(private readonly input: FleetBackfillInput) {
    const { carried } = input;
    this.done = carried?.done ?? 0;
    this.rows = carried?.rows ?? 0;
    this.problems = carried?.problems ?? [];
    this.gate = new PoolGate('wait', () => this.show(), input.eventsBeforeContinue);
    this.pause = new OperatorPause(carried?.pausedBecause);
    this.pause.onOrder = (order) => {
      if (order === 'pause') this.stopPage();
      this.show();
    };
    setHandler(workStatusQuery, () => this.status());
  }

  async run(): Promise<BackfillSummary> {
    let first = this.input.carried === undefined;
    for (;;) {
      this.show();
      await condition(() => !this.pause.isOn);
      if (isHistoryLong(this.input.eventsBeforeContinue ?? EVENTS_BEFORE_CONTINUE)) await this.continue();
      const page = await this.page(first);
      // Paused before the page began.
      if (page === null) continue;
      first = false;
      this.take(page);
      if (page.end === 'done') break;
      if (page.wait !== null) await this.sleep(page.wait);
    }
    this.activity = 'ended';
    this.show();
    const { done, failed, rows, problems } = this;
    return { chunks: this.total, done, failed, rows, problems };
  }

  private async page(retryFailed: boolean): Promise<HistoryPageOutcome | null> {
    try {
      return await this.gate.run(() => this.fetch(retryFailed));
    } catch (error) {
      if (error instanceof HistoryIsFull) return this.continue();
      throw error;
    }
  }

  private async fetch(retryFailed: boolean): Promise<HistoryPageOutcome | null> {
    if (this.pause.isOn) return null;
    const { dataset, account, from, to, devices, chunkHours, priority } = this.input;
    const scope = new CancellationScope();
    let stopped = false;
    this.stopPage = () => {
      stopped = true;
      scope.cancel();
    };
    this.activity = 'page';
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
      this.activity = 'none';
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
    this.wait = wait;
    this.show();
    const ms = Math.max(100, wait.until - Date.now());
    await condition(() => this.pause.isOn, ms, { summary: wait.reason });
    this.wait = null;
  }

  private continue(): Promise<never> {
    const { done, rows, problems } = this;
    return continueAsNew<typeof fleetBackfill>({
      ...this.input,
      carried: { done, rows, problems, pausedBecause: this.pause.reason },
    });
  }

  private get total(): number {
    return this.done + this.failed + (this.left ?? 0);
  }

  private get block() {
    return this.gate.closed ?? this.wait ?? this.gate.block;
  }

  private phase(): WorkStatus['phase'] {
    if (this.activity === 'ended') return 'done';
    if (this.pause.isOn) return 'paused';
    if (this.block !== null) return 'waiting for quota';
    return this.left === null && this.activity === 'none' ? 'starting' : 'running';
  }

  private status(): WorkStatus {
    const { done, failed, rows, problems } = this;
    const block = this.activity === 'ended' || this.pause.isOn ? null : this.block;
    return {
      phase: this.phase(),
      detail: this.pause.reason ?? block?.reason ?? '',
      until: block?.until ?? null,
      ...(block !== null && 'limit' in block && { limit: block.limit }),
      chunksTotal: this.total,
      chunksDone: done,
      chunksFailed: failed,
      rows,
      problems,
    };
  }

  private show(): void {
    const { dataset, account, from, to } = this.input;
    const s = this.status();
    const span = `${new Date(from).toISOString()} to ${new Date(to).toISOString()}`;
    const progress = `${s.chunksDone}/${s.chunksTotal} windows, ${s.rows} rows, ${s.chunksFailed} failed`;
    showDetails(
      [
        `**Backfill of ${dataset}** for ${account}, ${devicesText(this.input.devices)}, ${span}`,
        `${progress}: **${s.phase}**`,
      ],
      s,
    );
  }
}

function devicesText(devices: readonly string[] | null): string {
  if (devices === null) return 'all devices';
  return devices.length > 5 ? `${devices.length} devices` : devices.join(', ');
}
