/** The actions that read: devices, positions, tracks, trips and mileage. */
import { DAY_MS, HOUR_MS } from '../../../../quota/durations';
import { hash32, unitOf } from '../../../kit/random';
import type { SimAnswer } from '../../../kit/vendor';
import type { Principal } from '../accounts';
import type { SimDevice } from '../fleet/fleet';
import { offsetIn, parseLocalDay, parseLocalTime, printLocalDay } from '../fleet/local-time';
import type { Motion, SimPoint, SimTrip } from '../fleet/motion';
import type { FleetOptions } from '../options';
import { CallError, CODES, ok } from './codes';

export type Fields = Readonly<Record<string, unknown>>;

/** Values of the bit mask that look like results and are none. */
const CODE_LIKE = [8902, 9903, 8905, 1, 8];
/** JT808: ignition on, position known. */
const ACC_ON = 0x1;
const POSITIONED = 0x2;
const SOUTH = 0x4;
const WEST = 0x8;

export interface World {
  readonly seed: number;
  readonly fleet: FleetOptions;
  readonly motion: Motion;
  readonly maxSpanMs: number;
}

const bad = (what: string) => new CallError(CODES.parameter, `parameter error: ${what}`);

export function textIn(body: Fields, field: string): string {
  const value = body[field];
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string' || value === '') throw bad(`${field} is missing`);
  return value;
}

/** The device that a call names, among those that the caller sees. */
export function deviceIn(body: Fields, principal: Principal): SimDevice {
  const id = textIn(body, 'deviceid');
  const device = principal.devices.get(id);
  if (!device) throw new CallError(CODES.abnormal, `no such device: ${id}`);
  return device;
}

export function monitorList(world: World, body: Fields, principal: Principal, now: number): SimAnswer {
  const { username } = body;
  if (username !== undefined && username !== principal.username) {
    throw new CallError(CODES.prohibited, `no right to the list of ${String(username)}`);
  }
  const groups = new Map<string, unknown[]>();
  for (const device of principal.devices.values()) {
    const list = groups.get(device.group) ?? [];
    list.push({
      deviceid: device.id,
      devicename: device.name,
      devicetype: device.type,
      simnum: device.sim,
      lastactivetime: world.motion.last(device, now)?.arrivedAt ?? 0,
      overduetime: device.expired ? Date.UTC(2024, 0, 31) : Date.UTC(2031, 11, 31),
      isfree: device.expired ? 5 : 1,
    });
    groups.set(device.group, list);
  }
  const list = [...groups].map(([groupname, devices], index) => ({ groupid: index + 1, groupname, devices }));
  return ok({ groups: list }, { devices: principal.devices.size });
}

export function lastPosition(world: World, body: Fields, principal: Principal, now: number): SimAnswer {
  const { deviceids, lastquerypositiontime: since = 0 } = body;
  if (deviceids !== undefined && !Array.isArray(deviceids)) throw bad('deviceids must be an array');
  const cursor = Number(since);
  if (!Number.isFinite(cursor) || cursor < 0) throw bad('lastquerypositiontime must be a number');
  const asked: readonly unknown[] = deviceids?.length ? deviceids : [...principal.devices.keys()];
  const records: unknown[] = [];
  for (const id of asked) {
    const device = principal.devices.get(String(id));
    const point = device && world.motion.last(device, now);
    if (device && point && point.arrivedAt > cursor) records.push(positionRecord(world, device, point));
  }
  const answered = { lastquerypositiontime: Math.floor(now), records };
  return ok(answered, { asked: asked.length, since: cursor, records: records.length });
}

export function tracks(world: World, body: Fields, principal: Principal, now: number): SimAnswer {
  const device = deviceIn(body, principal);
  const { from, to } = spanIn(world, body);
  const records = world.motion.track(device, from, to, now).map((p) => positionRecord(world, device, p));
  return ok({ deviceid: device.id, records }, { from, to, records: records.length });
}

/** How a platform calls what this vendor calls `totaltrips`, and the fields of a trip. */
interface TripNames {
  readonly names: { readonly list: string; readonly rename: Readonly<Record<string, string>> };
}

export function trips(world: World & TripNames, body: Fields, principal: Principal, now: number): SimAnswer {
  const device = deviceIn(body, principal);
  const { from, to } = spanIn(world, body);
  const known = knownTrips(world, device, from, to, now);
  const distance = known.reduce((sum, trip) => sum + trip.distance, 0);
  const triptime = known.reduce((sum, trip) => sum + trip.end - trip.start, 0);
  const records = known.map(tripRecord);
  const total = {
    deviceid: device.id,
    totaldistance: distance,
    totaltriptime: triptime,
    totalmaxspeed: records.reduce((max, r) => Math.max(max, r.maxspeed), 0),
    totalaveragespeed: speedOf(distance, triptime),
    [world.names.list]: records.map((record) => renamed(record, world.names.rename)),
  };
  return ok(total, { from, to, trips: records.length });
}

export function mileage(world: World, body: Fields, principal: Principal, now: number): SimAnswer {
  const device = deviceIn(body, principal);
  const offset = offsetIn(body.offset);
  if (offset === null) throw bad('offset must be hours ahead of UTC');
  const first = parseLocalDay(body.startday, offset);
  const last = parseLocalDay(body.endday, offset);
  if (first === null || last === null || first > last) throw bad('startday and endday must be yyyy-MM-dd');
  if (last - first >= world.maxSpanMs) throw bad('the span is too long');
  const records = [];
  for (let day = first; day <= last && day <= now; day += DAY_MS) {
    const end = Math.min(day + DAY_MS, now);
    const begindis = world.motion.odometer(device, day);
    const enddis = world.motion.odometer(device, end);
    const driven = world.motion.trips(device, day, end);
    const totalacc = driven.reduce((sum, t) => sum + Math.min(t.end, end) - Math.max(t.start, day), 0);
    const mileageOfDay = { begindis, enddis, totaldistance: enddis - begindis, totalacc };
    const statisticsday = printLocalDay(day, offset);
    const avgspeed = speedOf(enddis - begindis, totalacc);
    records.push({ statisticsday, starttime: day, endtime: end, ...mileageOfDay, avgspeed, overspeed: 0 });
  }
  return ok({ deviceid: device.id, records }, { days: records.length });
}

function renamed(record: object, names: Readonly<Record<string, string>>): object {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [names[name] ?? name, value]));
}

/** Trips that touch [from, to] as the vendor knows them; never cut to the span. */
export function knownTrips(
  world: World,
  device: SimDevice,
  from: number,
  to: number,
  now: number,
): SimTrip[] {
  return world.motion
    .trips(device, from, to)
    .map((trip) => world.motion.known(device, trip, now))
    .filter((trip) => trip !== null);
}

/** A trip in the vendor's words: metres, metres an hour, ms. */
export function tripRecord(trip: SimTrip) {
  const triptime = trip.end - trip.start;
  const averagespeed = speedOf(trip.distance, triptime);
  return {
    starttime: trip.start,
    endtime: trip.end,
    tripdistance: trip.distance,
    maxspeed: averagespeed * 2,
    averagespeed,
    triptime,
    slat: degrees(trip.from.latitude),
    slon: degrees(trip.from.longitude),
    elat: degrees(trip.to.latitude),
    elon: degrees(trip.to.longitude),
  };
}

export function positionRecord(world: World, device: SimDevice, point: SimPoint) {
  const hash = hash32(world.seed, device.index, point.at, 'status');
  const ignition = point.moving ? ACC_ON : 0;
  const sides = (point.latitude < 0 ? SOUTH : 0) | (point.longitude < 0 ? WEST : 0);
  const isCodeLike = unitOf(hash) < world.fleet.codeLikeStatusShare;
  return {
    deviceid: device.id,
    updatetime: point.at,
    arrivedtime: point.arrivedAt,
    callat: degrees(point.latitude),
    callon: degrees(point.longitude),
    altitude: 0,
    speed:
      world.fleet.speedUnit === 'm/h' ? Math.round(point.speed * 1000) : Math.round(point.speed * 10) / 10,
    course: point.course,
    totaldistance: point.odometer,
    status: isCodeLike ? CODE_LIKE[hash % CODE_LIKE.length] : ignition | POSITIONED | sides,
    strstatus: point.moving ? 'ACC ON,GPS' : 'ACC OFF,GPS',
    alarm: hash % 97 === 0 ? 2 : 0,
    moving: point.moving ? 1 : 0,
  };
}

function spanIn(world: World, body: Fields): { readonly from: number; readonly to: number } {
  const offset = offsetIn(body.timezone);
  if (offset === null) throw bad('timezone must be hours ahead of UTC');
  const from = parseLocalTime(body.begintime, offset);
  const to = parseLocalTime(body.endtime, offset);
  if (from === null || to === null) throw bad('begintime and endtime must be yyyy-MM-dd HH:mm:ss');
  if (from > to) throw bad('begintime must not be after endtime');
  if (to - from > world.maxSpanMs) throw bad('the span is too long');
  return { from, to };
}

/** Metres an hour. */
function speedOf(metres: number, ms: number): number {
  return ms > 0 ? Math.round((metres * HOUR_MS) / ms) : 0;
}

function degrees(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
