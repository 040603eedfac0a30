/**
 * Waits that a vendor states, in headers or in prose. One parser serves all vendors: their gateways share texts
 * ("Quota will be replenished in 00:13:18."). Pure: the clock is a parameter. Never throws; a wait is never
 * negative, NaN or 0. No wait found is null, which is not the same as a short one.
 */
import { dateAt } from './dates';
import {
  clockDurationAt,
  DAY_MS,
  isoDurationAt,
  MINUTE_MS,
  NUMBER_WORD,
  parseGoDuration,
  SECOND_MS,
  type Span,
  unitDurationAt,
  unitMs,
} from './durations';
import { dayMeant, endsOrBegins, isAtHour, isEnd, isUpTo } from './end-words';
import { epochAt, epochMs, parseHttpDate, parseIsoInstant, untilEpoch } from './instants';
import { timeOfDayAt } from './times-of-day';

export { parseGoDuration } from './durations';

export interface StatedWait {
  /** Whole milliseconds, rounded up, at least 1. */
  readonly ms: number;
  readonly source: 'retry-after' | 'retry-after-ms' | 'http-date' | 'text' | 'reset';
  /** Longer than the limit given: to be shown to a person, not slept through. */
  readonly absurd: boolean;
}

/**
 * Beyond this a wait is flagged. Quotas of the vendors known reset within a day, gateways' call volumes within a
 * week; what is longer is a unit mixed up (an epoch sent as seconds is 54 years) or a hostile answer.
 */
export const ABSURD_WAIT_MS = 7 * DAY_MS;

/** Error texts are short; a wait further back than this is not searched for, however long the text is. */
const MAX_TEXT = 16_384;

/**
 * `retry-after-ms` (OpenAI, Azure) before `Retry-After` as seconds, whole or decimal, or as an HTTP date. Repeated
 * headers that were joined with commas give the longest. Not standard but met and understood: quotes, a duration in any
 * form, an ISO instant, seconds or milliseconds since 1970. A date in the past is the shortest wait, 1 ms; one that says
 * no more than that gives way to the other header.
 * @param headers any case; unknown values are ignored.
 */
export function parseRetryAfter(
  headers: Readonly<Record<string, string | undefined>>,
  nowMs: number,
  absurdMs: number = ABSURD_WAIT_MS,
): StatedWait | null {
  const millis = headerValue(header(headers, 'retry-after-ms'), 1, nowMs);
  const seconds = headerValue(header(headers, 'retry-after'), SECOND_MS, nowMs);
  if (millis !== null && (millis.ms > 0 || seconds === null)) {
    return stated(millis.ms, 'retry-after-ms', absurdMs);
  }
  if (seconds === null) return null;
  return stated(seconds.ms, seconds.isInstant ? 'http-date' : 'retry-after', absurdMs);
}

/**
 * When a limit is free again, as a header of a gateway states it: a duration, an instant (ISO, HTTP, seconds or
 * milliseconds since 1970), or a number of seconds. Null for what is no time, or none to wait for.
 */
export function parseReset(
  value: string,
  nowMs: number,
  absurdMs: number = ABSURD_WAIT_MS,
): StatedWait | null {
  const text = value.trim();
  // Nobody's limit takes decades: here an instant may lie as far back as it likes.
  const epoch = /^\d{1,16}(?:\.\d+)?$/.test(text) ? epochMs(Number(text)) : Number.NaN;
  const ms = Number.isNaN(epoch) ? (headerValue(text, SECOND_MS, nowMs)?.ms ?? 0) : epoch - nowMs;
  return ms > 0 ? stated(ms, 'reset', absurdMs) : null;
}

/** A wait as a field of a body names it, e.g. `retry_after: 7`. @param unitMs of a bare number. */
export function parseWaitValue(
  value: string,
  unitMs: number,
  nowMs: number,
  absurdMs: number = ABSURD_WAIT_MS,
): StatedWait | null {
  const ms = headerValue(value.trim(), unitMs, nowMs)?.ms;
  return ms === undefined ? null : stated(ms, 'text', absurdMs);
}

interface HeaderValue {
  readonly ms: number;
  readonly isInstant: boolean;
}

/** The longest of what a header says; null unless all of it is understood. */
function headerValue(value: string | undefined, unitMs: number, nowMs: number): HeaderValue | null {
  if (value === undefined || value.length > 1024) return null;
  const whole = oneValue(value, unitMs, nowMs);
  if (whole !== null || !value.includes(',')) return whole;
  const parts = value.split(',').map((part) => oneValue(part.trim(), unitMs, nowMs));
  const known = parts.filter((part) => part !== null);
  if (known.length < parts.length) return null;
  return known.reduce((longest, part) => (part.ms > longest.ms ? part : longest));
}

function oneValue(value: string, unitMs: number, nowMs: number): HeaderValue | null {
  const text = value.replace(/^"(.*)"$/, '$1');
  if (/^\d+(?:\.\d+)?$/.test(text)) return numberOrEpoch(Number(text), unitMs, nowMs);
  const instant = Number.isFinite(nowMs) ? (parseHttpDate(text, nowMs) ?? parseIsoInstant(text)) : null;
  if (instant !== null) return { ms: instant - nowMs, isInstant: true };
  const ofDay = timeOfDayAt(text, 0, nowMs, null);
  if (ofDay?.end === text.length) return { ms: ofDay.ms, isInstant: true };
  const clock = clockDurationAt(text, 0);
  const ms = parseGoDuration(text) ?? (clock?.end === text.length ? clock.ms : wholeText(text));
  return ms === null ? null : { ms, isInstant: false };
}

function numberOrEpoch(number: number, unitMs: number, nowMs: number): HeaderValue {
  const left = untilEpoch(number, nowMs);
  return left === null ? { ms: number * unitMs, isInstant: false } : { ms: left, isInstant: true };
}

function header(headers: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const key = Object.keys(headers).find((k) => k.toLowerCase() === name);
  const value = key === undefined ? undefined : headers[key];
  return typeof value === 'string' ? value.trim() : undefined;
}

/**
 * The wait that a text states: "Try again in 57 seconds", "replenished in 00:13:18", "retry after 2 h 26 min",
 * "wait PT5M", "blocked until 2026-11-24T00:00:00Z", "try again at 1796137200", `"retryDelay": "34.07s"`, `retryAfterSeconds=30`.
 *
 * A number alone is never a wait, but for seconds since 1970 that lie near: it needs a unit, or the form HH:MM:SS, and a cue (retry, again, wait,
 * replenished, reset, in, after…) in the same sentence with no other number between. So limits ("5 requests per 60
 * seconds"), past events ("timed out after 30 seconds"), dates, prices, ids, versions and status codes are not
 * waits. A text that consists of nothing but a number and its unit is one. If several are stated, the longest with a
 * strong cue counts: a stated wait is not cut short.
 * @param nowMs needed for instants; without it they are ignored.
 */
export function parseWaitText(
  text: string,
  nowMs?: number,
  absurdMs: number = ABSURD_WAIT_MS,
): StatedWait | null {
  const head = legible(text);
  const found = wholeText(head.trim()) ?? keyedNumber(head) ?? inProse(head, nowMs);
  return found === null ? null : stated(found, 'text', absurdMs);
}

/**
 * The only duration of a text that is known to be about a wait, whatever its language: "erschöpft, wird in 00:13:18
 * aufgefüllt", "réessayez dans 13 minutes". Null where there are several, and for what `parseWaitText` takes for something
 * else than a wait.
 */
export function parseLoneWait(
  text: string,
  nowMs?: number,
  absurdMs: number = ABSURD_WAIT_MS,
): StatedWait | null {
  const head = legible(text);
  const found: number[] = [];
  START.lastIndex = 0;
  for (let start = START.exec(head); start !== null; start = START.exec(head)) {
    const at = start.index;
    const candidate = candidateAt(head, at, nowMs);
    if (!candidate) continue;
    START.lastIndex = Math.max(candidate.end, at + 1);
    const isLength =
      candidate.form === 'clock' ||
      candidate.form === 'units' ||
      (candidate.form === 'article' && IN_THAT_TIME.test(clauseBefore(head, at)));
    const counts = isLength ? !isOtherTime(head, at, candidate) : isLoneEnd(head, at, candidate);
    if (counts) found.push(candidate.ms + wholeDay(head, at, candidate));
  }
  const [ms] = found;
  return ms !== undefined && ms > 0 && found.length === 1 ? stated(ms, 'text', absurdMs) : null;
}

/** Full-width digits, and the one time of day that has a name; in German it says whose, as "Uhr" does. */
function legible(text: string): string {
  return text
    .slice(0, MAX_TEXT)
    .replace(/[０-９：]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
    .replace(/\bmitternacht\b/gi, '00:00 Uhr')
    .replace(/\b(?:midnight|minuit|medianoche|mezzanotte|middernacht|midnatt?)\b/gi, '00:00');
}

/** A refusal may carry when it was made, by a clock that is a little ahead. */
const CLOCK_SKEW_MS = MINUTE_MS;

/** An instant or a time of day at which something ends or begins, in a text that speaks of a quota. */
function isLoneEnd(text: string, at: number, { form, ms, end }: Candidate): boolean {
  const before = clauseBefore(text, at);
  const after = text.slice(end, end + 8);
  if (NOT_AN_END.test(before) && !endsOrBegins(before, after)) return false;
  if (form === 'instant') return ms > CLOCK_SKEW_MS;
  if (form !== 'day-time' && form !== 'local-date') return false;
  return (
    ms > 0 && isEnd({ clause: before + restOfClause(text, end), before, after, day: dayMeant(text, at) })
  );
}

/** Of a day that is named as the end, and does not say at which time of it. */
function wholeDay(text: string, at: number, { isDay, end }: Candidate): number {
  return isDay === true && isUpTo(clauseBefore(text, at), text.slice(end, end + 8)) ? DAY_MS : 0;
}

/** Before "an hour" in the languages that have units; without it, it is a rate: "zweimal die Stunde". */
const IN_THAT_TIME =
  /(?<!\p{L})(?:in|after|dans|nach|dentro de|en|em|tra|fra|över|over|om|binnen|efter|après|después de|dopo|depois de)\s*$/iu;

/** "8h", "8 Stunden", "8h30": behind some words a time of day. */
function isHours(words: string): boolean {
  return /^\d{1,2} ?(?:h|heures?|uur|horas|ore|часов)/iu.test(words);
}

/** A window's length ("24-hour quota", "quota (24 hours)"), a past event, a time of day, a date's time. */
function isOtherTime(text: string, at: number, { form, end }: Candidate): boolean {
  const tail = clauseBefore(text, at);
  const after = text.slice(end, end + 16);
  if (PERIOD.test(tail) || PAST.test(after) || OTHER_TIME.test(tail) || COUNTED.test(tail)) return true;
  if (OTHER_PERIOD.test(tail)) return true;
  if (/\d-\p{L}/u.test(text.slice(at, end)) || after.startsWith('-') || /\($/.test(tail)) return true;
  if (JOINED_PERIOD_BEFORE.test(tail) || JOINED_PERIOD_AFTER.test(after) || JOINED_TIME.test(tail))
    return true;
  if (isHours(text.slice(at, end)) && isAtHour(tail)) return true;
  // "après 14h30" may be a length, and is more often a time of day of an unknown zone.
  if (/^\d{1,2}h\d{2}$/i.test(text.slice(at, end)) && endsOrBegins(tail, '')) return true;
  if (form !== 'clock') return false;
  const isOfDay = TIME_OF_DAY_BEFORE.test(tail) || TIME_OF_DAY_AFTER.test(after);
  return isOfDay || /\d[-./]\d{1,4},?[ T]*$/.test(text.slice(Math.max(0, at - 12), at));
}

function wholeText(text: string): number | null {
  if (text.length === 0 || text.length > 100) return null;
  const span = (/^\d/.test(text) ? unitDurationAt(text, 0) : null) ?? isoDurationAt(text, 0);
  return span?.end === text.length ? span.ms : null;
}

const KEYED =
  /(?:retry|wait|reset|delay|back_?off|cool_?down)\w{0,24}?(?:[_-](ms|millis|s|secs?|seconds|mins?|minutes|hours)|(Ms|Millis|Milliseconds|Secs?|Seconds|Mins?|Minutes|Hours))["']?\s{0,3}[:=]\s{0,3}["']?(\d+(?:\.\d+)?)(?![\w.:-])/;

/** A field that carries its unit in its name: `retry_after_ms=500`, `"retryAfterSeconds": 30`. */
function keyedNumber(text: string): number | null {
  const match = KEYED.exec(text);
  const unit = match ? unitMs(match[1] ?? match[2] ?? '') : null;
  return match && unit !== null ? Number(match[3]) * unit : null;
}

// Not within a word, number, price, path or id. A sign before the number makes it no wait either.
// Chinese, Japanese and Korean put no space before one.
const START_OF_WORD =
  /(?<![\p{N}_.$€£¥#@/\\-]|[^\P{L}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]|\d[:,]|[$€£¥-] )/u;
const START = new RegExp(`${START_OF_WORD.source}(?:\\d|P(?=[\\dT])|${NUMBER_WORD})`, 'giu');

function inProse(text: string, nowMs: number | undefined): number | null {
  const longest = { strong: 0, weak: 0 };
  START.lastIndex = 0;
  for (let start = START.exec(text); start !== null; start = START.exec(text)) {
    const at = start.index;
    const found = candidateAt(text, at, nowMs);
    if (!found) continue;
    START.lastIndex = Math.max(found.end, at + 1);
    const strength = cueStrength(text, at, found);
    if (strength !== null) longest[strength] = Math.max(longest[strength], found.ms, 1);
  }
  return longest.strong || longest.weak || null;
}

interface Candidate extends Span {
  readonly form: 'instant' | 'local-date' | 'day-time' | 'clock' | 'iso' | 'units' | 'article';
  /** A date without a time of day. */
  readonly isDay?: boolean;
}

const INSTANT =
  /\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)? ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})(?!\w)/y;

function candidateAt(text: string, at: number, nowMs: number | undefined): Candidate | null {
  const first = text.charAt(at);
  if (first === 'P') return withForm('iso', isoDurationAt(text, at));
  if (!/\d/.test(first)) return withForm('article', unitDurationAt(text, at));
  INSTANT.lastIndex = at;
  const instant = INSTANT.exec(text)?.[0];
  if (instant !== undefined) {
    const ms = parseIsoInstant(instant);
    const usable = ms !== null && nowMs !== undefined && Number.isFinite(nowMs);
    return usable ? { form: 'instant', ms: ms - nowMs, end: at + instant.length } : null;
  }
  const epoch = nowMs === undefined ? null : epochAt(text, at, nowMs);
  if (epoch) return { form: 'instant', ...epoch };
  const dated = nowMs === undefined ? null : dateAt(text, at, nowMs);
  if (dated) return { form: dated.hasZone ? 'instant' : 'local-date', ...dated };
  const ofDay = nowMs === undefined ? null : timeOfDayAt(text, at, nowMs, dayMeant(text, at));
  if (ofDay) return { form: 'day-time', ...ofDay };
  return withForm('clock', clockDurationAt(text, at)) ?? withForm('units', unitDurationAt(text, at));
}

function withForm(form: Candidate['form'], span: Span | null): Candidate | null {
  return span && { form, ...span };
}

const STRONG_CUE =
  /retry|\btry\b|\bagain\b|\bwait(?!ed|er|ress)|replenish|(?<!connection )(?<!connection was )\breset|\brenew|refill|restor|\bavailable\b|cool[-_ ]?down|cooling|back(?:ing)?[-_ ]?off|\bdelay(?!ed)|\bpaus|\bblocked\b|\block(?:ed)?\b|throttl|suspend|\bban(?:ned)?\b|\buntil\b|\bresum|slow down/gi;
const WEAK_CUE =
  /\b(?:in|after)\s+(?:about|approximately|around|roughly|another|at least|the next|up to|~|≈)?\s*$/i;
/** "100 requests in 60 seconds", "100 in 60 seconds": a limit, not a wait. */
const COUNTED =
  /(?:^\d\s*|\b(?:requests?|calls?|attempts?|retries|times|queries|hits|operations?|tokens|messages|items|records|rows)\s+)(?:in|after)\s+\D{0,20}$/i;
/** "per 60 seconds", "a window of 60 seconds": the length of a window. */
const PERIOD =
  /(?:\b(?:per|every|each|within|last|past|previous|took|(?:limit|window|interval|period) of)|\/)\s*(?:an?\s)?$/i;
/** The same in other languages: "100 pro 60 Sekunden", "limite : 60 secondes". */
const OTHER_PERIOD =
  /(?<!\p{L})(?:pro|je|par|por|cada|ogni|chaque|jede[nrs]?|за|кажд\p{L}+|limite?|l[íi]mite|fenster|fen[êe]tre|ventana|finestra|окно)(?:\s?:)?\s*$/iu;
/** Something else that takes time: a timeout, a job, a token's life. */
const OTHER_TIME =
  /time[sd]?[ -]?out|connection (?:was )?reset|elapsed|\btook\b|processed|completed|finished|failed|executed|responded|lasted|(?:token|session|code|url|link|credentials?)\b.{0,20}expir/i;
const PAST = /^\s{0,3}(?:ago|elapsed|old|time-?out)\b/i;
/** A time of day: a zone, am/pm or a year follows, or "at" and the like stand before. */
const TIME_OF_DAY_AFTER = /^\s?(?:UTC|GMT|Z\b|[ap]\.?m\b|[+-]\d{2}|\d{4}\b|[A-Z]{2,4}T\b)/i;
const TIME_OF_DAY_BEFORE = /\b(?:at|until|till|on|since|before|by)\s*["']?$/i;
const NOT_AN_END = /\b(?:for|from|between|since|before|than)\s*["']?$/i;

/** "blocked at", "last retry at": when it happened, and not when it ends. */
const AT_OF_PAST =
  /(?:\blast\b.*|(?:throttled|blocked|banned|locked|paused|suspended|limited|retried|renewed|restored)\s+(?:at|on)\s*["']?$)/i;
/** A window and not a wait: "60秒内", "1分間に100回", "每60秒", "2分前", "24時間の上限". */
const JOINED_PERIOD_BEFORE = /(?:[每毎매]|過去|过去|最近|지난)\s?$/u;
const JOINED_PERIOD_AFTER =
  /^\s?(?:以?内|之内|間?に\s?\d|間?に(?:最大|つき)|あたり|ごと|前|[间間]?[の的]?(?:上限|制限|限[额額]|配[额額]|クォータ|窗口)|당|마다|전)/u;
/** A time of day or a date in those languages: "8時15分", "11月30日". */
const JOINED_TIME = /\d\s?[時时点點시月월年년]\s?$/u;
/** A length that something comes after, or that one has to wait: "2時間26分後", "请等待30秒". */
const JOINED_WAIT_AFTER = /^\s?(?:[後后]|之[后後]|以[后後]|(?:ほど|間)?お?待|待ち|후|뒤|기다)/u;
const JOINED_WAIT_BEFORE = /(?:等待|等候|稍等|待って|대기)[^\d]{0,6}$/u;

/** How clearly the words before a candidate say that it is a wait. */
function cueStrength(text: string, at: number, found: Candidate): 'strong' | 'weak' | null {
  const tail = clauseBefore(text, at);
  const after = text.slice(found.end, found.end + 16);
  if (PERIOD.test(tail) || PAST.test(after)) return null;
  if (found.form === 'units' && !JOINED_TIME.test(tail) && !JOINED_PERIOD_BEFORE.test(tail)) {
    if (JOINED_WAIT_AFTER.test(after) || JOINED_WAIT_BEFORE.test(tail)) return 'strong';
  }
  if (found.form === 'local-date' || (isHours(text.slice(at, found.end)) && isAtHour(tail))) return null;
  const isInstant = found.form === 'instant' || found.form === 'day-time';
  if (found.form === 'clock' && (TIME_OF_DAY_BEFORE.test(tail) || TIME_OF_DAY_AFTER.test(after))) return null;
  if (isInstant && (NOT_AN_END.test(tail) || AT_OF_PAST.test(tail))) return null;
  // "retry an hour later" counts, "twice an hour" does not: the article needs its preposition.
  if (found.form === 'article' && !/\b(?:in|after|for|wait|another)\s*(?:about\s)?$/i.test(tail)) return null;
  let cueEnd = -1;
  for (const cue of tail.matchAll(STRONG_CUE)) cueEnd = cue.index + cue[0].length;
  if (cueEnd >= 0 && !OTHER_TIME.test(tail.slice(cueEnd))) return 'strong';
  if (isInstant || OTHER_TIME.test(tail) || COUNTED.test(tail)) return null;
  return WEAK_CUE.test(tail) ? 'weak' : null;
}

/** Up to 64 characters before `at`, back to the end of the last sentence or to the last digit, which is included. */
function clauseBefore(text: string, at: number): string {
  let from = at;
  while (from > 0 && at - from < 64) {
    from--;
    if (/[\d.!?;\n]/.test(text.charAt(from))) break;
  }
  return text.slice(from, at);
}

function restOfClause(text: string, from: number): string {
  return /^[^,.;!?\n]{0,64}/.exec(text.slice(from))?.[0] ?? '';
}

function stated(ms: number, source: StatedWait['source'], absurdMs: number): StatedWait {
  // A hair below the next millisecond is rounding in the product of a decimal and a unit, not a longer wait.
  const whole = Math.ceil(ms - 1e-6);
  return { ms: Math.min(Number.MAX_SAFE_INTEGER, Math.max(1, whole)), source, absurd: ms > absurdMs };
}
