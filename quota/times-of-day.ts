/**
 * Times of day as vendors write them, for the end of a wait: `08:15 UTC`, `8:15 pm (CET)`, `08:15:00 +02:00`,
 * `08:15 Europe/Berlin`, `ab 08:15 Uhr`. Pure.
 *
 * "Uhr" without a zone is read by the clocks where German is spoken and by those of UTC, which servers show, and the later
 * instant counts: a pause must not end too early. Any other time of day without a zone is none.
 */
import { calendarDay, isTimeZone, startOfDay, timeOfDay } from './calendar';
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
/** Where "Uhr" is said, all clocks show the same; the server that says it may show UTC. */
const UHR_ZONES: readonly Zone[] = ['Europe/Berlin', 0];

const TIME =
  /(\d{1,2})(?::([0-5]\d)(?::([0-5]\d)(?:[.,]\d{1,9})?)?|[.h]([0-5]\d))?(?![\d:])(?: ?([ap])\.?m\b\.?)?( Uhr\b(?: (?:(abends|nachmittags)|morgens|früh|vormittags|mittags|nachts)\b)?)?/iuy;
const ZONE =
  /\s?\(?(?:(?:UTC|GMT)([+-]\d{1,2})(?::?([0-5]\d))?(?![\d:])|([+-]\d{1,2})(?::?([0-5]\d))?(?![\d:]| ?[A-Z]{3})|([A-Z]{1,4}|utc|gmt)(?![\p{L}\p{N}])|([A-Z][a-z]+(?:\/[A-Z]\w+){1,2}))\)?/uy;

/** A refusal may take so long to arrive that its end is over: the call is made again a moment later, not a day. */
const JUST_OVER_MS = MINUTE_MS;

/** Which day's: a number of days from today, or the next of a weekday (0 is Sunday); null: of the next day that fits. */
export type DayMeant = number | { readonly weekday: number } | null;

/** An offset in ms, or the name of a zone. */
export type Zone = number | string;

export interface ShownTime {
  /** After midnight. */
  readonly minutes: number;
  /** After that minute. */
  readonly ms: number;
  /** By the clocks of each of them it may be meant; null when nothing says whose. */
  readonly zones: readonly Zone[] | null;
  readonly end: number;
}

/** What clocks show, which starts at `from`; null for anything else. */
export function shownAt(text: string, from: number): ShownTime | null {
  TIME.lastIndex = from;
  const match = TIME.exec(text);
  if (!match) return null;
  const [, hours = '', colonMinutes, seconds = '0', plainMinutes, half, uhr, late] = match;
  const minutes = colonMinutes ?? plainMinutes;
  // A bare number is none.
  if (minutes === undefined && half === undefined && uhr === undefined) return null;
  const hour = hourOf(Number(hours), half?.toLowerCase());
  if (hour === null) return null;
  const end = TIME.lastIndex;
  const zone = zoneAt(text, end);
  return {
    minutes: (late !== undefined && hour < 12 ? hour + 12 : hour) * 60 + Number(minutes ?? '0'),
    ms: Number(seconds) * SECOND_MS,
    zones: zone === null ? (uhr === undefined ? null : UHR_ZONES) : [zone.zone],
    end: zone?.end ?? end,
  };
}

/**
 * The next instant at which clocks of its zone show a time of day, which starts at `from`; null without a zone. One that has
 * just passed is over in what is left of a minute after it.
 */
export function timeOfDayAt(text: string, from: number, nowMs: number, day: DayMeant): Span | null {
  if (!Number.isFinite(nowMs) || Math.abs(nowMs) > 8e15) return null;
  const shown = shownAt(text, from);
  if (shown === null || shown.zones === null) return null;
  return { ms: Math.max(...shown.zones.map((zone) => untilShown(shown, zone, nowMs, day))), end: shown.end };
}

/** When clocks of a zone show a time on a day. @param utcDay when that day starts in UTC. */
export function instantOf(utcDay: number, minutes: number, zone: Zone): number {
  if (typeof zone === 'number') return utcDay + minutes * MINUTE_MS - zone;
  const start = startOfDay(utcDay + 12 * HOUR_MS, zone);
  // East of the date line's other side, it is the next day there by noon.
  const isNext = calendarDay(start, zone) > utcDay;
  return timeOfDay(isNext ? startOfDay(start - HOUR_MS, zone) : start, minutes, zone);
}

function hourOf(hour: number, half: string | undefined): number | null {
  if (half === undefined) return hour > 24 ? null : hour % 24;
  if (hour < 1 || hour > 12) return null;
  return (hour % 12) + (half === 'p' ? 12 : 0);
}

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

function untilShown({ minutes, ms }: ShownTime, zone: Zone, nowMs: number, day: DayMeant): number {
  const isOffset = typeof zone === 'number';
  const today = isOffset ? Math.floor((nowMs + zone) / DAY_MS) * DAY_MS : calendarDay(nowMs, zone);
  const left = (days: number) => instantOf(today + days * DAY_MS, minutes, zone) + ms - nowMs;
  if (typeof day === 'number') return left(day);
  const ahead = day === null ? 0 : (day.weekday - new Date(today).getUTCDay() + 7) % 7;
  const days = day === null ? [-1, 0, 1] : [ahead, ahead + 7];
  const next = Math.min(...days.map(left).filter((one) => one > -JUST_OVER_MS));
  return next > 0 ? next : next + JUST_OVER_MS;
}
