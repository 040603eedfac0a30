/**
 * How many days a backfill of a fleet takes: calls of each device, calls allowed a day for each, and the limits of the
 * account and the egress IP. Pure; simulates the days one by one.
 */
import { DAY_MS } from '../durations';

export interface DeviceAllowance {
  /** Name of the limit. */
  readonly name: string;
  /** Calls a day of each device that this work may use. */
  readonly perDay: number;
  /** The same for what is left of today, device by device in the order of the calls. */
  readonly leftToday: readonly number[];
}

/** A limit that all devices share. */
export interface SharedAllowance {
  readonly name: string;
  /** Calls a day that are left for this work. */
  readonly perDay: number;
  /** For what is left of today; null for a limit of short windows, which goes by the time that is left. */
  readonly leftToday: number | null;
}

export interface FleetForecastInput {
  /** Calls that each device needs. */
  readonly calls: readonly number[];
  readonly device: DeviceAllowance | null;
  readonly shared: readonly SharedAllowance[];
  /** Epoch ms; `notBefore` is the end of a pause. */
  readonly now: number;
  readonly notBefore: number | null;
  /** When the vendor's day ends. */
  readonly dayEndsAt: number;
}

export interface FleetForecast {
  readonly calls: number;
  /** Days of the vendor's on which calls are made; Infinity when it never ends. */
  readonly days: number;
  /** Calls a day, once a whole day is at hand. */
  readonly callsADay: number;
  /** Epoch ms; Infinity when it never ends. */
  readonly finish: number;
  /** The limit that alone takes longest; null when nothing is to be done. */
  readonly binding: { readonly limit: string; readonly days: number } | null;
}

export function fleetForecast(input: FleetForecastInput): FleetForecast {
  const total = sum(input.calls);
  const binding = bindingLimit(input, total);
  const perDevice = input.device?.perDay ?? Number.POSITIVE_INFINITY;
  const callsADay = Math.min(
    sum(input.calls.map((calls) => Math.min(calls, perDevice))),
    ...input.shared.map((limit) => limit.perDay),
  );
  const base = { calls: total, callsADay, binding };
  if (total === 0) return { ...base, days: 0, finish: input.now };

  const left = [...input.calls];
  let begins = Math.max(input.now, input.notBefore ?? input.now);
  let ends = input.dayEndsAt;
  let days = 0;
  for (let day = 0; day < LONGEST_DAYS; day++) {
    const today = ends === input.dayEndsAt;
    const length = Math.max(0, ends - begins);
    const room = Math.min(...input.shared.map((limit) => roomOf(limit, today, length)));
    const done = spend(left, (i) => deviceRoom(input.device, i, today), Math.floor(room));
    if (done > 0) days++;
    if (left.every((calls) => calls === 0)) {
      return { ...base, days, finish: begins + Math.min(length, done * msPerCall(input.shared)) };
    }
    begins = Math.max(begins, ends);
    ends += DAY_MS;
  }
  return { ...base, days: Number.POSITIVE_INFINITY, finish: Number.POSITIVE_INFINITY };
}

/** A plan further than ten years ahead counts as "never". */
const LONGEST_DAYS = 3660;

function roomOf(limit: SharedAllowance, today: boolean, lengthMs: number): number {
  if (limit.leftToday === null) return (limit.perDay * lengthMs) / DAY_MS;
  if (lengthMs === 0) return 0;
  return today ? limit.leftToday : limit.perDay;
}

function deviceRoom(device: DeviceAllowance | null, index: number, today: boolean): number {
  if (device === null) return Number.POSITIVE_INFINITY;
  return Math.floor(today ? (device.leftToday[index] ?? device.perDay) : device.perDay);
}

/** Takes one call of each device in turn, those behind first, as the work itself does. @returns calls made. */
function spend(left: number[], roomOfDevice: (index: number) => number, room: number): number {
  let done = 0;
  for (let turn = 1; done < room; turn++) {
    let some = false;
    const order = [...left.keys()].sort((a, b) => (left[b] ?? 0) - (left[a] ?? 0));
    for (const i of order) {
      if (done >= room) break;
      const calls = left[i] ?? 0;
      if (calls === 0 || turn > roomOfDevice(i)) continue;
      left[i] = calls - 1;
      done++;
      some = true;
    }
    if (!some) break;
  }
  return done;
}

/** Between calls while nothing but limits of short windows is in the way. */
function msPerCall(shared: readonly SharedAllowance[]): number {
  const rates = shared.filter((limit) => limit.leftToday === null).map((limit) => limit.perDay);
  return rates.length === 0 ? 0 : DAY_MS / Math.min(...rates);
}

function bindingLimit(
  { calls, device, shared }: FleetForecastInput,
  total: number,
): FleetForecast['binding'] {
  if (total === 0) return null;
  const alone = shared.map(({ name, perDay }) => ({
    limit: name,
    days: perDay > 0 ? total / perDay : Infinity,
  }));
  if (device !== null) {
    const most = Math.max(...calls);
    const perDay = Math.floor(device.perDay);
    alone.push({ limit: device.name, days: perDay > 0 ? Math.ceil(most / perDay) : Infinity });
  }
  return alone.reduce<FleetForecast['binding']>(
    (longest, one) => (longest === null || one.days > longest.days ? one : longest),
    null,
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
