/**
 * What BMW says of one value. Three states are kept apart: a value, `null`, and the mark `-NA-` ("the vehicle has no such
 * reading now"); a value that is not mentioned has no entry. Values come as text and stay text, for a reading's form
 * (`"14.39"`, `"17.01.2027 00:00:00 UTC"`) is the descriptor's; only JSON inside a text is parsed.
 */
import { parseIsoInstant } from '../../quota/instants';
import type { ReadValue } from '../capabilities/vehicles';
import { isObject, readJson } from './json';

const NOT_AVAILABLE = '-NA-';

/** @param raw a value as it stands in an answer. */
export function readValue(raw: unknown, unit: string | null = null, at: number | null = null): ReadValue {
  if (raw === null || raw === undefined) return { state: 'null', value: null, unit, at };
  if (typeof raw !== 'string') return { state: 'value', value: raw, unit, at };
  if (raw.trim() === NOT_AVAILABLE) return { state: 'not-available', value: null, unit, at };
  return { state: 'value', value: jsonInside(raw) ?? raw, unit, at };
}

/**
 * An entry `{value, unit, timestamp}`, or a bare value. Null when there is no value in it, which is not the same as a
 * value that is null.
 */
export function readEntry(entry: unknown): ReadValue | null {
  if (!isObject(entry)) return entry === undefined ? null : readValue(entry);
  if (!('value' in entry)) return null;
  return readValue(entry.value, unitOf(entry.unit), timestampOf(entry.timestamp));
}

/** The fields of a flat record as values without units. */
export function readFields(record: Readonly<Record<string, unknown>>): Readonly<Record<string, ReadValue>> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, readValue(value)]));
}

/** Null for a text that is no JSON object or array. */
function jsonInside(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return null;
  return readJson(text) ?? null;
}

function unitOf(unit: unknown): string | null {
  return typeof unit === 'string' && unit !== '' ? unit : null;
}

/** ISO text, or seconds or milliseconds since 1970; null when nobody knows. */
export function timestampOf(value: unknown): number | null {
  if (typeof value === 'string') return parseIsoInstant(value.trim());
  if (typeof value !== 'number' || !(value > 0) || value > 8.64e15) return null;
  return Math.round(value < 1e11 ? value * 1000 : value);
}
