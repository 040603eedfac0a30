/**
 * Asks the database for permits for all callers of this process. A permit is used at its departure time and not
 * before. A short wait happens here; a longer one is returned to the caller, so that a workflow sleeps.
 */

import { setMaxListeners } from 'node:events';
import type { Pool } from 'pg';
import { readClock } from '../../../store/clock';
import {
  type DeniedPermit,
  type GrantedPermit,
  moveClock,
  type PermitDecision,
  type PermitRequest,
  reportLateArrival,
  restampPermit,
  returnUnused,
} from '../../../store/permits/permits';
import { releaseProbe } from '../../../store/pools/pools';
import { PermitBatcher } from './batcher';
import { type ClockStep, DbClock } from './db-clock';
import { type LaneCaller, PermitLane } from './lane';
import { LockLines } from './lock-lines';
import { Transit } from './transit';

export interface GateOptions {
  /** Permits may be granted this long before they are due, so that the round trip is not part of the spacing. */
  readonly leadMs: number;
  readonly maxBatch?: number;
  /** Connections for interactive calls alone; left out: they share those of all. */
  readonly urgent?: Pool;
}

export interface AcquireOptions {
  /** How long to wait here in all before handing a denial back, ms. */
  readonly inlineWaitMs: number;
  readonly signal?: AbortSignal;
  /** The least slack of the limits charged, ms: a permit that is later than this is moved, not used. */
  readonly slackMs: number;
  /** What is called: answers to the same take alike. */
  readonly operation?: string;
  readonly prepare?: Preparation;
}

/**
 * What has to be done before the call may leave, in the time between the grant and the departure: a permit that it makes
 * late is moved like any other. It throws when the call must not leave; what it returns takes it back when the call does
 * not leave after all.
 */
export type Preparation = () => Promise<() => Promise<void>>;

export interface HeldPermit {
  readonly granted: true;
  readonly epoch: number;
  /** The organization's epoch; 0 for a pool without one. */
  readonly organizationEpoch: number;
  readonly probe: boolean;
  readonly failures: number;
  /** Database time at which the call leaves, or at the latest may: where it is booked. */
  readonly departAt: number;
  /** Database time at which it was let go: what is judged by order of departure goes by this. Never after `departAt`. */
  readonly leftAt: number;
  /** It leaves at another time than it was first granted for: this process was late. */
  readonly moved: boolean;
  /**
   * To be called when the request is being written: one that this process held up, by opening a connection say, is
   * booked where it left. May be left out: then only the answer shows it.
   */
  readonly sent: () => void;
  /**
   * To be called when the answer has come: a call that was held up on its way is booked where it arrived, or the next
   * might come too close behind it. Settles when that is done; never rejects, and need not be awaited.
   */
  readonly answered: () => Promise<void>;
}

/** When a call leaves, epoch ms by the database's clock. */
interface Departure {
  /** Where it is booked: the end of the span in which its permit may be used. */
  readonly departAt: number;
  /** In that span. */
  readonly leftAt: number;
}

/** Where a permit stands in the books until its call leaves, epoch ms by the database's clock; null: it was given back. */
interface Booked {
  at: number | null;
}

/** More than the answer takes to come back; less would be late again, more is lost to the limit. */
const RESTAMP_AHEAD_MS = 3;
/**
 * The longest span in which a moved permit may be used, ms. A pool that closes meanwhile does not hold it back, and where
 * calls are spaced, the next one waits for the end of it.
 */
const LONGEST_SPAN_MS = 250;
/** No permit lies further ahead of its departure than this and the lead; a clock has gone back, ms. */
const STEP_MS = 500;

export class PermitGate {
  readonly clock = new DbClock(
    () => performance.now(),
    (step) => this.clockStepped(step),
  );
  /** All steps of the database's clock since this process began, ms: what waits for a time of before adds the rest. */
  private stepped = 0;
  /** Steps that have been seen and not yet been noted in the database. */
  private readonly steps: ClockStep[] = [];
  private readonly transits = new Map<string, Transit>();
  private readonly lanes = new Map<string, PermitLane>();
  private readonly batcher: PermitBatcher;
  /** Interactive calls wait for no round trip of the others. */
  private readonly urgentBatcher: PermitBatcher;
  private clockSync: Promise<void> | null = null;
  /** Permits that are moved, by their limits. */
  private readonly moves = new LockLines();
  private order = 0;

  constructor(
    private readonly db: Pool,
    private readonly options: GateOptions,
  ) {
    const steps = {
      check: () => this.readClock(),
      moveBooks: () => (this.steps.length === 0 ? null : this.moveBooks()),
    };
    const batcher = (on: Pool) =>
      new PermitBatcher(on, this.clock, options.leadMs, options.maxBatch ?? 64, steps);
    this.batcher = batcher(db);
    this.urgentBatcher = options.urgent ? batcher(options.urgent) : this.batcher;
  }

  /** What this process remembers moves with the clock at once; the books in the database before the next permit. */
  private clockStepped(seen: ClockStep): void {
    this.stepped += seen.step;
    for (const lane of this.lanes.values()) lane.clockStepped(seen.step);
    this.steps.push(seen);
  }

  /** @throws what the database throws: then nothing is let through, and the next caller tries again. */
  private async moveBooks(): Promise<void> {
    for (let seen = this.steps[0]; seen !== undefined; seen = this.steps[0]) {
      // A slow answer shows that there was a step, but not well how long it was.
      await this.settleClock();
      const surer = this.steps.length === 1 ? this.clock.offset - seen.offset : 0;
      await moveClock(this.db, { ...seen, step: seen.step + surer });
      // Noted once, however many have done it at the same time.
      if (this.steps[0] === seen) this.steps.shift();
    }
  }

  private async readClock(): Promise<void> {
    const askedAt = performance.now();
    const dbNow = await readClock(this.db);
    this.clock.observe(askedAt, performance.now(), dbNow);
  }

  /**
   * A permit to call now, or the denial when it is not due within `inlineWaitMs`, or when the pool is closed.
   * Cancelled by the signal, with the signal's reason. Throws what the database throws.
   */
  async acquire(request: PermitRequest, options: AcquireOptions): Promise<HeldPermit | DeniedPermit> {
    // Many callers may wait under one signal: that is no leak.
    if (options.signal) setMaxListeners(0, options.signal);
    const order = this.order++;
    const asked = performance.now();
    for (;;) {
      const decision = await this.enterLane({
        request,
        order,
        inlineWaitMs: Math.max(0, options.inlineWaitMs - (performance.now() - asked)),
        signal: options.signal,
      });
      if (!decision.granted) return decision;
      const departure = await this.departOrRelease(request, decision, options);
      if (departure === null) continue;
      const { departAt } = departure;
      return {
        granted: true,
        epoch: decision.epoch,
        organizationEpoch: decision.organizationEpoch,
        probe: decision.probe,
        failures: decision.failures,
        ...departure,
        moved: departAt !== decision.departAt,
        ...this.underWay(request, departAt, options),
      };
    }
  }

  private async enterLane(caller: LaneCaller): Promise<PermitDecision> {
    const { pool, priority, charges } = caller.request;
    const name = JSON.stringify([pool, priority, charges.map((c) => [c.key, c.units])]);
    let lane = this.lanes.get(name);
    if (!lane) {
      lane = new PermitLane(
        (request, order) =>
          (priority === 'interactive' ? this.urgentBatcher : this.batcher).ask(request, order),
        this.clock,
        this.options.leadMs,
      );
      this.lanes.set(name, lane);
    }
    try {
      return await lane.enter(caller);
    } finally {
      if (lane.empty && this.lanes.get(name) === lane) this.lanes.delete(name);
    }
  }

  /** A call on its way: where it is booked follows what is known of when it arrived. */
  private underWay(
    request: PermitRequest,
    departAt: number,
    { slackMs, operation = '' }: AcquireOptions,
  ): Pick<HeldPermit, 'sent' | 'answered'> {
    const { pool, charges } = request;
    const transit = this.transitOf(`${pool ?? ''} ${operation}`);
    const toleranceMs = slackMs * 0.8;
    const { stepped } = this;
    let [leftAt, bookedAt] = [departAt, departAt];
    let booked = Promise.resolve();
    const book = (at: number) => {
      if (charges.length === 0) return;
      const from = bookedAt;
      bookedAt = at;
      booked = booked
        .then(() => this.move(request, () => reportLateArrival(this.dbOf(request), charges, from, at)))
        // Lost with the database: then nothing is granted either until it is back.
        .catch(() => undefined);
    };
    return {
      sent: () => {
        if (this.stepped !== stepped) return;
        leftAt = this.clock.now();
        if (leftAt - departAt > toleranceMs) book(leftAt);
      },
      answered: () => {
        // A time from before a clock step does not show how long the call was under way.
        if (this.stepped !== stepped) return booked;
        const lateMs = transit.note(this.clock.now() - leftAt, toleranceMs);
        if (lateMs > 0) book(leftAt + lateMs);
        return booked;
      },
    };
  }

  private dbOf({ priority }: PermitRequest): Pool {
    return (priority === 'interactive' ? this.options.urgent : undefined) ?? this.db;
  }

  /** Urgent or not, one at a time: all need the same limits' rows. */
  private move<T>({ charges, priority }: PermitRequest, work: () => Promise<T>): Promise<T> {
    const limits = JSON.stringify(charges.map(({ key }) => key).sort());
    return this.moves.run(limits, priority === 'interactive', work);
  }

  private transitOf(name: string): Transit {
    let transit = this.transits.get(name);
    if (!transit) {
      transit = new Transit();
      this.transits.set(name, transit);
    }
    return transit;
  }

  /** A probe that does not leave must not keep the others waiting for its answer. */
  private async departOrRelease(
    request: PermitRequest,
    permit: GrantedPermit,
    options: AcquireOptions,
  ): Promise<Departure | null> {
    let departure: Departure | null = null;
    let takeBack: Awaited<ReturnType<Preparation>> | undefined;
    const booked: Booked = { at: permit.departAt };
    try {
      options.signal?.throwIfAborted();
      takeBack = await options.prepare?.();
      options.signal?.throwIfAborted();
      departure = await this.depart(request, permit, options, booked);
    } catch (error) {
      // The call does not leave: what the permit has taken of windows that count is given back.
      await this.giveBack(request, booked).catch(() => undefined);
      throw error;
    } finally {
      if (departure === null) {
        await takeBack?.();
        if (permit.probe && request.pool !== null) {
          await releaseProbe(this.db, request.pool, permit.epoch, permit.organizationEpoch);
        }
      }
    }
    return departure;
  }

  /**
   * Waits for the departure; moves the permit when this process was too late for it. A process that is late by as much
   * each time would move its permit for ever: a permit that is moved again, or is urgent, is good for a span as long as
   * its process has been late by. @returns null: spent, take another.
   */
  private async depart(
    request: PermitRequest,
    permit: GrantedPermit,
    options: AcquireOptions,
    booked: Booked,
  ): Promise<Departure | null> {
    const tolerance = Math.max(1.5, options.slackMs * 0.5);
    let aheadMs = Math.min(RESTAMP_AHEAD_MS, this.options.leadMs);
    let spanMs = 0;
    let moves = 0;
    const pool =
      request.pool === null
        ? null
        : { key: request.pool, epoch: permit.epoch, organizationEpoch: permit.organizationEpoch };
    let { departAt } = permit;
    await this.settleClock();
    for (;;) {
      const { stepped } = this;
      const bookedAt = departAt + spanMs;
      booked.at = bookedAt;
      await this.sleepUntil(departAt, options.signal);
      if (this.stepped !== stepped || departAt - this.clock.now() > this.options.leadMs + STEP_MS) {
        // It was granted by a clock that has stepped since: what that time was is not to be known any more.
        await this.giveBack(request, booked);
        return null;
      }
      const lateMs = this.clock.now() - departAt;
      if (lateMs <= spanMs + tolerance || (request.charges.length === 0 && pool === null)) {
        return { departAt: bookedAt, leftAt: departAt + Math.min(spanMs, Math.max(0, lateMs)) };
      }
      const ahead = aheadMs;
      if (moves++ > 0 || request.priority === 'interactive')
        spanMs = Math.min(LONGEST_SPAN_MS, Math.max(spanMs, 2 * lateMs));
      const span = spanMs;
      const moved = await this.move(request, () =>
        restampPermit(this.dbOf(request), request.charges, bookedAt, ahead, pool, span),
      );
      if (moved === null) {
        // It will not be sent: what it has taken of a day, which does not come back by itself, is given back.
        await this.giveBack(request, booked);
        return null;
      }
      departAt = moved;
      // A busy process is late again by as little.
      aheadMs = Math.min(2 * aheadMs, this.options.leadMs);
    }
  }

  /** Once: an answer that is lost leaves open whether it was given back, and twice would be more than was taken. */
  private async giveBack({ charges }: PermitRequest, booked: Booked): Promise<void> {
    const { at } = booked;
    booked.at = null;
    if (at !== null) await returnUnused(this.db, charges, at);
  }

  /** Asks the database for its time until it is known well, but not for ever. */
  private async settleClock(): Promise<void> {
    for (let i = 0; i < 6 && this.clock.vague; i++) await this.syncClock();
  }

  /** One reading for all callers: as many readings as there are late calls would hold all connections. */
  private syncClock(): Promise<void> {
    this.clockSync ??= this.readClock().finally(() => {
      this.clockSync = null;
    });
    return this.clockSync;
  }

  /** Sleeps to a database time; the last millisecond is spent yielding, for timers are coarse. */
  private async sleepUntil(dbTime: number, signal?: AbortSignal): Promise<void> {
    const { stepped } = this;
    for (;;) {
      const left = dbTime - this.clock.now();
      if (left <= 0.2 || left > this.options.leadMs + STEP_MS || this.stepped !== stepped) return;
      if (left > 1.5) await sleep(left - 1, signal);
      else await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      },
      Math.min(ms, 2 ** 31 - 1),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
