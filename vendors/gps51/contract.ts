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
import type { CommandResult, HandedOver } from '../capabilities/commands';
import type { FleetDevice, FleetPosition, ReportedTrips } from '../capabilities/fleet';
import type { Parsed } from '../http';
import { type Body, readBody } from './body';
import { commandOutcome } from './command-status';
import { isFields, listIn, namesOf, TRIP_LISTS, withUsualNames } from './other-names';
import { timeOf } from './time';

const text = z.union([z.string().transform(storable), z.number().transform(String)], {
  error: 'must be text',
});
const id = text.pipe(z.string().trim().min(1, 'must not be empty'));
const optionalText = text
  .nullish()
  .transform((value) => value ?? '')
  .catch('');

const number = z.union(
  [
    z.number(),
    z
      .string()
      .regex(/^\s*-?\d+(?:\.\d+)?(?:e[+-]?\d+)?\s*$/i)
      .transform(Number)
      .pipe(z.number()),
  ],
  { error: 'must be a number' },
);
const optionalNumber = z
  .union([number, z.literal('')], { error: 'must be a number or missing' })
  .nullish()
  .transform((value) => (typeof value === 'number' ? value : null));
/** For what may be left out without loss to the rest. */
const anyNumber = optionalNumber.catch(null);
/** A bit mask or a code, as the database holds it. */
const mask = anyNumber.transform((value) => (Number.isSafeInteger(value) ? value : null));
const flag = z
  .union([z.boolean(), number, z.literal('')], { error: 'must be a flag or missing' })
  .nullish()
  .transform((value) => (typeof value === 'boolean' ? value : typeof value === 'number' ? value !== 0 : null))
  .catch(null);
const degrees = (most: number) =>
  number.refine((value) => Math.abs(value) <= most, { error: `beyond ±${most}` });
const optionalDegrees = (most: number) =>
  optionalNumber
    .refine((value) => value === null || Math.abs(value) <= most, { error: `beyond ±${most}` })
    .catch(null);

const instant = z
  .unknown()
  .optional()
  .transform((value, context) => {
    const at = timeOf(value);
    if (typeof at === 'number') return at;
    context.addIssue({ code: 'custom', message: at === null ? 'no time is given' : at.problem });
    return z.NEVER;
  });
/** 0 and nothing mean "never". */
const optionalInstant = z
  .unknown()
  .optional()
  .transform((value, context) => {
    const at = timeOf(value);
    if (at === null || typeof at === 'number') return at;
    context.addIssue({ code: 'custom', message: at.problem });
    return z.NEVER;
  });

const anyInstant = optionalInstant.catch(null);

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

/** What tells whether a record is of a place at all. */
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

/** What tells that a trip has no end yet. */
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
    // Before its other fields are looked at: a device that has not been anywhere may have nothing in them.
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

/** What a record is that tells of no place, without being against the contract; null for any other. */
function whyNowhere(record: unknown, deviceId: string | null): string | null {
  const parsed = nowhereSchema.safeParse(record);
  if (!parsed.success) return null;
  const { deviceid, updatetime, callat, callon } = parsed.data;
  const device = deviceId ?? deviceid ?? 'the device';
  if (timeOf(updatetime) === null) return `has no time: ${device} was never located`;
  // Told to be empty, and not left out: the device was heard of, without a fix.
  return isEmpty(callat) && isEmpty(callon) ? `has no place: ${device} had no fix` : null;
}

const isEmpty = (value: unknown) => value === null || value === '';

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
  let openSince: number | null = null;
  let ended = 0;
  let measured = 0;
  const parsed = each(records, found.key, (record) => {
    const begun = openTripSchema.safeParse(record);
    if (begun.success && timeOf(begun.data.endtime) === null) {
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
      startLatitude: data.slat,
      startLongitude: data.slon,
      endLatitude: data.elat,
      endLongitude: data.elon,
    };
  });
  if (!parsed.ok) return parsed;
  const { leftOut } = parsed;
  if (leftOut?.malformed === records.length) return { ok: false, problem: leftOut.problem };
  // One trip may be under way and tell no end; where several tell none, it has another name.
  if (records.length > 1 && !records.some((record) => isFields(record) && 'endtime' in record)) {
    const fields = namesOf(found.list[0]);
    return { ok: false, problem: `${found.key}: no trip has an endtime (fields: ${fields})` };
  }
  // A trip of unknown length may be one of a platform's oddities; when none has one, it has another name.
  if (ended > 0 && measured === 0) {
    const fields = namesOf(found.list[0]);
    return { ok: false, problem: `${found.key}: no trip has a tripdistance (fields: ${fields})` };
  }
  return { ...parsed, value: { trips: parsed.value, whole: parsed.leftOut === undefined, openSince } };
}

/** Milliseconds. Some platforms tell it in seconds: then it is less than a hundredth of the time that has gone by. */
function durationOf(told: number | null, elapsedMs: number): number {
  if (told === null) return elapsedMs;
  return told > 0 && told < elapsedMs / 100 && told * 1000 <= elapsedMs * 1.05 ? told * 1000 : told;
}

/** `login`: what later calls carry, as the vault keeps it. */
export function parseLogin(
  body: string,
  lifetimeMs: number,
): Parsed<{ accessToken: string; expiresInMs: number }> {
  const answer = readBody(body);
  if (!answer) return NOT_AN_OBJECT;
  const parsed = z.object({ token: id, serverid: optionalText }).safeParse(answer.root);
  if (!parsed.success) return { ok: false, problem: describe('login', parsed.error) };
  const { token, serverid } = parsed.data;
  return {
    ok: true,
    value: { accessToken: JSON.stringify({ token, serverid }), expiresInMs: lifetimeMs },
  };
}

/** `sendcmd` and, `polled`, `querycommand`. */
export function parseCommandResult(body: string, polled: boolean): Parsed<CommandResult> {
  const answer = readBody(body);
  if (!answer) return NOT_AN_OBJECT;
  if (answer.status === null) return { ok: false, problem: 'status: is missing' };
  return { ok: true, value: resultOf(answer, answer.status, polled) };
}

function resultOf(answer: Body, status: number, polled: boolean): CommandResult {
  const { outcome, name } = commandOutcome(status, polled);
  return { outcome, name, code: String(status), message: answer.cause };
}

/** `sendcmd` waits for the device, and answers with what became of the command. */
export function parseSent(body: string): Parsed<HandedOver> {
  const parsed = parseCommandResult(body, false);
  return parsed.ok ? { ok: true, value: { result: parsed.value } } : parsed;
}

/** `sendcommand`: what to ask with; or, where nothing is left to be asked, what became of it. */
export function parseQueued(body: string): Parsed<HandedOver> {
  const answer = readBody(body);
  if (!answer) return NOT_AN_OBJECT;
  const parsed = id.safeParse(answer.root.commandid);
  if (parsed.success) return { ok: true, value: { commandId: parsed.data } };
  const { status } = answer;
  return status === null || status === 0
    ? { ok: false, problem: describe('commandid', parsed.error) }
    : { ok: true, value: { result: resultOf(answer, status, false) } };
}

/** Postgres holds neither U+0000 nor half a surrogate pair in jsonb. */
function storable(value: string): string {
  return value.replaceAll('\0', '').replace(/\p{Surrogate}/gu, '\ufffd');
}

const NO_DEVICE = new z.ZodError([
  { code: 'custom', path: ['deviceid'], message: 'is missing', input: undefined },
]);
const NOT_AN_OBJECT = { ok: false, problem: 'the body is not a JSON object' } as const;

function recordsOf<T extends object>(
  { root }: Body,
  key: string,
  toValue: (record: unknown) => T | z.ZodError | string,
): Parsed<readonly T[]> {
  const found = listIn(root, [key]);
  if (found.kind === 'problem') return { ok: false, problem: found.problem };
  return each(found.kind === 'none' ? [] : found.list, key, toValue);
}

/** @param toValue a text instead of an error says that the record is in order but of no use. */
function each<R, T extends object>(
  records: readonly R[],
  what: string,
  toValue: (record: R) => T | z.ZodError | string,
): Parsed<readonly T[]> {
  const value: T[] = [];
  let malformed = 0;
  let problem = '';
  let useless = '';
  for (const [i, record] of records.entries()) {
    const made = toValue(record);
    if (made instanceof z.ZodError) {
      malformed++;
      problem ||= describe(`${what}[${i}]`, made);
    } else if (typeof made === 'string') useless ||= `${what}[${i}] ${made}`;
    else value.push(made);
  }
  const count = records.length - value.length;
  if (count === 0) return { ok: true, value };
  if (malformed > 1 && malformed === records.length) {
    return { ok: false, problem: `none of ${records.length} is usable: ${problem}` };
  }
  return { ok: true, value, leftOut: { count, malformed, problem: problem || useless } };
}

function describe(where: string, error: z.ZodError): string {
  const [issue] = error.issues;
  return `${[where, ...(issue?.path ?? [])].join('.')}: ${issue?.message ?? 'is not as agreed'}`;
}
