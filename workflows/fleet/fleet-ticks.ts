/**
 * The runs that the schedules of fleets start: one poll of live positions, or one round of trips. A run is short. It
 * waits for a limit that resets before the next run, ends when the pool is closed, and returns what it did. What it
 * leaves undone is the next run's.
 */
import { setCurrentDetails, sleep } from '@temporalio/workflow';
import type { FleetActivities } from '../../activities/fleet/fleet';
import type { FleetRef, TripsPageOutcome } from '../../activities/fleet/types';
import { FAILURE, type PoolClosedDetails, type WaitDetails } from '../../quota/failures';
import { endlessHoldText } from '../../quota/pools/pool';
import { activitiesFor } from '../activity-queues';
import { applicationFailure } from '../pools/pool-gate';

export interface TickInput extends FleetRef {
  /** Between two runs, ms. */
  readonly intervalMs: number;
}

export interface TickResult {
  /** `skipped`: nothing could be done; `stopped`: a part was done. */
  readonly outcome: 'done' | 'skipped' | 'stopped';
  /** What was done, or why nothing was, for a person. */
  readonly detail: string;
  /** Numbers by name, e.g. `positions`. */
  readonly counts: Readonly<Record<string, number>>;
}

const HEARTBEAT = '10 seconds';
const RETRY = { initialInterval: '1 second', maximumInterval: '10 seconds' } as const;
/** A run is given this long even where its interval is shorter, ms. */
const LEAST_MS = 60_000;

export async function positionsTick(input: TickInput): Promise<TickResult> {
  const { dataset, account, intervalMs } = input;
  const { syncFleetPositions } = activitiesFor<FleetActivities>('fleets', {
    scheduleToCloseTimeout: Math.max(LEAST_MS, intervalMs),
    heartbeatTimeout: HEARTBEAT,
    retry: RETRY,
  });
  const deadline = Date.now() + intervalMs;
  for (;;) {
    try {
      const { devices, newDevices, positions, snapshot, calls } = await syncFleetPositions({
        dataset,
        account,
      });
      const shot = snapshot === 'none' ? '' : `, snapshot of ${snapshot}`;
      return shown(input, {
        outcome: 'done',
        detail: `${positions} positions of ${devices} devices in ${calls} ${calls === 1 ? 'call' : 'calls'}${shot}`,
        counts: { devices, newDevices, positions, calls },
      });
    } catch (error) {
      const why = await waitOut(error, deadline);
      if (why !== null) return shown(input, { outcome: 'skipped', detail: why, counts: {} });
    }
  }
}

export async function tripsTick(input: TickInput): Promise<TickResult> {
  return new TripsTick(input).run();
}

class TripsTick {
  private readonly counts = { asked: 0, trips: 0, failed: 0, left: 0 };
  private lastProblem = '';
  private readonly activities: Pick<FleetActivities, 'syncFleetTrips'>;

  constructor(private readonly input: TickInput) {
    this.activities = activitiesFor<FleetActivities>('fleets', {
      startToCloseTimeout: input.intervalMs + LEAST_MS,
      heartbeatTimeout: HEARTBEAT,
      retry: { ...RETRY, maximumAttempts: 20 },
    });
  }

  async run(): Promise<TickResult> {
    // The next run shall find this one ended.
    const deadline = Date.now() + this.input.intervalMs * 0.9;
    for (;;) {
      try {
        const { wait } = await this.page(Math.max(0, deadline - Date.now()));
        if (wait === null) return this.end('done', '');
        if (wait.until >= deadline) return this.end('stopped', wait.reason);
        await sleep(Math.max(50, wait.until - Date.now()), { summary: wait.reason });
      } catch (error) {
        const why = await waitOut(error, deadline);
        if (why !== null) return this.end('skipped', why);
      }
    }
  }

  private async page(maxMs: number): Promise<TripsPageOutcome> {
    const { dataset, account } = this.input;
    const page = await this.activities.syncFleetTrips({ dataset, account, maxMs });
    this.counts.asked += page.asked;
    this.counts.trips += page.trips;
    this.counts.failed += page.failed;
    this.counts.left = page.left;
    this.lastProblem = page.problems.at(-1) ?? this.lastProblem;
    return page;
  }

  private end(outcome: TickResult['outcome'], why: string): TickResult {
    const { asked, trips, failed, left } = this.counts;
    const begun = asked + failed > 0;
    const parts = [
      begun || outcome === 'done' ? `${trips} trips of ${asked} devices` : '',
      failed > 0 ? `${failed} failed (${this.lastProblem})` : '',
      left > 0 ? `${left} left for the next run` : '',
      why,
    ];
    const unfinished = begun ? 'stopped' : 'skipped';
    return shown(this.input, {
      outcome: outcome === 'done' ? outcome : unfinished,
      detail: parts.filter(Boolean).join('; '),
      counts: this.counts,
    });
  }
}

/**
 * Waits for a limit that has something left in time.
 * @returns why it is of no use to go on; null to try again. Throws what is neither a limit nor the pool.
 */
async function waitOut(error: unknown, deadline: number): Promise<string | null> {
  const failure = applicationFailure(error);
  const details = failure?.details?.[0];
  if (failure?.type === FAILURE.poolClosed) {
    const { until, reason, cause } = details as PoolClosedDetails;
    const when = until === null ? endlessHoldText(cause) : `until ${new Date(until).toISOString()}`;
    return `pool closed ${when}: ${reason}`;
  }
  if (failure?.type !== FAILURE.permitWait) throw error;
  const { until } = details as WaitDetails;
  if (until >= deadline) return failure.message;
  await sleep(Math.max(50, until - Date.now()), { summary: failure.message });
  return null;
}

function shown({ dataset, account }: TickInput, result: TickResult): TickResult {
  setCurrentDetails(`**${dataset}** for ${account}: **${result.outcome}**\n\n${result.detail}`);
  return result;
}
