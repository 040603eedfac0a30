/** Instants as vendors write them, to epoch milliseconds. Pure, strict: an impossible date is null, not the next. */
import { DAY_MS, MINUTE_MS, type Span } from './durations';

const ISO =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)? ?(Z|z|UTC|GMT|[+-]\d{2}:?\d{2})$/;

/**
 * An ISO 8601 instant with its zone: `2026-11-24T00:00:00Z`, `…+00:00`, `…+0200`, `2026-11-24 00:00:00 UTC`.
 * Without a zone it is not an instant: null. Fractions beyond a millisecond are cut.
 */
export function parseIsoInstant(text: string): number | null {
  const match = text.length <= 48 ? ISO.exec(text) : null;
  if (!match) return null;
  const [, year, month, day, hour, minute, second = '0', fraction = '', zone = 'Z'] = match;
  const utc = utcMs(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  if (utc === null) return null;
  const offset = /^([+-])(\d{2}):?(\d{2})$/.exec(zone);
  const offsetMinutes = offset ? Number(offset[2]) * 60 + Number(offset[3]) : 0;
  if (offsetMinutes >= 24 * 60) return null;
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'));
  return utc + ms - (offset?.[1] === '-' ? -1 : 1) * offsetMinutes * MINUTE_MS;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** RFC 9110 demands GMT and two digits; the zone's other names and a bare digit are met, too. */
const IMF_FIXDATE =
  /^[a-z]{3}, (\d{1,2}) ([a-z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) (?:GMT|UTC|Z|[+-]0000)$/i;
const RFC_850 = /^[a-z]{6,9}, (\d{2})-([a-z]{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/i;
const ASCTIME = /^[a-z]{3} ([a-z]{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/i;

/**
 * An HTTP date in any of the three forms that RFC 9110, section 5.6.7, obliges a recipient to read. The weekday is
 * not checked. A two-digit year more than 50 years ahead of `nowMs` is in the past century, as the RFC says.
 */
export function parseHttpDate(text: string, nowMs: number): number | null {
  if (text.length > 48) return null;
  const imf = IMF_FIXDATE.exec(text);
  if (imf) return build(imf[3], imf[2], imf[1], imf.slice(4, 7));
  const asctime = ASCTIME.exec(text);
  if (asctime) return build(asctime[6], asctime[1], asctime[2], asctime.slice(3, 6));
  const rfc850 = RFC_850.exec(text);
  if (!rfc850) return null;
  const thisYear = new Date(Number.isFinite(nowMs) ? nowMs : 0).getUTCFullYear();
  let year = Math.floor(thisYear / 100) * 100 + Number(rfc850[3]);
  if (year > thisYear + 50) year -= 100;
  if (year <= thisYear - 50) year += 100;
  return build(String(year), rfc850[2], rfc850[1], rfc850.slice(4, 7));
}

function build(
  year: string | undefined,
  month: string | undefined,
  day: string | undefined,
  time: readonly string[],
): number | null {
  const [hour, minute, second] = time;
  return utcMs(
    Number(year),
    MONTHS.indexOf((month ?? '').toLowerCase()),
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
}

/** Null when a field is out of range. A leap second (60) counts as the second after it. */
function utcMs(y: number, month: number, d: number, h: number, m: number, s: number): number | null {
  if (h > 23 || m > 59 || s > 60 || month < 0) return null;
  const date = new Date(0);
  date.setUTCFullYear(y, month, d);
  if (date.getUTCMonth() !== month || date.getUTCDate() !== d) return null;
  return date.getTime() + ((h * 60 + m) * 60 + s) * 1000;
}

/** Numbers from here on are read as seconds since 1970: 2001. */
const EPOCH_SECONDS = 1e9;
const EPOCH_MS = 1e12;
/** An epoch is of now: what lies further back is a number of seconds that somebody has mistaken. */
const EPOCH_PAST_MS = DAY_MS;

/** Seconds or milliseconds since 1970 as milliseconds; NaN of what is too small for either. */
export function epochMs(number: number): number {
  if (number >= EPOCH_MS) return number;
  return number >= EPOCH_SECONDS ? number * 1000 : Number.NaN;
}

/** Milliseconds until such an instant; null of a number that is none, or none of these days. */
export function untilEpoch(number: number, nowMs: number): number | null {
  const left = epochMs(number) - nowMs;
  return left > -EPOCH_PAST_MS && left < 366 * DAY_MS ? left : null;
}

const EPOCH = /\d{10}(?:\d{3}|\.\d{1,9})?(?![\p{L}\p{N}_:/-]|[.,]\d)/uy;
const BEFORE_EPOCH =
  /(?:\b(?:at|until|till|after|from|resets?|timestamp|epoch|unix time)|[:=(])\s{0,3}["']?$/i;

/** "Try again at 1796137200", that starts at `from`; other numbers of that length are ids. `ms` is the time until then. */
export function epochAt(text: string, from: number, nowMs: number): Span | null {
  EPOCH.lastIndex = from;
  const found = EPOCH.exec(text)?.[0];
  if (found === undefined || !BEFORE_EPOCH.test(text.slice(Math.max(0, from - 24), from))) return null;
  const ms = untilEpoch(Number(found), nowMs);
  return ms === null ? null : { ms, end: from + found.length };
}
