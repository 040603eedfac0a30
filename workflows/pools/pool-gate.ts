/**
 * How a workflow waits for its pool: it sleeps while the pool is closed, lets one call go first at half-open, and
 * waits for a limit that is used up. Meanwhile nothing is held but this workflow's history.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  patched,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { PoolActivities } from '../../activities/pools/pool';
import { HOUR_MS } from '../../quota/durations';
import { FAILURE, type FailureCode, type PoolClosedDetails, type WaitDetails } from '../../quota/failures';
import { isHistoryLong } from '../history';
import { limitUnblockedSignal, poolOpenedSignal } from '../messages';

const { joinPool } = proxyActivities<PoolActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

/** After the pool's own time the waiter tries by itself, should the pool's signal have been lost, ms. */
const GRACE_MS = 30_000;
/** A pool held for an operator is checked again this often, ms. */
const HELD_RECHECK_MS = HOUR_MS;
/** A pause that ended sooner than this was none: the pool was reported open and was not, ms. */
const SHORT_PAUSE_MS = 5_000;
/** So many of them in a row are taken as they come; after that each try waits longer than the last, up to a minute. */
const SHORT_PAUSES = 2;
const LONGEST_BACKOFF_MS = 60_000;
/** A gate that has waited asks for a fresh history after so many events. */
const EVENTS_BEFORE_CONTINUE = 6_000;

/** Thrown by `run` in stop mode when the pool is closed. */
export class PoolIsClosed extends Error {
  override readonly name = 'PoolIsClosed';
  constructor(readonly details: PoolClosedDetails) {
    super(`pool ${details.pool} is closed: ${details.reason}`);
  }
}

/**
 * Thrown by `run` instead of yet another wait: the workflow is to continue as new, and ask again there. Nothing has been
 * called meanwhile and not been reported.
 */
export class HistoryIsFull extends Error {
  override readonly name = 'HistoryIsFull';
}

/** What calls wait for, for whoever is shown it. */
export interface GateBlock {
  readonly reason: string;
  /** Epoch ms; null when only an operator can end it. */
  readonly until: number | null;
  /** Epoch ms since when, where that is known. */
  readonly since?: number;
  /** Key of the limit that has no room; left out where the pool is closed. */
  readonly limit?: string;
}

export class PoolGate {
  /** The pause that holds now; null when calls may go. */
  closed: PoolClosedDetails | null = null;
  /** The limit that is being waited for; null when there is none. */
  waiting: WaitDetails | null = null;
  /** The last wait for a limit, while nothing has been called since. */
  private lastWait: (WaitDetails & { readonly since: number }) | null = null;
  private opened = 0;
  private nudges = 0;
  /** After a pause one call goes first; the others wait for what becomes of it. */
  private probing = false;
  private probeOut = false;
  /** Pauses in a row that were none. */
  private shortPauses = 0;
  private leaving = false;

  /**
   * @param mode whether a closed pool is waited for, or ends the work.
   * @param onChange called when a wait begins or ends, for what is shown of it.
   */
  constructor(
    private readonly mode: 'wait' | 'stop',
    private readonly onChange: () => void = () => undefined,
    private readonly eventsBeforeContinue = EVENTS_BEFORE_CONTINUE,
  ) {
    setHandler(limitUnblockedSignal, () => this.nudge());
    if (mode === 'wait') {
      setHandler(poolOpenedSignal, () => {
        this.opened++;
      });
    }
  }

  /**
   * Runs an activity that calls the vendor, as often as it takes.
   * @throws PoolIsClosed in stop mode; HistoryIsFull after a wait that has made the history long; every other failure
   * as it comes.
   */
  async run<T>(call: () => Promise<T>): Promise<T> {
    for (let waited = false; ; waited = true) {
      if (waited && (this.leaving || isHistoryLong(this.eventsBeforeContinue))) {
        throw new HistoryIsFull('the history is long: continue as new');
      }
      const isProbe = await this.waitForTurn();
      const nudges = this.nudges;
      try {
        const result = await call();
        this.probing = false;
        this.shortPauses = 0;
        this.lastWait = null;
        return result;
      } catch (error) {
        const failure = applicationFailure(error);
        if (failure?.type === FAILURE.permitWait) {
          this.probing = false;
          if (isProbe) this.probeOut = false;
          // Whoever woke us meanwhile did so after the limit was asked, and what it said may not be so any more.
          if (this.nudges > nudges && patched('woken-while-asking')) continue;
          await this.waitOut(detailsOf<WaitDetails>(failure), failure.message);
        } else if (failure?.type === FAILURE.poolClosed) {
          await this.pause(detailsOf<PoolClosedDetails>(failure));
        } else {
          // The vendor answered, or our request was wrong: either way the pool is not what is in the way.
          this.probing = false;
          this.shortPauses = 0;
          throw error;
        }
      } finally {
        if (isProbe) this.probeOut = false;
      }
    }
  }

  /** What calls wait for now; null when they may go. */
  get block(): GateBlock | null {
    const { closed, waiting } = this;
    if (closed !== null) return { reason: closed.reason, until: closed.until };
    if (waiting === null) return null;
    const { limit, reason = `limit ${limit} has no room`, until, since } = waiting;
    return {
      ...{ reason, until },
      // Where more is said, what is waited for is no room of a limit.
      ...(waiting.reason === undefined && { limit }),
      ...(since !== undefined && { since }),
    };
  }

  /** Asks again at once for what a limit had nothing left of: its terms may have changed. */
  nudge(): void {
    this.nudges++;
  }

  /** Whoever waits here gives up, for a fresh history is to begin. */
  leave(): void {
    this.leaving = true;
    this.nudge();
  }

  private async waitOut(wait: WaitDetails, summary: string): Promise<void> {
    const before = this.nudges;
    const shown = this.begunBy(wait);
    this.waiting = shown;
    this.onChange();
    await condition(() => this.nudges > before, Math.max(100, wait.until - Date.now()), { summary });
    if (this.waiting === shown) this.waiting = null;
    this.onChange();
  }

  /** The wait with its beginning: one that goes on after a check of the limit is still the same. */
  private begunBy(wait: WaitDetails): WaitDetails & { readonly since: number } {
    const same = this.lastWait?.limit === wait.limit ? this.lastWait.since : undefined;
    this.lastWait = { ...wait, since: wait.since ?? same ?? Date.now() };
    return this.lastWait;
  }

  /** True when this call is the first after a pause. */
  private async waitForTurn(): Promise<boolean> {
    for (;;) {
      if (this.closed) {
        if (this.mode === 'stop') throw new PoolIsClosed(this.closed);
        await condition(() => this.closed === null);
      }
      if (!this.probing) return false;
      if (!this.probeOut) {
        this.probeOut = true;
        return true;
      }
      await condition(() => this.closed !== null || !this.probing || !this.probeOut);
    }
  }

  /** Sleeps out a pause, once for all callers of this workflow. */
  private async pause(details: PoolClosedDetails): Promise<void> {
    if (this.mode === 'stop') {
      this.closed = details;
      throw new PoolIsClosed(details);
    }
    if (this.closed) {
      await condition(() => this.closed === null);
      return;
    }
    this.closed = details;
    this.onChange();
    const before = this.opened;
    const since = Date.now();
    await joinPool({ key: details.pool, workflowId: workflowInfo().workflowId });
    const left =
      details.until === null ? HELD_RECHECK_MS : Math.max(0, details.until - Date.now()) + GRACE_MS;
    await condition(() => this.opened > before, left);
    this.shortPauses = Date.now() - since < SHORT_PAUSE_MS ? this.shortPauses + 1 : 0;
    const excess = this.shortPauses - SHORT_PAUSES;
    if (excess > 0) {
      const backoffMs = Math.min(LONGEST_BACKOFF_MS, 1000 * 2 ** (excess - 1));
      await sleep(backoffMs, { summary: 'the pool was said to be open and was not' });
    }
    this.closed = null;
    this.probing = true;
    this.probeOut = false;
    this.onChange();
  }
}

/** The ApplicationFailure inside an activity's failure; null when there is none. */
export function applicationFailure(error: unknown): (ApplicationFailure & { type: FailureCode }) | null {
  const inner = error instanceof ActivityFailure ? error.cause : error;
  return inner instanceof ApplicationFailure ? (inner as ApplicationFailure & { type: FailureCode }) : null;
}

function detailsOf<T>(failure: ApplicationFailure): T {
  return (failure.details?.[0] ?? {}) as T;
}
