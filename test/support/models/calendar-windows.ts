/** Calendar windows by what a clock on the wall shows: two instants share a window when it shows them the same. */
import type { CalendarWindow } from '../../../quota/limits/limit';

const formats = new Map<string, Intl.DateTimeFormat>();
const ends = new Map<string, number>();

/** The local date, cut to the window's unit; hours and minutes carry the offset, for one local hour can come twice. */
export function windowName(at: number, per: CalendarWindow['per'], zone: string): string {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-CA', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      timeZoneName: 'longOffset',
    });
    formats.set(zone, format);
  }
  const part = Object.fromEntries(format.formatToParts(at).map((p) => [p.type, p.value]));
  const day = `${part.year}-${part.month}-${part.day}`;
  switch (per) {
    case 'month':
      return day.slice(0, 7);
    case 'day':
      return day;
    case 'hour':
      return `${day} ${part.hour} ${part.timeZoneName}`;
    case 'minute':
      return `${day} ${part.hour}:${part.minute} ${part.timeZoneName}`;
  }
}

/** The end of the window that holds `at`, by trying every minute or quarter of an hour: no zone turns in between. */
export function windowEnd(at: number, per: CalendarWindow['per'], zone: string): number {
  const name = windowName(at, per, zone);
  const key = `${zone} ${per} ${name}`;
  let end = ends.get(key);
  if (end === undefined) {
    const step = per === 'minute' ? 60_000 : 900_000;
    end = Math.floor(at / step) * step;
    do end += step;
    while (windowName(end, per, zone) === name);
    ends.set(key, end);
  }
  return end;
}
