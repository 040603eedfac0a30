/** Where calendar minutes, hours, days and months of a time zone end. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from './durations';

export type CalendarUnit = 'minute' | 'hour' | 'day' | 'month';

/** No unit lasts longer than this; a day with 25 hours and a month with a clock change included. */
const LONGEST_MS: Record<CalendarUnit, number> = {
  minute: MINUTE_MS,
  hour: HOUR_MS,
  day: 26 * HOUR_MS,
  month: (31 * 24 + 2) * HOUR_MS,
};

/** True for an IANA zone that this machine knows. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Names the unit that holds `at`: two instants share the name exactly when they share the unit. */
function unitName(at: number, per: CalendarUnit, zone: string): string {
  const key = `${per} ${zone}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      year: 'numeric',
      month: '2-digit',
      ...(per === 'month' ? {} : { day: '2-digit' }),
      // The offset distinguishes the two hours that have the same name at the end of summer time.
      ...(per === 'hour' || per === 'minute' ? { hour: '2-digit', timeZoneName: 'longOffset' } : {}),
      ...(per === 'minute' ? { minute: '2-digit' } : {}),
    });
    formats.set(key, format);
  }
  return format.format(at);
}

function nextUtcBoundary(at: number, per: CalendarUnit): number {
  if (per === 'month') {
    const date = new Date(at);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
  }
  const unit = { minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS }[per];
  return (Math.floor(at / unit) + 1) * unit;
}

/** The first whole millisecond after `at` that lies in another unit. Throws RangeError for an unknown zone. */
export function nextBoundary(at: number, per: CalendarUnit, zone: string): number {
  // Without a time zone database, which takes longer to load than a short command.
  if (zone === 'UTC') return nextUtcBoundary(at, per);
  const name = unitName(at, per, zone);
  let inside = Math.floor(at);
  let outside = inside + LONGEST_MS[per] + 1;
  while (outside - inside > 1) {
    const middle = Math.floor((inside + outside) / 2);
    if (unitName(middle, per, zone) === name) inside = middle;
    else outside = middle;
  }
  return outside;
}

/** Start of the day that holds `at`. Throws RangeError for an unknown zone. */
export function startOfDay(at: number, zone: string): number {
  // A day and a half before its end lies in the day before, however long the clocks make either.
  return nextBoundary(nextBoundary(at, 'day', zone) - 36 * HOUR_MS, 'day', zone);
}

/** The day that calendars of a zone show at an instant, as its start in UTC. */
export function calendarDay(at: number, zone: string): number {
  const [day = 0, month = 0, year = 0] = unitName(at, 'day', zone).split('/').map(Number);
  return Date.UTC(year, month - 1, day);
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** Minutes after midnight that clocks of the zone show. */
function shownMinutes(at: number, zone: string): number {
  let format = clocks.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    clocks.set(zone, format);
  }
  const [hours = 0, minutes = 0] = format.format(at).split(':').map(Number);
  return hours * 60 + minutes;
}

/**
 * When clocks show a time of day, on days of 23 and 25 hours, too. A time that is left out as clocks go forward is the one
 * that they show in its place; of one that they show twice, the later.
 * @param day its start. @param minutes after midnight.
 */
export function timeOfDay(day: number, minutes: number, zone: string): number {
  const plain = day + minutes * MINUTE_MS;
  if (zone === 'UTC') return plain;
  const moved = plain + (minutes - shownMinutes(plain, zone)) * MINUTE_MS;
  if (shownMinutes(moved, zone) !== minutes) return plain;
  const again = moved + HOUR_MS;
  return shownMinutes(again, zone) === minutes ? again : moved;
}
