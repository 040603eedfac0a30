/** GPS51's six functions as a test drives them while processes die under them, and what must be true at the end. */
import { setTimeout as delay } from 'node:timers/promises';
import { scheduleId, startSchedule } from '../../../client/operations/datasets/schedules';
import { startCommand, storeCommand } from '../../../client/operations/fleet/commands';
import { startFleetBackfill } from '../../../client/operations/fleet/work';
import { checkUser } from '../../../client/operations/logins/user-auth';
import { type EndUserAccount, findEndUserAccount } from '../../../settings/accounts/commands';
import { hash32 } from '../../../vendors/kit/random';
import type { ChaosRig, RigVendor } from './chaos-rig';

export const ACCOUNT = 'fleet';
const HOUR_MS = 3_600_000;
/** Trips and tracks may come so much late. */
const OVERLAP_HOURS = 0.05;

/** As both sides are configured; `slackMs` is ours, for a machine so busy that calls are late by up to a second. */
const LIMITS = {
  'ip-per-minute': { count: 40, ms: 10_000 },
  'per-second': { count: 8 },
  spacing: { ms: 20 },
  'device-trajectory-per-day': { count: 100_000 },
} as const;
const SLACK_MS = { 'ip-per-minute': 1000, 'per-second': 1000, spacing: 350 } as const;

/** A fleet that makes a trip every 45 s, with late trips, lost answers, and tokens that run out. */
export function fleetVendor(seed: number): RigVendor {
  return {
    id: 'gps51',
    account: ACCOUNT,
    httpTimeoutMs: undefined,
    scenario: {
      seed,
      fleet: {
        devices: 8,
        cycleMinutes: 0.75,
        movingReportSeconds: 2,
        parkedReportSeconds: 5,
        lateShare: 0.15,
        lateMinutes: 0.25,
        offlineShare: 0.15,
        expiredShare: 0,
      },
      rules: { fast: 'enforced', trajectoryShared: true },
      limits: LIMITS,
      tokens: { lifetimeSeconds: 20 },
      commands: { confirmMs: { min: 50, max: 300 }, slowShare: 0.2, slowMs: { min: 800, max: 2000 } },
      faults: [
        { kind: 'drop-after-processing', operation: 'sendcmd', probability: 0.1 },
        { kind: 'drop-after-processing', operation: 'querytrips', probability: 0.03 },
        { kind: 'status', status: 503, probability: 0.02 },
        { kind: 'latency', latencyMs: 1500, probability: 0.03 },
      ],
    },
    settings: ({ baseUrl }) => ({
      accounts: {
        [ACCOUNT]: {
          vendor: 'gps51',
          baseUrl,
          username: 'fleet',
          password: 'env:TEST_FLEET_PASSWORD',
          limits: Object.fromEntries(
            Object.entries(LIMITS).map(([name, limit]) => [
              name,
              { ...limit, ...(name in SLACK_MS ? { slackMs: SLACK_MS[name as keyof typeof SLACK_MS] } : {}) },
            ]),
          ),
        },
      },
      datasets: [
        { dataset: 'gps51/positions', account: ACCOUNT },
        { dataset: 'gps51/trips', account: ACCOUNT, syncIntervalMinutes: 1, overlapHours: OVERLAP_HOURS },
        { dataset: 'gps51/tracks', account: ACCOUNT, overlapHours: OVERLAP_HOURS, chunkHours: 1 },
      ],
    }),
  };
}

/** What the drivers have seen so far. */
export interface Driven {
  commands: number;
  usersAccepted: number;
  /** Checks that came to nothing, by kind. */
  readonly usersOtherwise: string[];
}

/** Keeps the functions at work until `stop`; what fails because something is dead is tried again. */
export class FleetDrivers {
  readonly driven: Driven = { commands: 0, usersAccepted: 0, usersOtherwise: [] };
  private readonly account: EndUserAccount;
  private stopping = false;
  private loops: Promise<unknown> = Promise.resolve();
  private devices: readonly string[] = [];

  constructor(private readonly rig: ChaosRig) {
    this.account = findEndUserAccount(rig.settings, ACCOUNT);
  }

  /** @returns id of the backfill's workflow. */
  async start(history: { readonly from: number; readonly to: number }): Promise<string> {
    const { client, settings, simulatorUrl } = this.rig;
    this.devices = ((await (await fetch(`${simulatorUrl}/_sim/devices`)).json()) as { id: string }[]).map(
      (d) => d.id,
    );
    for (const kind of ['positions', 'trips']) {
      await startSchedule(client, settings, `gps51/${kind}`, ACCOUNT);
    }
    const { handle } = await startFleetBackfill(client, settings, {
      dataset: 'gps51/tracks',
      account: ACCOUNT,
      ...history,
      devices: null,
      chunkHours: null,
      priority: 'background',
    });
    this.loops = Promise.all([
      this.every(2500, () => this.press('positions')),
      this.every(6000, () => this.press('trips')),
      this.every(2500, () => this.command()),
      this.every(4000, () => this.checkUser()),
    ]);
    return handle.workflowId;
  }

  /** Ends commands and users; the schedules go on as they are pressed. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.loops;
  }

  /** One run of a schedule, unless one is under way. */
  async press(kind: 'positions' | 'trips'): Promise<void> {
    const { client } = this.rig;
    const handle = client.schedule.getHandle(scheduleId(`gps51/${kind}`, ACCOUNT));
    await client.withDeadline(Date.now() + 3000, () => handle.trigger('SKIP'));
  }

  private async command(): Promise<void> {
    const { client, db, settings } = this.rig;
    const n = this.driven.commands + 1;
    const stored = await storeCommand(db, {
      account: ACCOUNT,
      requestId: `chaos-${n}`,
      device: this.devices[hash32(n) % this.devices.length] ?? '',
      code: 'LOCATE',
      // Distinguished at the vendor.
      params: [String(n)],
      repeatable: false,
      timeoutMs: 20_000,
      waitForPool: false,
      askedBy: 'test',
    });
    this.driven.commands = n;
    await client.withDeadline(Date.now() + 5000, () => startCommand(client, db, settings, stored));
  }

  private async checkUser(): Promise<void> {
    const { db, settings } = this.rig;
    const user = { username: 'driver', password: 'driver-secret' };
    const { kind } = await checkUser(db, settings, this.account, user, 10_000);
    if (kind === 'ok') this.driven.usersAccepted++;
    else this.driven.usersOtherwise.push(kind);
  }

  private async every(everyMs: number, work: () => Promise<void>): Promise<void> {
    while (!this.stopping) {
      const next = Date.now() + everyMs;
      await work().catch(() => undefined);
      await delay(Math.max(50, next - Date.now()));
    }
  }
}

export interface TripRow {
  readonly device: string;
  readonly start: number;
  readonly end: number;
  readonly distance: number;
}

/** Trips that began at `from` or later and were over at `to`, as they were made; by device and start. */
export async function trueTrips(rig: ChaosRig, from: number, to: number): Promise<readonly TripRow[]> {
  const answer = await fetch(`${rig.simulatorUrl}/_sim/trips?from=${from}&to=${to}`);
  const trips = (await answer.json()) as {
    deviceid: string;
    starttime: number;
    endtime: number;
    tripdistance: number;
  }[];
  return trips
    .map((t) => ({ device: t.deviceid, start: t.starttime, end: t.endtime, distance: t.tripdistance }))
    .filter((t) => t.start >= from && t.end <= to)
    .sort(byDeviceAndStart);
}

/** Ours of the same span. */
export async function storedTrips(rig: ChaosRig, from: number, to: number): Promise<readonly TripRow[]> {
  const { rows } = await rig.db.query<TripRow>(
    `select device_id as device, start_time as start, end_time as "end", distance from fleet_trips
     where account = $1 and start_time >= to_timestamp($2::float8 / 1000) and end_time <= to_timestamp($3::float8 / 1000)`,
    [ACCOUNT, from, to],
  );
  return [...rows].sort(byDeviceAndStart);
}

function byDeviceAndStart(a: TripRow, b: TripRow): number {
  return a.device === b.device ? a.start - b.start : a.device < b.device ? -1 : 1;
}

/** The newest position of each device: what the vendor knew at `asOf`, epoch ms. */
export async function truePositions(rig: ChaosRig, asOf: number): Promise<ReadonlyMap<string, number>> {
  const answer = await fetch(`${rig.simulatorUrl}/_sim/positions?asOf=${asOf}`);
  const positions = (await answer.json()) as { deviceid: string; updatetime: number }[];
  return new Map(positions.map((p) => [p.deviceid, p.updatetime]));
}

/** And what is stored. */
export async function storedPositions(rig: ChaosRig): Promise<ReadonlyMap<string, number>> {
  const { rows } = await rig.db.query<{ device: string; at: number }>(
    'select device_id as device, at from latest_positions where account = $1',
    [ACCOUNT],
  );
  return new Map(rows.map((r) => [r.device, r.at]));
}

/** Whole hours that ended a while ago. */
export function pastSpan(hours: number): { readonly from: number; readonly to: number } {
  const to = Math.floor((Date.now() - HOUR_MS) / HOUR_MS) * HOUR_MS;
  return { from: to - hours * HOUR_MS, to };
}
