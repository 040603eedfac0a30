/**
 * Times of day as vendors write them, for the end of a wait: `08:15 UTC`, `8:15 pm (CET)`, `08:15:00 +02:00`,
 * `08:15 Europe/Berlin`, `ab 08:15 Uhr`. Pure.
 */
import { isTimeZone, startOfDay, timeOfDay } from './calendar';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, type Span } from './durations';

/** Hours east of UTC. Letters that name several zones, such as CST and IST, are left out: they would be a guess. */
const ABBREVIATIONS: Readonly<Record<string, number>> = {
  ...{
    UTC: 0,
    GMT: 0,
    Z: 0,
    WET: 0,
    WEST: 1,
    BST: 1,
    CET: 1,
    MEZ: 1,
    CEST: 2,
    MESZ: 2,
    EET: 2,
    EEST: 3,
    MSK: 3,
  },
  ...{ JST: 9, KST: 9, EST: -5, EDT: -4, CDT: -5, MST: -7, MDT: -6, PST: -8, PDT: -7 },
};
/** Where "Uhr" is said, all clocks show the same. */
const UHR_ZONE = 'Europe/Berlin';

const TIME =
  /(\d{1,2})(?::([0-5]\d)(?::([0-5]\d)(?:[.,]\d{1,9})?)?|[.h]([0-5]\d))?(?![\d:])(?: ?([ap])\.?m\b\.?)?( Uhr\b)?/iuy;
const ZONE =
  /\s?\(?(?:(?:UTC|GMT)([+-]\d{1,2})(?::?([0-5]\d))?(?![\d:])|([+-]\d{1,2})(?::?([0-5]\d))?(?![\d:]| ?[A-Z]{3})|([A-Z]{1,4}|utc|gmt)(?![\p{L}\p{N}])|([A-Z][a-z]+(?:\/[A-Z]\w+){1,2}))\)?/uy;

/** A refusal may take so long to arrive that its end is over: the call is made again a moment later, not a day. */
const JUST_OVER_MS = MINUTE_MS;

/**
 * The next instant at which clocks of its zone show a time of day, which starts at `from`; null without a zone. One that has
 * just passed is over in what is left of a minute after it.
 * @param isTomorrow it is the next day's, by the clocks of its zone.
 */
export function timeOfDayAt(text: string, from: number, nowMs: number, isTomorrow: boolean): Span | null {
  if (!Number.isFinite(nowMs) || Math.abs(nowMs) > 8e15) return null;
  TIME.lastIndex = from;
  const match = TIME.exec(text);
  if (!match) return null;
  const [, hours = '', colonMinutes, seconds = '0', plainMinutes, half, uhr] = match;
  const minutes = colonMinutes ?? plainMinutes;
  // A bare number is none.
  if (minutes === undefined && half === undefined && uhr === undefined) return null;
  const hour = hourOf(Number(hours), half?.toLowerCase());
  if (hour === null) return null;
  const shown = { minutes: hour * 60 + Number(minutes ?? '0'), ms: Number(seconds) * SECOND_MS };
  const zone = zoneAt(text, TIME.lastIndex);
  if (zone !== null) return { ms: untilShown(shown, zone.zone, nowMs, isTomorrow), end: zone.end };
  return uhr === undefined
    ? null
    : { ms: untilShown(shown, UHR_ZONE, nowMs, isTomorrow), end: TIME.lastIndex };
}

function hourOf(hour: number, half: string | undefined): number | null {
  if (half === undefined) return hour > 24 ? null : hour % 24;
  if (hour < 1 || hour > 12) return null;
  return (hour % 12) + (half === 'p' ? 12 : 0);
}

/** An offset in ms, or the name of a zone. */
type Zone = number | string;

function zoneAt(text: string, from: number): { readonly zone: Zone; readonly end: number } | null {
  ZONE.lastIndex = from;
  const match = ZONE.exec(text);
  if (!match) return null;
  const [, named, namedMinutes, bare, bareMinutes, letters, name] = match;
  const offset = named ?? bare;
  const offsetMinutes = namedMinutes ?? bareMinutes ?? '0';
  const end = ZONE.lastIndex;
  if (offset !== undefined) {
    const sign = offset.startsWith('-') ? -1 : 1;
    const ms = Number(offset) * HOUR_MS + sign * Number(offsetMinutes) * MINUTE_MS;
    return Math.abs(ms) <= 14 * HOUR_MS ? { zone: ms, end } : null;
  }
  if (letters !== undefined) {
    const hours = ABBREVIATIONS[letters.toUpperCase()];
    return hours === undefined ? null : { zone: hours * HOUR_MS, end };
  }
  return name !== undefined && isTimeZone(name) ? { zone: name, end } : null;
}

function untilShown(
  { minutes, ms }: { readonly minutes: number; readonly ms: number },
  zone: Zone,
  nowMs: number,
  isTomorrow: boolean,
): number {
  const today = typeof zone === 'number' ? startOfShifted(nowMs, zone) : startOfDay(nowMs, zone);
  // From noon of a day its neighbours are a day away, however long the clocks make either.
  const day = (days: number) =>
    typeof zone === 'number' || days === 0
      ? today + days * DAY_MS
      : startOfDay(today + 12 * HOUR_MS + days * DAY_MS, zone);
  const at = (days: number) =>
    (typeof zone === 'number' ? day(days) + minutes * MINUTE_MS : timeOfDay(day(days), minutes, zone)) + ms;
  if (isTomorrow) return at(1) - nowMs;
  const lefts = [-1, 0, 1].map((days) => at(days) - nowMs).filter((left) => left > -JUST_OVER_MS);
  const left = Math.min(...lefts);
  return left > 0 ? left : left + JUST_OVER_MS;
}

function startOfShifted(nowMs: number, offsetMs: number): number {
  return Math.floor((nowMs + offsetMs) / DAY_MS) * DAY_MS - offsetMs;
}
