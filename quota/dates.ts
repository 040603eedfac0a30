/**
 * Days as vendors name them for the end of a wait, with the time of day that stands beside them: `1 December 2026 08:00
 * UTC`, `01.12.2026, 8 Uhr`, `08:00 GMT on Dec 1`, `jusqu'au 1er décembre à 8h30`, `2026年12月1日`. Pure.
 */
import { DAY_MS, HOUR_MS, type Span } from './durations';
import { instantOf, shownAt, type Zone } from './times-of-day';

export interface DateSpan extends Span {
  /** Whose clocks are meant is said. Without that it is read by those that get there last. */
  readonly hasZone: boolean;
  /** No time of day: `ms` is until the day begins. */
  readonly isDay: boolean;
}

/** The last clocks on Earth to show a time: what is read by them is never too early, ms. */
const LAST_ZONE: Zone = -12 * HOUR_MS;

/** In the languages of the vendors' markets, whole and short. */
const MONTHS: readonly string[] = [
  'jan(?:uary|uari?|vier|eiro)?|janv|jänner|ene(?:ro)?|gen(?:naio)?',
  'feb(?:ruary|ruari?|rero|braio)?|févr?(?:ier)?|fevereiro',
  'mar(?:ch|s|zo|ço)?|märz|maart|mrt',
  'apr(?:ile?)?|avr(?:il)?|abr(?:il)?',
  'may|mai|mei|mayo|mag(?:gio)?|maio',
  'june?|juni|juin|junio|giu(?:gno)?|junho',
  'july?|juli|juil(?:let)?|julio|lug(?:lio)?|julho',
  'aug(?:ust|ustus)?|août|ago(?:sto)?',
  'sept?(?:ember|embre|iembre|tiembre)?|set(?:tembre|embro)?',
  'oct(?:ober|obre|ubre)?|okt(?:ober)?|ott(?:obre)?|out(?:ubro)?',
  'nov(?:ember|embre|iembre|embro)?',
  'dec(?:ember)?|dez(?:ember|embro)?|déc(?:embre)?|dic(?:iembre|embre)?',
];
const MONTH = `(?:${MONTHS.join('|')})`;
const MONTH_BEFORE = new RegExp(`(?<!\\p{L})(${MONTH})\\.? $`, 'iu');

/** Each names its groups: y, m or name, d; `a` and `b` are day and month in either order. */
const FORMS: readonly RegExp[] = [
  /(?<y>\d{4})([-/.])(?<m>\d{1,2})\2(?<d>\d{1,2})(?![\d:])/uy,
  /(?<y>\d{4})[年년] ?(?<m>\d{1,2})[月월] ?(?<d>\d{1,2})[日일]/uy,
  /(?<d>\d{1,2})\. ?(?<m>\d{1,2})\. ?(?:(?<y>\d{4})(?![\d:]))?(?!\d{1,2}[.\d]|\d+$)/uy,
  /(?<a>\d{1,2})\/(?<b>\d{1,2})\/(?<y>\d{4})(?![\d:])/uy,
  new RegExp(
    `(?<d>\\d{1,2})(?:\\.|st|nd|rd|th|er|[º°])?(?: (?:of|de|di))?[ -](?<name>${MONTH})(?!\\p{L})\\.?(?:,?(?: del?)?[ -](?<y>\\d{4})(?![\\d:]))?`,
    'iuy',
  ),
];
/** After the name of a month: "1, 2026", "1st". */
const DAY_OF_NAMED = /(?<d>\d{1,2})(?:st|nd|rd|th)?(?![\d:.]\d|\p{L}|\/)(?:,? (?<y>\d{4})(?![\d:]))?/uy;
const BEFORE_TIME = /[T\s]?(?:, ?)?(?:(?:at|um|ab|gegen|à|a las|alle(?: ore)?|ore|om|às|kl\.?|o|в) )?/iuy;
const BEFORE_DATE = /,? (?:(?:on|am|den|le|el|il|op|em|den) )?(?:(?:the|dem) )?/iuy;

interface Day {
  /** Start by clocks of UTC, epoch ms. */
  readonly utc: number;
  readonly end: number;
}

/** A day that starts at `from`, or a time of day that a day follows; null when there is none. */
export function dateAt(text: string, from: number, nowMs: number): DateSpan | null {
  if (!Number.isFinite(nowMs) || Math.abs(nowMs) > 8e15) return null;
  const day = dayAt(text, from, nowMs);
  if (day !== null) {
    const shown = shownAt(text, past(BEFORE_TIME, text, day.end));
    return shown === null
      ? until({ ...day, minutes: 0, ms: 0, zones: null, isDay: true }, nowMs)
      : until({ ...shown, utc: day.utc, isDay: false }, nowMs);
  }
  const shown = shownAt(text, from);
  const later = shown && dayAfter(text, shown.end, nowMs);
  return shown && later ? until({ ...shown, ...later, isDay: false }, nowMs) : null;
}

function dayAfter(text: string, from: number, nowMs: number): Day | null {
  const at = past(BEFORE_DATE, text, from);
  if (at === from) return null;
  const named = new RegExp(`${MONTH}\\.? `, 'iuy');
  return dayAt(text, past(named, text, at), nowMs);
}

function until(
  said: Day & {
    readonly minutes: number;
    readonly ms: number;
    readonly zones: readonly Zone[] | null;
    readonly isDay: boolean;
  },
  nowMs: number,
): DateSpan {
  const { utc, end, minutes, ms, zones, isDay } = said;
  const instants = (zones ?? [LAST_ZONE]).map((zone) => instantOf(utc, minutes, zone) + ms);
  return { ms: Math.max(...instants) - nowMs, end, hasZone: zones !== null, isDay };
}

function dayAt(text: string, from: number, nowMs: number): Day | null {
  const month = MONTH_BEFORE.exec(text.slice(Math.max(0, from - 16), from))?.[1];
  const forms = month === undefined ? FORMS : [DAY_OF_NAMED];
  for (const form of forms) {
    form.lastIndex = from;
    const groups = form.exec(text)?.groups;
    if (groups === undefined) continue;
    const end = form.lastIndex;
    const year = groups.y === undefined ? null : Number(groups.y);
    const named = month ?? groups.name;
    const { a, b } = groups;
    const days =
      a === undefined
        ? [dayOf(year, named === undefined ? Number(groups.m) : monthOf(named), Number(groups.d), nowMs)]
        : [dayOf(year, Number(a), Number(b), nowMs), dayOf(year, Number(b), Number(a), nowMs)];
    const utc = nearest(days, nowMs);
    if (utc !== null) return { utc, end };
  }
  return null;
}

/** Of two readings the one that comes next: limits end within a month. */
function nearest(days: readonly (number | null)[], nowMs: number): number | null {
  const known = days.filter((day) => day !== null);
  const ahead = known.filter((day) => day > nowMs - DAY_MS);
  if (ahead.length > 0) return Math.min(...ahead);
  return known.length > 0 ? Math.max(...known) : null;
}

/** @param year null: the next such day. */
function dayOf(year: number | null, month: number, day: number, nowMs: number): number | null {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const years = year === null ? [thisYear, thisYear + 1] : [year];
  const days = years.map((one) => {
    const date = new Date(Date.UTC(one, month - 1, day));
    return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.getTime() : null;
  });
  return year === null
    ? (days.find((one) => one !== null && one > nowMs - 2 * DAY_MS) ?? null)
    : (days[0] ?? null);
}

function monthOf(name: string): number {
  return 1 + MONTHS.findIndex((month) => new RegExp(`^(?:${month})$`, 'iu').test(name));
}

function past(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text) === null ? from : pattern.lastIndex;
}
