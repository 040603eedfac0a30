/** Values of a report document: everything JSON has, except that numbers stay text. */
import { MINUTE_MS } from '../../../quota/durations';

/** A JSON number as it was written. A class of its own, so that it cannot be taken for a string. */
export class RawNumber {
  constructor(readonly text: string) {}

  toJSON(): unknown {
    return Number(this.text);
  }

  toString(): string {
    return this.text;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof RawNumber)
  );
}

/** A value as a problem shows it: short, and never a whole document. */
export function shown(value: unknown, maxCharacters = 80): string {
  if (value === undefined) return 'missing';
  const text = value instanceof RawNumber ? value.text : JSON.stringify(value);
  // Cut in the middle of a character, it could not be stored.
  return (text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text).replace(
    /\p{Surrogate}/gu,
    '\ufffd',
  );
}

const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):?(\d\d))$/;

/**
 * An ISO 8601 instant with a zone as epoch milliseconds; `Z` and `+00:00` are the same. Null when it is not
 * one, names a day that does not exist, or is finer than a millisecond.
 */
export function parseInstant(text: string): number | null {
  const match = TIMESTAMP.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second = '0', fraction = '', sign, zoneHours, zoneMinutes] = match;
  if (/[1-9]/.test(fraction.slice(3))) return null;
  const fields = [Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)] as const;
  const local = Date.UTC(Number(year), ...fields, Number(fraction.slice(0, 3).padEnd(3, '0')));
  const date = new Date(local);
  const roundTrip = [
    date.getUTCMonth(),
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ];
  if (fields.some((field, index) => field !== roundTrip[index])) return null;
  if (sign === undefined) return local;
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * MINUTE_MS;
  return sign === '+' ? local - zone : local + zone;
}
