/**
 * The shapes of GPS51's answers, as far as they are used. Unknown fields are ignored, numbers may come as text, and
 * times as epoch milliseconds or as text of the vendor's clock (GMT+8). What a record can do without is taken for
 * missing when it is unusable.
 *
 * A record that does not parse is left out and counted in `leftOut`, so that one odd device does not cost the rest
 * of the fleet; when none of several parses, the contract has changed and the whole body is a problem. An answer
 * without any record is an empty one.
 */
import { z } from 'zod';
import type { FleetDevice, FleetPosition, ReportedTrips } from '../capabilities/fleet';
import type { Parsed } from '../http';
import { type Body, readBody } from './body';
import {
  anyInstant,
  anyNumber,
  degrees,
  flag,
  id,
  instant,
  isSameDevice,
  mask,
  optionalDegrees,
  optionalNumber,
  optionalText,
  text,
} from './fields';
import { isFields, listIn, namesOf, otherEndIn, TRIP_LISTS, withUsualNames } from './other-names';
import { describe, each, NOT_AN_OBJECT, recordsOf } from './records';
import { timeOf } from './time';

const deviceSchema = z.object({
  deviceid: id,
  devicename: optionalText,
  devicetype: optionalText,
  simnum: optionalText,
  lastactivetime: anyInstant,
  overduetime: anyInstant,
  isfree: z.union([z.boolean().transform(Number), optionalNumber]).catch(null),
});

const groupSchema = z.object({ groupname: optionalText, devices: z.array(z.unknown()).nullish() });
const groupsSchema = z
  .array(groupSchema.loose().nullable())
  .nullish()
  .transform((groups) => (groups ?? []).filter((group) => group !== null));
type Group = z.infer<typeof groupsSchema>[number];

const positionSchema = z.object({
  deviceid: id.optional(),
  updatetime: instant,
  arrivedtime: anyInstant,
  callat: degrees(90),
  callon: degrees(180),
  speed: anyNumber,
  course: anyNumber,
  totaldistance: anyNumber,
  // A bit mask, however much it looks like an error code.
  status: mask,
  strstatus: optionalText,
  alarm: mask,
  moving: flag,
});

/** The fields that show whether a record has a place at all. */
const nowhereSchema = z.object({
  deviceid: id.optional(),
  updatetime: z.unknown().optional(),
  callat: z.unknown().optional(),
  callon: z.unknown().optional(),
});

const tripSchema = z
  .object({
    starttime: instant,
    endtime: instant,
    tripdistance: optionalNumber,
    maxspeed: anyNumber,
    averagespeed: anyNumber,
    triptime: anyNumber,
    slat: optionalDegrees(90),
    slon: optionalDegrees(180),
    elat: optionalDegrees(90),
    elon: optionalDegrees(180),
  })
  .refine((trip) => trip.endtime >= trip.starttime, { error: 'ends before it starts', path: ['endtime'] })
  .refine((trip) => (trip.tripdistance ?? 0) >= 0, { error: 'must not be negative', path: ['tripdistance'] });

/** The fields that show that a trip has no end yet. */
const openTripSchema = z.object({ starttime: instant, endtime: z.unknown().optional() });

/** `querymonitorlist`. A device that is listed under several groups is taken once, from the first. */
export function parseDevices(body: string): Parsed<readonly FleetDevice[]> {
  const answer = readBody(body);
  if (!answer) return NOT_AN_OBJECT;
  const found = listIn(answer.root, ['groups']);
  if (found.kind === 'problem') return { ok: false, problem: found.problem };
  const groups = groupsSchema.safeParse(found.kind === 'list' ? found.list : []);
  if (!groups.success) return { ok: false, problem: describe('groups', groups.error) };
  const listed = listedIn(groups.data, DEEPEST_GROUP);
  const unknown = listed.length === 0 ? otherListIn(groups.data, DEEPEST_GROUP) : null;
  if (unknown !== null) return { ok: false, problem: `groups: no devices, and there is ${unknown}` };
  const parsed = each(listed, 'groups[].devices', ({ device, group }) => {
    const record = deviceSchema.safeParse(device);
    if (!record.success) return record.error;
    const { data } = record;
    return {
      deviceId: data.deviceid,
      name: data.devicename,
      type: data.devicetype,
      sim: data.simnum,
      group,
      lastActiveAt: data.lastactivetime,
      expiresAt: data.overduetime,
      free: data.isfree === 1,
    };
  });
  if (!parsed.ok) return parsed;
  const { leftOut } = parsed;
  if (parsed.value.length === 0 && leftOut) return { ok: false, problem: leftOut.problem };
  const devices = new Map<string, FleetDevice>();
  for (const device of parsed.value) {
    if (!devices.has(device.deviceId)) devices.set(device.deviceId, device);
  }
  return { ...parsed, value: [...devices.values()] };
}

/** Groups may hold groups, under whatever name a platform gives them: each list of objects that have devices or lists. */
function listedIn(
  groups: readonly Group[],
  depth: number,
): readonly { readonly device: unknown; readonly group: string }[] {
  return groups.flatMap(({ groupname, devices, ...rest }) => {
    const own = (devices ?? []).map((device) => ({ device, group: groupname }));
    if (depth === 0) return own;
    const inner = Object.values(rest).flatMap((value) => {
      const found = Array.isArray(value) ? groupsSchema.safeParse(value) : null;
      return found?.success ? found.data : [];
    });
    return [...own, ...listedIn(inner, depth - 1)];
  });
}

/** A list in groups without devices whose records are no groups either: the devices, under another name. */
function otherListIn(groups: readonly Group[], depth: number): string | null {
  for (const { groupname: _, devices: __, ...rest } of depth === 0 ? [] : groups) {
    for (const [name, value] of Object.entries(rest)) {
      const records = Array.isArray(value) ? value.filter(isFields) : [];
      const other = records.find((one) => !('groupname' in one || 'devices' in one) && !holdsList(one));
      if (other !== undefined) return `${name} (fields: ${namesOf(other)})`;
      const inner = groupsSchema.safeParse(records);
      const deeper = inner.success ? otherListIn(inner.data, depth - 1) : null;
      if (deeper !== null) return deeper;
    }
  }
  return null;
}

const holdsList = (record: object) => Object.values(record).some(Array.isArray);

const DEEPEST_GROUP = 8;

/**
 * `lastposition`. Devices that were never located have no time and are left out. Without a cursor in the answer the
 * next call asks for everything.
 */
export function parsePositions(
  body: string,
): Parsed<{ readonly cursor: string; readonly positions: readonly FleetPosition[] }> {
  const answer = readBody(body);
  if (!answer) return NOT_AN_OBJECT;
  const cursor = text.safeParse(answer.root.lastquerypositiontime ?? 0);
  if (!cursor.success) return { ok: false, problem: describe('lastquerypositiontime', cursor.error) };
  const positions = positionsOf(answer, null);
  if (!positions.ok) return positions;
  return { ...positions, value: { cursor: cursor.data, positions: positions.value } };
}

/** `querytracks`: where one device was. */
export function parseTrack(body: string, deviceId: string): Parsed<readonly FleetPosition[]> {
  const answer = readBody(body);
  if (!answer) return NOT_AN_OBJECT;
  const parsed = positionsOf(answer, deviceId);
  // Of a day of one device, nothing but what cannot be used is no empty day.
  const nothingElse =
    parsed.ok && parsed.value.length === 0 && parsed.leftOut?.malformed === parsed.leftOut?.count;
  return nothingElse && parsed.leftOut ? { ok: false, problem: parsed.leftOut.problem } : parsed;
}

/** @param deviceId whose records these are; null when each says so itself. */
function positionsOf(answer: Body, deviceId: string | null): Parsed<readonly FleetPosition[]> {
  const found = listIn(answer.root, ['records']);
  // A device that was never located has no time; records that all have none under this name have it under another.
  if (found.kind === 'list' && found.list.length > 0 && found.list.every(lacksTime)) {
    const fields = namesOf(found.list[0]);
    return { ok: false, problem: `${found.key}: no record has an updatetime (fields: ${fields})` };
  }
  return recordsOf(answer, 'records', (record) => {
    const stranger = otherDevice(record, deviceId);
    if (stranger !== null) return stranger;
    // Before its other fields are checked: a device that has not been anywhere may have nothing in them.
    const nowhere = whyNowhere(record, deviceId);
    if (nowhere !== null) return nowhere;
    const parsed = positionSchema.safeParse(record);
    if (!parsed.success) return parsed.error;
    const { data } = parsed;
    const device = deviceId ?? data.deviceid;
    // Off Africa's coast, where no vehicle is: how receivers say that they have no fix.
    if (data.callat === 0 && data.callon === 0) return `is at 0, 0: ${device ?? 'the device'} had no fix`;
    if (device === undefined) return NO_DEVICE;
    return {
      deviceId: device,
      at: data.updatetime,
      arrivedAt: data.arrivedtime,
      latitude: data.callat,
      longitude: data.callon,
      speed: data.speed ?? 0,
      course: data.course ?? 0,
      odometer: data.totaldistance,
      status: data.status ?? 0,
      statusText: data.strstatus,
      alarm: data.alarm ?? 0,
      moving: data.moving,
    };
  });
}

/** Of a record that says more than whose it is. */
function lacksTime(record: unknown): boolean {
  if (typeof record !== 'object' || record === null) return false;
  return !('updatetime' in record) && Object.keys(record).some((name) => name !== 'deviceid');
}

/** Why a record has no place, without being against the contract; null for any other. */
function whyNowhere(record: unknown, deviceId: string | null): string | null {
  const parsed = nowhereSchema.safeParse(record);
  if (!parsed.success) return null;
  const { deviceid, updatetime, callat, callon } = parsed.data;
  const device = deviceId ?? deviceid ?? 'the device';
  // A device that is listed, and no more: what has a place has been somewhere at some time.
  const isListed = deviceid !== undefined && isNoPlace(callat) && isNoPlace(callon);
  if (timeOf(updatetime) === null) return isListed ? `has no time: ${device} was never located` : null;
  // Empty, and not left out: the device has reported, without a fix.
  return isEmpty(callat) && isEmpty(callon) ? `has no place: ${device} had no fix` : null;
}

const isEmpty = (value: unknown) => value === null || value === '';
const isNoPlace = (value: unknown) => value === undefined || isEmpty(value) || Number(value) === 0;

/** A record that names another device than the one that was asked about; null for any other, and where none was. */
function otherDevice(record: unknown, deviceId: string | null): z.ZodError | null {
  const named = isFields(record) ? id.safeParse(record.deviceid).data : undefined;
  if (deviceId === null || named === undefined || isSameDevice(named, deviceId)) return null;
  const message = `is ${named}, and ${deviceId} was asked for`;
  return new z.ZodError([{ code: 'custom', path: ['deviceid'], message, input: undefined }]);
}

/**
 * `querytrips`. Null when there is no list at all: then nothing was said of trips that are known. A trip without an end,
 * or with 0 as its end, is under way: in order, and of no use yet.
 */
export function parseTrips(body: string, deviceId: string): Parsed<ReportedTrips | null> {
  const answer = readBody(body);
  if (!answer) return NOT_AN_OBJECT;
  const found = listIn(answer.root, TRIP_LISTS);
  if (found.kind === 'problem') return { ok: false, problem: found.problem };
  if (found.kind === 'none') return { ok: true, value: null };
  const records = found.list.map(withUsualNames);
  // One trip may be under way and have no end; where several have none, the field has another name.
  if (records.length > 1 && records.some(isFields) && !records.some(hasEnd)) {
    const fields = namesOf(found.list[0]);
    return { ok: false, problem: `${found.key}: no trip has an endtime (fields: ${fields})` };
  }
  let openSince: number | null = null;
  let ended = 0;
  let measured = 0;
  const parsed = each(records, found.key, (record) => {
    const stranger = otherDevice(record, deviceId);
    if (stranger !== null) return stranger;
    const begun = openTripSchema.safeParse(record);
    if (begun.success && timeOf(begun.data.endtime) === null) {
      const other = otherEndIn(record, begun.data.starttime);
      if (other !== undefined) return endUnder(other);
      openSince = Math.min(openSince ?? begun.data.starttime, begun.data.starttime);
      return 'has not ended yet';
    }
    const trip = tripSchema.safeParse(record);
    if (!trip.success) return trip.error;
    const { data } = trip;
    ended++;
    if (data.tripdistance !== null) measured++;
    return {
      deviceId,
      start: data.starttime,
      end: data.endtime,
      distance: data.tripdistance ?? 0,
      maxSpeed: data.maxspeed ?? 0,
      averageSpeed: data.averagespeed ?? 0,
      duration: durationOf(data.triptime, data.endtime - data.starttime),
      ...placeOf(data.slat, data.slon, (startLatitude, startLongitude) => ({
        startLatitude,
        startLongitude,
      })),
      ...placeOf(data.elat, data.elon, (endLatitude, endLongitude) => ({ endLatitude, endLongitude })),
    };
  });
  if (!parsed.ok) return parsed;
  const { leftOut } = parsed;
  if (leftOut?.malformed === records.length) return { ok: false, problem: leftOut.problem };
  // A trip of unknown length may be one of a platform's oddities; when none has one, it has another name.
  if (ended > 0 && measured === 0) {
    const fields = namesOf(found.list[0]);
    return { ok: false, problem: `${found.key}: no trip has a tripdistance (fields: ${fields})` };
  }
  return { ...parsed, value: { trips: parsed.value, whole: parsed.leftOut === undefined, openSince } };
}

/** Half a place is none, and 0, 0 is a receiver without a fix. */
function placeOf<T>(
  latitude: number | null,
  longitude: number | null,
  toValue: (latitude: number | null, longitude: number | null) => T,
): T {
  const isPlace = latitude !== null && longitude !== null && !(latitude === 0 && longitude === 0);
  return isPlace ? toValue(latitude, longitude) : toValue(null, null);
}

/** Milliseconds. Some platforms send seconds: then it is less than a hundredth of the time that has gone by. */
function durationOf(stated: number | null, elapsedMs: number): number {
  if (stated === null) return elapsedMs;
  return stated > 0 && stated < elapsedMs / 100 && stated * 1000 <= elapsedMs * 1.05 ? stated * 1000 : stated;
}

const hasEnd = (record: unknown) => isFields(record) && 'endtime' in record;
const endUnder = (name: string) =>
  new z.ZodError([
    { code: 'custom', path: ['endtime'], message: `is missing, and there is ${name}`, input: undefined },
  ]);
const NO_DEVICE = new z.ZodError([
  { code: 'custom', path: ['deviceid'], message: 'is missing', input: undefined },
]);
