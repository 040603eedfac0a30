/** What a backfill of a fleet takes, from the ledger and the present state of the limits, before any call. */
import type { Pool } from 'pg';
import { DAY_MS, HOUR_MS } from '../../../quota/durations';
import { deviceLimits, fleetLimitKey } from '../../../quota/fleet/device-limits';
import { type FleetForecast, fleetForecast, type SharedAllowance } from '../../../quota/fleet/forecast';
import { piecesOf } from '../../../quota/fleet/history-windows';
import { capacityOf, charges, type Priority, usableShare, windowMs } from '../../../quota/limits/limit';
import type { Span } from '../../../quota/windows/chunks';
import { fleetTerms, type Settings } from '../../../settings';
import { type FleetContext, historyOperation } from '../../../settings/datasets/fleet-context';
import { chosenDevices, missingWindows } from '../../../store/fleet/missing-windows';
import { deviceAllowances } from '../../../store/permits/device-allowances';
import { readLimitLevels } from '../../../store/permits/limit-levels';
import { readPool } from '../../../store/pools/pools';
import type { FleetDevice } from '../../../vendors/capabilities/fleet';
import { failed } from '../errors';
import { hint } from '../hints';

export interface FleetPlanOptions extends Span {
  /** Null: all that the vendor has listed. */
  readonly devices: readonly string[] | null;
  /** Plans for so many devices of which nothing is there, whatever the vendor has listed. */
  readonly deviceCount: number | null;
  readonly chunkHours: number | null;
  readonly priority: Priority;
}

export interface FleetPlan extends FleetForecast {
  readonly devices: number;
  readonly operation: string;
  readonly priority: Priority;
  /** Calls a day of one device at this priority; null when no limit holds. */
  readonly callsADevice: number | null;
  /** Calls a day that the live positions make, as the settings have it. */
  readonly liveADay: number;
  readonly shared: readonly SharedAllowance[];
  readonly pausedUntil: number | null;
  readonly held: boolean;
}

interface Work {
  /** Device by device. */
  readonly calls: readonly number[];
  readonly callsADay: number;
  readonly leftToday: readonly number[];
  readonly dayEndsAt: number;
}

/** @throws OperationError when no device is known; RangeError for unknown devices. */
export async function planFleet(
  db: Pool,
  settings: Settings,
  context: FleetContext,
  options: FleetPlanOptions,
  now: number,
): Promise<FleetPlan> {
  const { account } = context;
  const operation = historyOperation(context);
  const work =
    options.deviceCount === null
      ? await knownWork(db, context, operation, options, now)
      : await imaginedWork(db, context, operation, options, options.deviceCount, now);
  const live = liveCallsADay(settings, context);
  const shared = await sharedAllowances(db, context, operation, options, work.calls.length, live);
  const pool = (await readPool(db, account.poolKey))?.state ?? null;
  const pausedUntil = pool !== null && pool.until !== null && pool.until > now ? pool.until : null;
  const [limit] = deviceLimits(account, operation);
  const device =
    limit === undefined ? null : { name: limit.name, perDay: work.callsADay, leftToday: work.leftToday };
  return {
    ...fleetForecast({ ...work, device, shared, now, notBefore: pausedUntil }),
    devices: work.calls.length,
    operation,
    priority: options.priority,
    callsADevice: device === null ? null : Math.floor(device.perDay),
    liveADay: live,
    shared,
    pausedUntil,
    held: pool?.state === 'held' && pool.until === null,
  };
}

async function knownWork(
  db: Pool,
  context: FleetContext,
  operation: string,
  options: FleetPlanOptions,
  now: number,
): Promise<Work> {
  const { account } = context;
  const devices = await chosenDevices(db, account.name, options.devices);
  if (devices.length === 0) {
    throw failed(
      `no device of ${account.name} is known yet: start ${hint('sync start', `${account.vendor.id}/positions`)}, or plan for a number of them with \`deviceCount\``,
    );
  }
  const { windows } = await missingWindows(db, context, options, devices, now, true);
  const calls = new Map(devices.map((deviceId) => [deviceId, 0]));
  for (const { deviceId } of windows) calls.set(deviceId, (calls.get(deviceId) ?? 0) + 1);
  const allowances = await deviceAllowances(db, account, operation, options.priority, devices, now);
  return {
    calls: [...calls.values()],
    callsADay: allowances[0]?.callsADay ?? Number.POSITIVE_INFINITY,
    leftToday: allowances.map(({ callsLeft }) => callsLeft),
    dayEndsAt: Math.min(...allowances.map(({ resetsAt }) => resetsAt)),
  };
}

/** As of an account of which nothing is used and nothing is in. */
async function imaginedWork(
  db: Pool,
  context: FleetContext,
  operation: string,
  options: FleetPlanOptions,
  count: number,
  now: number,
): Promise<Work> {
  const { account, terms } = context;
  const chunkMs = options.chunkHours === null ? terms.chunkMs : options.chunkHours * HOUR_MS;
  const each = piecesOf([options], options.from, Math.min(chunkMs, account.fleet.maxSpanMs)).length;
  // Of a device that nobody has asked for, all calls of the day are left.
  const [one] = await deviceAllowances(db, account, operation, options.priority, ['none'], now);
  return {
    calls: new Array<number>(count).fill(each),
    callsADay: one?.callsADay ?? Number.POSITIVE_INFINITY,
    leftToday: new Array<number>(count).fill(one?.callsLeft ?? Number.POSITIVE_INFINITY),
    dayEndsAt: one?.resetsAt ?? now + DAY_MS,
  };
}

/** What the live feed asks a day, where the settings list it. Trips have their share of each device's calls. */
function liveCallsADay(settings: Settings, { account, terms }: FleetContext): number {
  const id = `${account.vendor.id}/positions`;
  const listed = settings.datasets.some((d) => d.dataset === id && d.account === account.name && d.enabled);
  if (!listed) return DAY_MS / terms.deviceListMs;
  const positions = fleetTerms(settings.datasets, id, account.name);
  return DAY_MS / positions.intervalMs + DAY_MS / positions.deviceListMs;
}

async function sharedAllowances(
  db: Pool,
  { account }: FleetContext,
  operation: string,
  { priority, deviceCount }: FleetPlanOptions,
  devices: number,
  live: number,
): Promise<SharedAllowance[]> {
  const own = deviceLimits(account, operation);
  const limits = account.limits.filter(
    (limit) =>
      limit.mode === 'enforce' &&
      limit.unit === 'calls' &&
      // One for some devices alone says nothing of all.
      limit.match === undefined &&
      !own.includes(limit) &&
      charges(limit, operation),
  );
  const keys = limits.map((limit) => fleetLimitKey(account, limit));
  const levels = await readLimitLevels(db, keys);
  const taught = deviceCount === null ? [] : account.fleet.limitsOf(imaginedDevices(devices), Date.now());
  const sized = limits.map((limit, i) => {
    const level = deviceCount === null ? levels.get(keys[i] ?? '') : undefined;
    const capacity =
      taught.find((t) => t.limit === limit.name)?.capacity ?? level?.limit ?? capacityOf(limit.window);
    return { limit, capacity, used: level?.used ?? 0, aDay: (capacity * DAY_MS) / windowMs(limit.window) };
  });
  // While history goes as fast as it may, the live feed takes this part of all calls.
  const fastest = Math.min(
    ...sized.filter(({ limit }) => windowMs(limit.window) < DAY_MS).map(({ aDay }) => aDay),
  );
  const besides = Number.isFinite(fastest) ? Math.min(1, live / fastest) : 0;
  return sized.map(({ limit, capacity, used, aDay }) => {
    const { name } = limit;
    const share = usableShare(limit, priority);
    if (windowMs(limit.window) < DAY_MS) {
      return { name, perDay: Math.max(0, Math.min(aDay * share, aDay - live)), leftToday: null };
    }
    const mine = (units: number) => Math.max(0, units * (1 - besides));
    return { name, perDay: mine(aDay * share), leftToday: mine(capacity * share - used) };
  });
}

function imaginedDevices(count: number): FleetDevice[] {
  return Array.from({ length: count }, (_, i) => ({
    deviceId: String(i),
    name: '',
    type: '',
    sim: '',
    group: '',
    lastActiveAt: null,
    expiresAt: null,
    free: false,
  }));
}
