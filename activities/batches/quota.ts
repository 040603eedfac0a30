/**
 * How one run of a batch respects its account's quota: alerts, fewer calls in flight as quota runs low, and a daily
 * limit or threshold of its own. The permit enforces the account's limits, whatever is decided here.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { capReason, type RunCap, type RunTerms } from '../../quota/batches/run-terms';
import { nextBoundary, startOfDay } from '../../quota/calendar';
import {
  alertsAt,
  isHard,
  type KeyedLevel,
  keepsUntilReset,
  withFileItems,
} from '../../quota/limits/quota-status';
import { recordThresholdLeft, recordThresholdReached } from '../../store/batches/events';
import { itemsInFiles } from '../../store/batches/parts';
import { clearWait } from '../../store/batches/waits';
import { recordAlert } from '../../store/events/alerts';
import { listLimits } from '../../store/permits/permits';
import { PermitWait } from '../gateway/call-errors';
import { logEvent } from '../log/emit';
import { warnOnce } from '../log/warn-once';

export interface BatchQuotaDeps {
  readonly db: Pool;
  readonly log: Logger;
}

export interface BatchQuotaContext {
  readonly batch: number;
  readonly pool: string;
  readonly terms: RunTerms;
  /** Keys of the limits that the run's calls are charged to. */
  readonly charged: ReadonlySet<string>;
  /** The run's own pause; null when the account's limits are all that holds. */
  readonly cap: RunCap | null;
  /** Where items may go by files, of whichever run: they are calls of the day that no limit's row knows of. */
  readonly files?: {
    /** Of the day that is meant. */
    readonly zone: string;
    /** The run's pause on a day that has such items; null when nothing limits the day. */
    readonly cap: RunCap | null;
  };
}

/** The end of the vendor's day is unknown: it is checked again after this, ms. */
const UNKNOWN_RESET_MS = 60_000;
/** As many readings of a level at the most, when calls depart during each. */
const LEVEL_READINGS = 3;

export class BatchQuota {
  /** Share of the tightest hard quota that is used, 0..1; null when nothing is known or watched. */
  use: number | null = null;
  /** Calls that the run's own cap leaves, as of the last reading, less what has departed since. */
  private left: number;
  /** Calls that may leave and have not. */
  private unsent = 0;
  private departed = 0;
  private reported = new Set<string>();
  /** The pause as of the last reading. */
  private cap: RunCap | null;
  private goesOn = false;

  constructor(
    private readonly deps: BatchQuotaDeps,
    private readonly context: BatchQuotaContext,
  ) {
    this.cap = context.cap;
    this.left = (context.cap ?? context.files?.cap ?? null) === null ? Number.POSITIVE_INFINITY : 0;
  }

  /** True when a pause holds beside the account's limits: what others spend then matters at once. */
  get capped(): boolean {
    return this.cap !== null;
  }

  /**
   * Leave for one call by the run's own cap. Exact for the run's own calls; what others spend is seen at each check.
   * @throws PermitWait when the cap is reached and every call that had leave has gone.
   */
  async enter(): Promise<void> {
    for (;;) {
      if (this.left > this.unsent) {
        this.unsent++;
        return;
      }
      if (this.unsent > 0) {
        // One of them may yet not go; the last place is not given up for that.
        await delay(20);
        continue;
      }
      const daily = await this.readLevel();
      if (this.left > this.unsent || this.unsent > 0) continue;
      throw this.reached(daily);
    }
  }

  /** Calls that the run's own cap leaves; Infinity when it has none. */
  async room(): Promise<number> {
    if (this.cap !== null) await this.readLimits();
    return Math.max(0, this.left);
  }

  /** Until when and why a run waits whose cap is reached; reported as an event. */
  async wait(): Promise<PermitWait> {
    return this.paused(this.reached(await this.readLevel()));
  }

  /** The call that was let in has left, or will not. */
  exit(sent: boolean): void {
    this.unsent--;
    if (sent) {
      this.departed++;
      this.left--;
    }
  }

  /** How much is used: for the run's own cap, for the calls in flight, and for alerts, each reported once a window. */
  async watch(): Promise<void> {
    const limits = await this.readLimits();
    if (!this.context.terms.quotaMonitoring) return;
    const levels = limits
      .filter((limit) => isHard(limit) && this.context.charged.has(limit.key))
      .map(({ key, used, limit, resetsAt }) => ({ key, used, limit, resetsAt }));
    const { cap } = this;
    const { batch } = this.context;
    const daily = limits.find(({ name }) => name === cap?.limit);
    if (cap && daily && !(daily.mode === 'enforce' && daily.limit <= cap.dailyLimit)) {
      levels.push({ ...daily, key: `${daily.key} of batch ${batch}`, limit: cap.dailyLimit });
    }
    this.use = levels.length === 0 ? null : Math.max(...levels.map(({ used, limit }) => used / limit));
    for (const level of levels) await this.alert(level);
  }

  /** A call of this page has succeeded or failed at the vendor: a pause at a threshold is over. */
  async going(): Promise<void> {
    if (this.goesOn) return;
    this.goesOn = true;
    const { pool, batch } = this.context;
    try {
      await clearWait(this.deps.db, batch);
      if (!(await recordThresholdLeft(this.deps.db, pool, batch))) return;
      const left = { batch, pool, limit: null, reason: 'calls go again' };
      logEvent(this.deps.log, 'quota.threshold_left', left, `batch ${batch}: ${left.reason}`);
    } catch (error) {
      // The call's result is stored, and that is what counts.
      warnOnce(this.deps.log, { batch }, error, 'an event could not be stored');
    }
  }

  /**
   * A page ends because a limit has nothing left for it: says so when that limit comes back only with its window, and
   * ensures that no pause lasts longer than the run's terms say before the next reading.
   */
  async paused(wait: PermitWait): Promise<PermitWait> {
    const { batch, pool, terms } = this.context;
    const { limit, reason } = wait.details;
    const until = Math.min(wait.details.until, Date.now() + terms.pauseMs);
    const found = (await this.readLevels()).find(({ key }) => key === limit);
    // A run's own pause comes with its reason, whatever its account's limit is like.
    if (!found || (reason === undefined && !keepsUntilReset(found))) {
      return new PermitWait({ ...wait.details, until });
    }
    const why =
      reason ??
      `${found.name} has ${Math.floor(found.used)} of ${Math.floor(found.limit)} used, and the rest is not for this priority`;
    const data = {
      batch,
      pool,
      limit,
      used: found.used,
      // A reason comes with the run's own pause, and then its own daily limit is what is meant.
      capacity: reason === undefined ? found.limit : (this.cap?.dailyLimit ?? found.limit),
      window: found.resetsAt,
      until,
    };
    logEvent(this.deps.log, 'quota.threshold_reached', { ...data, reason: why }, `batch ${batch}: ${why}`);
    await recordThresholdReached(this.deps.db, { ...data, reason: why });
    return new PermitWait({ until, limit, reason: why, threshold: true });
  }

  private async alert(level: Pick<KeyedLevel, 'key' | 'used' | 'limit' | 'resetsAt'>): Promise<void> {
    const { key, used, limit, resetsAt } = level;
    for (const reached of alertsAt(used / limit)) {
      const alert = {
        ...{ pool: this.context.pool, limit: key, level: reached, used, capacity: limit, window: resetsAt },
      };
      const id = JSON.stringify([key, reached, resetsAt]);
      if (this.reported.has(id)) continue;
      this.reported.add(id);
      if (!(await recordAlert(this.deps.db, alert))) continue;
      logEvent(this.deps.log, 'quota.alert', alert, `${key}: ${reached}, ${used} of ${limit} used`);
    }
  }

  /** It is shown to people: what departs during a reading may be in it or not, so that it is read again. */
  private async readLevel(): Promise<KeyedLevel | undefined> {
    for (let tries = 1; ; tries++) {
      const before = this.departed;
      const limits = await this.readLimits();
      if (this.departed === before || tries === LEVEL_READINGS) {
        return limits.find(({ name }) => name === this.cap?.limit);
      }
    }
  }

  private async readLimits(): Promise<readonly KeyedLevel[]> {
    const before = this.departed;
    const limits = await this.readLevels();
    const { cap } = this;
    const used = limits.find(({ name }) => name === cap?.limit)?.used ?? 0;
    // What has departed during the reading may not be in it.
    this.left = cap === null ? Number.POSITIVE_INFINITY : cap.calls - used - (this.departed - before);
    return limits;
  }

  private async readLevels(): Promise<readonly KeyedLevel[]> {
    const { db } = this.deps;
    const { pool, files } = this.context;
    const levels = await listLimits(db, pool);
    if (!files?.cap) return levels;
    const now = Date.now();
    const items = await itemsInFiles(db, pool, startOfDay(now, files.zone));
    const cap = items > 0 ? files.cap : this.context.cap;
    this.cap = cap;
    if (cap === null) return levels;
    const dayEndsAt = nextBoundary(now, 'day', files.zone);
    return withFileItems(levels, cap, { key: `${pool}/${cap.limit}`, items, dayEndsAt });
  }

  private reached(daily: KeyedLevel | undefined): PermitWait {
    const { cap } = this;
    const { pool } = this.context;
    const reason = cap === null ? undefined : capReason(cap, Math.floor(daily?.used ?? 0));
    return new PermitWait({
      until: daily?.resetsAt ?? Date.now() + UNKNOWN_RESET_MS,
      limit: daily?.key ?? pool,
      ...(reason === undefined ? {} : { reason }),
    });
  }
}
