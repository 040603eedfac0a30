/** Parameters of a read, checked against its description. */
import { parseIsoInstant } from '../../quota/instants';
import type { ReadDescription } from '../../vendors/capabilities/vehicles';
import { type ReadAsk, ReadInputError } from './types';

const LONGEST = 1000;

/** Instants as epoch ms. @throws ReadInputError for the first that is wrong. */
export function checkedParams(
  { name, params: known }: ReadDescription,
  given: NonNullable<ReadAsk['params']>,
): Readonly<Record<string, string | number>> {
  const names = Object.keys(known);
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(known, key)) continue;
    const which = names.length === 0 ? 'it takes none' : `it takes ${names.join(', ')}`;
    throw new ReadInputError('params', 'UNKNOWN_FIELD', `"${key}" is no parameter of ${name}; ${which}`);
  }
  const checked: Record<string, string | number> = {};
  for (const [key, { kind, about, required }] of Object.entries(known)) {
    const value = given[key];
    if (value === undefined) {
      if (!required) continue;
      throw new ReadInputError('params', 'MISSING_INPUT', `${name} needs ${key}: ${about}`);
    }
    checked[key] = kind === 'instant' ? instantOf(key, value) : textOf(key, value);
  }
  return checked;
}

function instantOf(key: string, value: string | number): number {
  const text = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) ? `${value}T00:00Z` : value;
  const ms = typeof text === 'number' ? text : parseIsoInstant(text);
  if (ms !== null && !Number.isNaN(new Date(ms).getTime())) return ms;
  throw new ReadInputError(
    'params',
    'INVALID_INPUT',
    `${key}: "${value}" is not a time; give a date such as 2026-11-01 (midnight UTC) or an instant with its zone such as 2026-11-01T06:00Z`,
  );
}

function textOf(key: string, value: string | number): string {
  const text = String(value);
  if (text !== '' && text.length <= LONGEST) return text;
  throw new ReadInputError('params', 'INVALID_INPUT', `${key}: must be 1 to ${LONGEST} characters`);
}
