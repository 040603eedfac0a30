/**
 * The shapes of CarData's answers, as far as they are used; what is not known is kept beside it. An entry that is not as it
 * should be is left out and counted, so that one odd value does not cost the others.
 */
import { z } from 'zod';
import { isObject, readJson, readJsonObject } from '../bmw/json';
import { readEntry, readFields, readValue } from '../bmw/values';
import { vinProblem } from '../bmw/vin';
import type { ReadAnswer, ReadValue, Vehicle } from '../capabilities/vehicles';
import type { LeftOut, Parsed } from '../http';

const mappingSchema = z.looseObject({
  vin: z
    .string({ error: 'must be text' })
    .trim()
    // Letters of a VIN have no case; paths and topics have.
    .toUpperCase()
    .refine((vin) => vinProblem(vin) === null, 'must be a VIN'),
  mappedSince: z.string().nullish().catch(null),
  mappingType: z.string().nullish().catch(null),
});

/** A list, one mapping alone, or either inside a field. */
export function parseMappings(body: string): Parsed<readonly Vehicle[]> {
  const root = readJson(body);
  const list = listIn(root, ['vin'], ['mappings', 'vehicles', 'data']);
  if (list === null) return { ok: false, problem: 'the answer is no list of mappings' };
  const vehicles = new Map<string, Vehicle>();
  const faults: string[] = [];
  for (const [i, entry] of list.entries()) {
    const parsed = mappingSchema.safeParse(entry);
    if (parsed.success) {
      const vehicle = vehicleOf(parsed.data);
      // A vehicle may be there twice, once as another user's.
      if (vehicles.get(vehicle.vehicleId)?.readable !== true) vehicles.set(vehicle.vehicleId, vehicle);
    } else faults.push(`[${i}].${problemOf(parsed.error)}`);
  }
  return within([...vehicles.values()], list.length, faults, 'mapping');
}

function vehicleOf({ vin, mappingType, ...details }: z.output<typeof mappingSchema>): Vehicle {
  return {
    vehicleId: vin,
    name: vin,
    // Its basic data say what it is; the list does not.
    brand: '',
    model: '',
    driveTrain: null,
    readable: (mappingType ?? 'PRIMARY').toUpperCase() === 'PRIMARY',
    details: { ...details, mappingType: mappingType ?? null },
  };
}

const NAMES = ['name', 'descriptor', 'key', 'technicalDescriptor'] as const;

/**
 * What an answer or a message says of each descriptor: in an object by its name, or in a list in which each names itself. Null
 * for anything else; the name is empty where there is none.
 */
export function descriptorEntries(data: unknown): readonly (readonly [string, unknown])[] | null {
  if (isObject(data)) return Object.entries(data);
  if (!Array.isArray(data)) return null;
  return data.map((entry: unknown) => [
    (isObject(entry) ? NAMES.map((key) => entry[key]).find(isText) : undefined) ?? '',
    entry,
  ]);
}

/** `{telematicData: {<descriptor>: {value, unit, timestamp}}}`; the same as a list has been seen, too. */
export function parseTelematics(body: string): Parsed<ReadAnswer> {
  const root = readJsonObject(body);
  if (root === null) return { ok: false, problem: 'the answer is no JSON object' };
  const data = root.telematicData;
  if (data === null) return { ok: true, value: { values: {}, next: null } };
  const entries = descriptorEntries(data);
  if (entries === null) return { ok: false, problem: 'telematicData must be an object of descriptors' };
  const values: [string, ReadValue][] = [];
  const faults: string[] = [];
  for (const [name, entry] of entries) {
    const value = name === '' ? null : readEntry(entry);
    if (value === null) faults.push(`telematicData.${name || '(without a name)'} has no value`);
    else values.push([name, value]);
  }
  return within({ values: Object.fromEntries(values), next: null }, entries.length, faults, 'descriptor');
}

/** Every field is a value, known or not. */
export function parseBasicData(body: string): Parsed<ReadAnswer> {
  const root = readJson(body);
  const [only] = Array.isArray(root) ? root : [root];
  if (!isObject(only)) return { ok: false, problem: 'the answer is no JSON object' };
  return { ok: true, value: { values: readFields(only), next: null } };
}

/** Tyres, by what they are called; nothing of it is fixed but that it is an object. */
export function parseTyres(body: string): Parsed<ReadAnswer> {
  if (body.trim() === '') return { ok: true, value: { values: {}, next: null } };
  const root = readJsonObject(body);
  if (root === null) return { ok: false, problem: 'the answer is no JSON object' };
  return { ok: true, value: { values: readFields(root), next: null } };
}

/** A page of records: charging sessions, places with settings of their own. */
export function parsePage(body: string): Parsed<ReadAnswer> {
  if (body.trim() === '') return { ok: true, value: { values: {}, records: [], next: null } };
  const root = readJson(body);
  const list = listIn(root, [], ['data', 'chargingSessions', 'sessions', 'settings', 'items']);
  if (list === null) return { ok: false, problem: 'data must be a list' };
  const records = list.filter(isObject);
  const faults = list.filter((one) => !isObject(one)).map(() => 'a record must be an object');
  const { data: _, nextToken, next_token, ...rest } = isObject(root) ? root : { nextToken: null };
  const next = [nextToken, next_token].find(isText) ?? null;
  const values = Object.fromEntries(
    Object.entries(rest)
      .filter(([, value]) => !Array.isArray(value))
      .map(([name, value]): [string, ReadValue] => [name, readValue(value)]),
  );
  return within({ values, records, next }, list.length, faults, 'record');
}

/** First characters of pictures in base64. */
const PICTURES: readonly (readonly [string, string])[] = [
  ['iVBORw0KGgo', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['UklGR', 'image/webp'],
  ['R0lGOD', 'image/gif'],
];

/** @param body base64. */
export function parsePicture(body: string): Parsed<ReadAnswer> {
  const base64 = body.trim();
  const contentType = PICTURES.find(([start]) => base64.startsWith(start))?.[1];
  if (contentType === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    return { ok: false, problem: 'the answer is no picture (PNG, JPEG, WebP or GIF)' };
  }
  return { ok: true, value: { values: {}, document: { contentType, base64 }, next: null } };
}

const containerSchema = z.looseObject({
  containerId: z.string({ error: 'must be text' }).trim().min(1, 'must not be empty').max(200),
  name: z.string().nullish().catch(null),
  state: z.string().nullish().catch(null),
});

export interface Container {
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
}

export function parseContainers(body: string): Parsed<readonly Container[]> {
  if (body.trim() === '') return { ok: true, value: [] };
  const list = listIn(readJson(body), ['containerId'], ['containers', 'data']);
  if (list === null) return { ok: false, problem: 'the answer is no list of containers' };
  const containers: Container[] = [];
  const faults: string[] = [];
  for (const [i, entry] of list.entries()) {
    const parsed = containerSchema.safeParse(entry);
    if (parsed.success) containers.push(containerOf(parsed.data));
    else faults.push(`[${i}].${problemOf(parsed.error)}`);
  }
  return within(containers, list.length, faults, 'container');
}

export function parseContainer(body: string): Parsed<string> {
  const parsed = containerSchema.safeParse(readJsonObject(body) ?? undefined);
  return parsed.success
    ? { ok: true, value: parsed.data.containerId }
    : { ok: false, problem: `the container that was made: ${problemOf(parsed.error)}` };
}

function containerOf({ containerId, name, state }: z.output<typeof containerSchema>): Container {
  return { id: containerId, name: name ?? '', active: (state ?? 'ACTIVE').toUpperCase() === 'ACTIVE' };
}

/** A list, an object that is one entry by the fields it has, or either inside one of some fields. Null for none. */
function listIn(
  root: unknown,
  ofEntry: readonly string[],
  fields: readonly string[],
): readonly unknown[] | null {
  if (Array.isArray(root)) return root;
  if (!isObject(root)) return null;
  if (ofEntry.some((name) => root[name] !== undefined)) return [root];
  for (const field of fields) {
    const inner = root[field];
    if (Array.isArray(inner)) return inner;
    if (inner === null) return [];
    if (isObject(inner)) return [inner];
  }
  return Object.keys(root).length === 0 ? [] : null;
}

/** What could be used; nothing of several means that the contract has changed. */
function within<T>(value: T, all: number, faults: readonly string[], what: string): Parsed<T> {
  const [problem] = faults;
  if (problem === undefined) return { ok: true, value };
  if (faults.length === all) return { ok: false, problem: `no ${what} is as it should be: ${problem}` };
  const leftOut: LeftOut = { count: faults.length, malformed: faults.length, problem };
  return { ok: true, value, leftOut };
}

function problemOf({ issues: [issue] }: z.ZodError): string {
  return `${issue?.path.join('.') || 'it'} ${issue?.message ?? 'is not valid'}`;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
