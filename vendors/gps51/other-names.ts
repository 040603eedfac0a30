/**
 * White-labelled platforms rename fields of their answers. Names known to be used are recognised; a list under any
 * other name is reported, because an answer that is not understood must not pass for an empty one.
 */
import { timeOf } from './time';

type Fields = Readonly<Record<string, unknown>>;

/** Where `querytrips` has its trips. */
export const TRIP_LISTS = ['totaltrips', 'records', 'trips'] as const;

/** Fields of a trip by their usual names; case and separators do not count. All lengths in metres, all times in ms. */
const TRIP_FIELDS: Readonly<Record<string, readonly string[]>> = {
  starttime: ['begintime', 'startat', 'starttimestamp', 'departtime', 'departuretime'],
  endtime: ['stoptime', 'endat', 'endtimestamp', 'finishtime', 'arrivetime', 'arrivaltime'],
  tripdistance: ['distance'],
  maxspeed: ['topspeed'],
  averagespeed: ['avgspeed', 'meanspeed'],
  triptime: ['duration', 'tripduration'],
  slat: ['startlat', 'startlatitude', 'beginlat'],
  slon: ['slng', 'startlon', 'startlng', 'startlongitude', 'beginlon'],
  elat: ['endlat', 'endlatitude', 'stoplat'],
  elon: ['elng', 'endlon', 'endlng', 'endlongitude', 'stoplon'],
};

const USUAL = new Map(
  Object.entries(TRIP_FIELDS).flatMap(([usual, others]) => [usual, ...others].map((name) => [name, usual])),
);

/** A record under the usual names. A field that is there by its usual name wins over one by another. */
export function withUsualNames(record: unknown): unknown {
  if (!isFields(record)) return record;
  const renamed = new Map<string, unknown>();
  for (const [name, value] of Object.entries(record)) {
    const usual = USUAL.get(name.toLowerCase().replace(/[\s_-]/g, '')) ?? name;
    if (usual === name || !(Object.hasOwn(record, usual) || renamed.has(usual))) renamed.set(usual, value);
  }
  return Object.fromEntries(renamed);
}

/** How platforms call the time at which a trip ended. */
const END_NAME = /end|stop|finish|over|arriv|clos/i;

/** A field that reads as the end of a trip that has none by a known name; undefined when there is none. */
export function otherEndIn(record: unknown, start: number): string | undefined {
  if (!isFields(record) || 'endtime' in record) return undefined;
  return Object.keys(record).find((name) => {
    const at = END_NAME.test(name) ? timeOf(record[name]) : null;
    return typeof at === 'number' && at > start;
  });
}

/** The names of a record's fields, for who has to say why it is not understood. */
export function namesOf(record: unknown): string {
  return isFields(record) ? Object.keys(record).slice(0, 20).join(', ') || 'none' : 'none';
}

export type FoundList =
  | { readonly kind: 'list'; readonly key: string; readonly list: readonly unknown[] }
  /** There is nothing like a list of records. */
  | { readonly kind: 'none' }
  | { readonly kind: 'problem'; readonly problem: string };

/** An object and those within it, the outermost first. */
function levelsOf(root: Fields, depth: number): readonly Fields[] {
  if (depth === 0) return [root];
  const inner = Object.values(root).filter(isFields);
  return [root, ...inner.flatMap((one) => levelsOf(one, depth - 1))];
}

const DEEPEST = 4;

/** @param names of the list, the usual one first; also some levels down, where a platform wraps its answers. */
export function listIn(root: Fields, names: readonly string[]): FoundList {
  const levels = levelsOf(root, DEEPEST);
  const found = levels.flatMap((level) =>
    names.filter((name) => level[name] != null).map((key) => ({ key, value: level[key] })),
  );
  const lists = found.filter(({ value }) => Array.isArray(value));
  // A count under the list's name says nothing beside a list.
  const full = lists.find(({ value }) => (value as unknown[]).length > 0) ?? lists[0] ?? found[0];
  if (full !== undefined) {
    const { key, value } = full;
    return Array.isArray(value)
      ? { kind: 'list', key, list: value }
      : { kind: 'problem', problem: `${key}: must be a list` };
  }
  const other = levels.flatMap((level) => Object.entries(level)).find(([, value]) => isRecords(value));
  if (other === undefined) return { kind: 'none' };
  const [name, records] = other;
  const fields = namesOf((records as readonly unknown[])[0]);
  return { kind: 'problem', problem: `${names.join(', ')}: there is ${name} instead (fields: ${fields})` };
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isRecords(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isFields);
}
