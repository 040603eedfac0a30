/** Drives the six functions of a fleet's account together, and shows their progress. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { Pool } from 'pg';
import { DAY_MS, HOUR_MS } from '../../../quota/durations';
import { findEndUserAccount } from '../../../settings/accounts/commands';
import { outcomeOf, readCommand } from '../../../store/commands/commands';
import { listDevices, summarizeFleet } from '../../../store/fleet/fleet';
import { countAllTrips } from '../../../store/fleet/history';
import { workStatusQuery } from '../../../workflows/messages';
import { pauseSchedule, readSchedule, scheduleId, startSchedule, stopSchedule } from '../datasets/schedules';
import { messageOf } from '../errors';
import { startCommand, storeCommand } from '../fleet/commands';
import { startFleetBackfill } from '../fleet/work';
import { checkUser } from '../logins/user-auth';
import type { FleetDemo } from './fleet';

const COMMAND = 'LOCATE';
const COMMAND_EVERY_MS = 7_000;
const USER_EVERY_MS = 13_000;
const COMMAND_TIMEOUT_MS = 20_000;
/** The last runs are given this long. */
const LAST_RUN_MS = 15_000;
/** Days whose tracks are fetched. */
const HISTORY_DAYS = 10;

export interface Tally {
  readonly positions: {
    readonly devices: number;
    readonly located: number;
    readonly newestAt: number | null;
  };
  readonly trips: number;
  readonly history: { readonly done: number; readonly total: number; readonly detail: string };
  /** Ended ones by result, e.g. `confirmed`. */
  readonly commands: Readonly<Record<string, number>>;
  /** Checks by what came of them, e.g. `ok`. */
  readonly users: Readonly<Record<string, number>>;
  /** What went wrong besides, each once. */
  readonly problems: readonly string[];
}

export class FleetDemoWork {
  private readonly commands = new Map<string, number>();
  private readonly users = new Map<string, number>();
  private readonly problems = new Set<string>();
  private readonly made: string[] = [];
  private history: WorkflowHandle | null = null;
  /** False when a backfill of the same span runs already: that one is only followed. */
  private madeHistory = false;
  private loops: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly demo: FleetDemo,
    private readonly client: Client,
    private readonly db: Pool,
    /** Commands go to devices only where that is harmless, or wanted. */
    private readonly withCommands: boolean,
  ) {}

  /** Starts all of it; the loops end with the signal. */
  async start(signal: AbortSignal): Promise<void> {
    const { context, account, everyMs, endUser } = this.demo;
    for (const kind of ['positions', 'trips'] as const) {
      const dataset = `${account.vendor.id}/${kind}`;
      const { workflowId, alreadyRan } = await startSchedule(
        this.client,
        context.settings,
        dataset,
        account.name,
      );
      if (!alreadyRan) this.made.push(workflowId);
    }
    const loops = [
      this.press('positions', everyMs?.positions ?? null, signal),
      this.press('trips', everyMs?.trips ?? null, signal),
      this.backfill(signal),
    ];
    if (this.withCommands) loops.push(this.every(COMMAND_EVERY_MS, signal, () => this.command()));
    if (endUser !== null) loops.push(this.every(USER_EVERY_MS, signal, () => this.checkUser(endUser)));
    this.loops = Promise.all(loops);
  }

  /** Takes back what was started here, once the runs that are under way have come to their end. */
  async stop(): Promise<void> {
    await this.loops;
    if (this.madeHistory) await this.history?.terminate('the demo is over').catch(() => undefined);
    for (const id of this.made) {
      await pauseSchedule(this.client, id, 'the demo is over').catch((e) => this.note(e));
    }
    const deadline = Date.now() + LAST_RUN_MS;
    for (const id of this.made) {
      const runs = async () => (await readSchedule(this.client, id).catch(() => null))?.running === true;
      while (Date.now() < deadline && (await runs())) await delay(250);
      await stopSchedule(this.client, id).catch((e) => this.note(e));
    }
  }

  async tally(): Promise<Tally> {
    const { name } = this.demo.account;
    const [fleet, trips] = await Promise.all([summarizeFleet(this.db, name), countAllTrips(this.db, name)]);
    const status = await this.history?.query(workStatusQuery).catch(() => null);
    return {
      positions: { devices: fleet.devices, located: fleet.located, newestAt: fleet.newest },
      trips,
      history: {
        done: status?.chunksDone ?? 0,
        total: status?.chunksTotal ?? 0,
        detail: status?.detail ?? '',
      },
      commands: Object.fromEntries(this.commands),
      users: Object.fromEntries(this.users),
      problems: [...this.problems],
    };
  }

  /**
   * The schedule's own clock is real time; where a minute is shorter, its runs are pressed for.
   * @param everyMs null presses for the first run only.
   */
  private async press(
    kind: 'positions' | 'trips',
    everyMs: number | null,
    signal: AbortSignal,
  ): Promise<void> {
    const id = scheduleId(`${this.demo.account.vendor.id}/${kind}`, this.demo.account.name);
    const press = async () => {
      const found = await readSchedule(this.client, id);
      if (found === null || found.running || found.paused) return;
      await this.client.schedule.getHandle(id).trigger('SKIP');
    };
    if (everyMs === null) await press().catch((error) => this.note(error));
    else await this.every(everyMs, signal, press);
  }

  /** The past is planned by the list of devices, so it waits until the positions have brought that. */
  private async backfill(signal: AbortSignal): Promise<void> {
    const { account, context } = this.demo;
    while (!signal.aborted && (await listDevices(this.db, account.name)).length === 0) await delay(200);
    if (signal.aborted) return;
    const to = Math.floor((Date.now() - HOUR_MS) / DAY_MS) * DAY_MS;
    try {
      const { handle, alreadyRan } = await startFleetBackfill(this.client, context.settings, {
        dataset: `${account.vendor.id}/tracks`,
        account: account.name,
        from: to - HISTORY_DAYS * DAY_MS,
        to,
        devices: null,
        chunkHours: null,
        priority: 'background',
      });
      this.history = handle;
      this.madeHistory = !alreadyRan;
    } catch (error) {
      this.note(error);
    }
  }

  private async command(): Promise<void> {
    const { account, context } = this.demo;
    const devices = await listDevices(this.db, account.name);
    const device = devices[Math.floor(Math.random() * devices.length)];
    if (device === undefined) return;
    const stored = await storeCommand(this.db, {
      account: account.name,
      requestId: null,
      device: device.deviceId,
      code: COMMAND,
      params: [],
      repeatable: false,
      timeoutMs: COMMAND_TIMEOUT_MS,
      waitForPool: false,
      askedBy: 'demo',
    });
    const handle = await startCommand(this.client, this.db, context.settings, stored);
    await handle.result();
    const ended = await readCommand(this.db, stored.id);
    const outcome = ended === null ? null : outcomeOf(ended);
    count(this.commands, outcome?.name ?? 'unknown');
  }

  private async checkUser(user: { readonly username: string; readonly password: string }): Promise<void> {
    const { context, account } = this.demo;
    const endUsers = findEndUserAccount(context.settings, account.name);
    const { kind } = await checkUser(this.db, context.settings, endUsers, user, COMMAND_TIMEOUT_MS);
    count(this.users, kind);
  }

  /** At once and then every so often; what fails is noted and tried again. */
  private async every(everyMs: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      const next = Date.now() + everyMs;
      await work().catch((error) => this.note(error));
      await delay(Math.max(100, next - Date.now()), undefined, { signal }).catch(() => undefined);
    }
  }

  private note(error: unknown): void {
    this.problems.add(messageOf(error));
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
