/**
 * The units of time in milliseconds, and durations as vendors write them: Go (`6m0s`), ISO 8601 (`PT5M`) and prose
 * (`1 hour 5 minutes`). Pure.
 */
export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

const NS_PER_UNIT: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n, // U+00B5
  μs: 1_000n, // U+03BC
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** Go's `time.Duration` is an int64 of nanoseconds; what does not fit is no duration. */
const GO_MAX_NS = 2n ** 63n - 1n;
/** The longest legal value with all nine decimals of each unit is far shorter. */
const GO_MAX_LENGTH = 200;

/**
 * A Go duration as `time.ParseDuration` reads it, in milliseconds: `1h2m3s`, `6m0s`, `7.66s`, `1.5h`, `120ms`,
 * `30µs`, `0`. Computed in whole nanoseconds, so that `7.66s` is 7660 and not 7659.999. May be 0 ("full again
 * now"). Null for anything else: a missing unit, a negative value, spaces, text around it.
 */
export function parseGoDuration(text: string): number | null {
  if (text.length === 0 || text.length > GO_MAX_LENGTH) return null;
  const body = text.startsWith('+') ? text.slice(1) : text;
  if (body === '0') return 0;
  const atom = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/y;
  let ns = 0n;
  let at = 0;
  while (at < body.length) {
    atom.lastIndex = at;
    const match = atom.exec(body);
    const scale = NS_PER_UNIT[match?.[3] ?? ''];
    if (!match || scale === undefined) return null;
    const whole = match[1] ?? '';
    const fraction = match[2] ?? '';
    if (whole === '' && fraction === '') return null;
    ns += BigInt(whole || '0') * scale;
    if (fraction !== '') ns += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
    at = atom.lastIndex;
  }
  return at === 0 || ns > GO_MAX_NS ? null : Number(ns) / 1e6;
}

// Months and years have no fixed length; the longest of each never cuts a stated wait short.
const MONTH_MS = 31 * DAY_MS;
const YEAR_MS = 366 * DAY_MS;

/** A match inside a text: its value and the index after its last character. */
export interface Span {
  readonly ms: number;
  readonly end: number;
}

const N = '(\\d+(?:[.,]\\d+)?)';
const ISO_DURATION = new RegExp(
  `P(?:${N}Y)?(?:${N}M)?(?:${N}W)?(?:${N}D)?(?:T(?:${N}H)?(?:${N}M)?(?:${N}S)?)?(?![\\p{L}\\p{N}_])`,
  'uy',
);
const ISO_UNITS = [YEAR_MS, MONTH_MS, 7 * DAY_MS, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS];

/** An ISO 8601 duration (`PT5M`, `P1DT2H`) that starts at `from`; null when there is none. */
export function isoDurationAt(text: string, from: number): Span | null {
  ISO_DURATION.lastIndex = from;
  const match = ISO_DURATION.exec(text);
  if (!match) return null;
  const parts = match.slice(1, 8);
  if (parts.every((p) => p === undefined) || match[0].endsWith('T')) return null;
  const ms = parts.reduce((sum, p, i) => sum + (p ? decimal(p) * (ISO_UNITS[i] ?? 0) : 0), 0);
  return { ms, end: ISO_DURATION.lastIndex };
}

/** Azure's and others' TimeSpan: `00:13:18`, `48:00:00`, `1.06:17:03`, with fractions; null when none starts here. */
export function clockDurationAt(text: string, from: number): Span | null {
  const clock = /(?:(\d{1,6})\.)?(\d{1,3}):([0-5]\d):([0-5]\d(?:\.\d{1,9})?)(?![\p{L}\p{N}_:])(?![.,-]\d)/uy;
  clock.lastIndex = from;
  const match = clock.exec(text);
  if (!match) return null;
  const [, d = '0', h = '0', m = '0', s = '0'] = match;
  return {
    ms: Number(d) * DAY_MS + Number(h) * HOUR_MS + Number(m) * MINUTE_MS + Number(s) * SECOND_MS,
    end: clock.lastIndex,
  };
}

/** Of each unit, what English texts call it, and what those in the languages of the vendors' other markets do. */
const WORD_UNITS: readonly (readonly [RegExp, number])[] = [
  [/^(?:ns|nanos?|nanoseconds?)$/iu, 1e-6],
  [/^(?:us|µs|μs|microseconds?)$/iu, 1e-3],
  [/^(?:ms|msecs?|millis|milliseconds?)$/iu, 1],
  [
    /^(?:s|secs?|seconds?|sek(?:und(?:en?|er|[yuę])?)?|sekun(?:tia?|nin)|sekúnd[ya]?|seconde[ns]?|second[oi]|segundos?|secund[eă]|saniye|másodperc|секунд[ыу]?|сек|δευτερόλεπτ[αο]|δευτ)$/iu,
    SECOND_MS,
  ],
  // A capital M alone is millions, or months: never minutes.
  [/^m$/, MINUTE_MS],
  [
    /^(?:mins?|minut(?:es?|en|er|[oi]s?|as?|[yęu]|ter)?|minuut(?:tia?|in)|minút[ya]?|mn|perc|dakika|минут[ыу]?|мин|λεπτ[άόο])$/iu,
    MINUTE_MS,
  ],
  [
    /^(?:h|hrs?|hours?|std|stunden?|heures?|horas?|or[aeă]|u[ur]{2}|tim(?:m[ea]r?|er)|tun(?:tia?|nin)|godzin(?:[yaęu])?|hod[ií]n(?:[yau])?|óra|saat|час(?:а|ов)?|ч|ώρ(?:α|ες))$/iu,
    HOUR_MS,
  ],
  [
    /^(?:d|days?|tage?n?|jours?|d[ií]as?|giorn[oi]|dagen|dag(?:ar|er|e)?|dni|dny|gün|nap|dní|zile|дн(?:я|ей)|день|ημέρ(?:α|ες))$/iu,
    DAY_MS,
  ],
  [/^(?:w|wks?|weeks?)$/i, 7 * DAY_MS],
];

/**
 * Units of languages that are written without spaces. What else these characters mean is left out: `日` and `分` are
 * dates and times of day as well, and lengths where the word for it, or what follows, says so.
 */
const JOINED_UNITS: readonly (readonly [string, number])[] = [
  ['ミリ秒|毫秒|밀리초', 1],
  ['秒钟?|秒鐘|秒間?|초', SECOND_MS],
  ['分钟|分鐘|分間?|분', MINUTE_MS],
  ['時間|[个個]?小[时時]|[个個]钟头|시간', HOUR_MS],
  ['天|日間?(?=[後后])|日間|일(?= ?(?:후|뒤))', DAY_MS],
  ['週間|[个個]?星期|周(?=[後后])', 7 * DAY_MS],
];
const JOINED = new RegExp(`^(?:${JOINED_UNITS.map(([unit]) => `(${unit})`).join('|')})`, 'u');

/** Milliseconds in a unit's name (`s`, `Seconds`, `min`), or null when it is none. */
export function unitMs(name: string): number | null {
  return WORD_UNITS.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}

const NUMBER_WORDS: Readonly<Record<string, number>> = {
  ...{
    two: 2,
    three: 3,
    four: 4,
    five: 5,
    six: 6,
    seven: 7,
    eight: 8,
    nine: 9,
    ten: 10,
    eleven: 11,
    twelve: 12,
  },
  ...{ fifteen: 15, twenty: 20, thirty: 30, forty: 40, fifty: 50, sixty: 60 },
};
/** "One" before a unit, in the languages that have units above. */
const ONE = "an?|one|ein(?:e[rmn]?)?|une?|una|uno|uma?|een|ett?|en|un(?=['’])";
/** Numbers that are words, as far as a length may begin with one. */
export const NUMBER_WORD = `(?:half an?|${ONE}|${Object.keys(NUMBER_WORDS).join('|')})(?=[\\s'’-])`;
/** Of "5-10 minutes" and "5 to 10 minutes" the longer is meant. */
const RANGE = '(?:\\d{1,3}\\s?(?:[-–]|(?:to|or|bis|à)\\s)\\s?(?=\\d))?';
const ATOM = new RegExp(
  `${RANGE}(${NUMBER_WORD}|\\d{1,3}(?:,\\d{3})+(?:\\.\\d+)?|\\d+(?:[.,]\\d+)?)(?:\\s?(½)|\\s(1/2|and a half))?(?:\\sde\\s|\\s{1,3}(?:more|further|additional|weiteren?)\\s|\\s{0,3}|-|['’])(\\p{L}[\\p{L}ー]{0,11})(?:\\((?:s|e?n|e)\\))?`,
  'iuy',
);
/** Between the parts of one length: the point of an abbreviation, and the "and" of each language that has units above. */
const SEPARATOR =
  /\.?\s{0,3}(?:(?:,|&|\+|(?:and|plus|und|et|ed?|y|en|och|og|ja|i|a|și|és|ve|и)(?=\s)|[と零又])\s{0,3})?/iuy;
const AND_A_HALF = /\s{1,3}and a half(?!\p{L})/iuy;
/** "1h30", "2 h 26": minutes that go without saying. */
const BARE_MINUTES =
  /(?:(?<=h)|\s)([0-5]\d)(?=\s*(?:$|[.,;!?)\]"'](?!\d)))|(?<=\dh)([0-5]\d)(?![\p{L}\p{N}_:%/]|[.,]\d)/iuy;

/**
 * A number with its unit, or several in falling order: `57 seconds`, `an hour and a half`, `2 h. 26 min.`, `1 hour and 5
 * minutes`, `2 more minutes`, `5-10 minutes` (10), `6m0s`, `20ms`, `1h30`, `1 day, 2:26:00`. Null when none starts at `from`, or when more letters, digits or a
 * slash follow (`30s3`, `5 m/s`, `503 Service`).
 */
export function unitDurationAt(text: string, from: number): Span | null {
  let ms = 0;
  let end = from;
  let smallest = Number.POSITIVE_INFINITY;
  let isJoined = false;
  for (let at = from; ; ) {
    ATOM.lastIndex = at;
    const match = ATOM.exec(text);
    if (!match) break;
    const [whole, number = '', half, alsoHalf, word = ''] = match;
    const unitAt = match.index + whole.replace(/\([a-z]+\)$/i, '').length - word.length;
    const joined = JOINED.exec(text.slice(unitAt, unitAt + 6));
    const unit = joined ? joinedMs(joined) : unitMs(word);
    if (unit === null || unit >= smallest) break;
    ms += (count(number) + ((half ?? alsoHalf) ? 0.5 : 0)) * unit;
    smallest = unit;
    isJoined = joined !== null;
    end = joined ? unitAt + joined[0].length : ATOM.lastIndex;
    const rest = isJoined ? null : restOf(text, end, unit);
    if (rest !== null) {
      ms += rest.ms;
      end = rest.end;
      break;
    }
    SEPARATOR.lastIndex = end;
    SEPARATOR.exec(text);
    at = Math.max(end, SEPARATOR.lastIndex);
  }
  // After a unit that is written without a space, a letter is the next word.
  const more = isJoined ? /^(?:[\p{N}_/%°]|[-.,:]\d)/u : /^(?:[\p{L}\p{N}_/%°]|[-.,:]\d)/u;
  if (end === from || more.test(text.slice(end, end + 2))) return null;
  return { ms, end };
}

/** What ends a length without a unit of its own: "and a half", minutes behind hours, the time behind days. */
function restOf(text: string, from: number, unit: number): Span | null {
  AND_A_HALF.lastIndex = from;
  if (AND_A_HALF.test(text)) return { ms: unit / 2, end: AND_A_HALF.lastIndex };
  if (unit === HOUR_MS) {
    BARE_MINUTES.lastIndex = from;
    const minutes = BARE_MINUTES.exec(text);
    return minutes && { ms: Number(minutes[1] ?? minutes[2]) * MINUTE_MS, end: BARE_MINUTES.lastIndex };
  }
  if (unit !== DAY_MS) return null;
  SEPARATOR.lastIndex = from;
  SEPARATOR.exec(text);
  return clockDurationAt(text, Math.max(from, SEPARATOR.lastIndex));
}

function joinedMs(match: RegExpExecArray): number | null {
  return JOINED_UNITS[match.slice(1).findIndex((unit) => unit !== undefined)]?.[1] ?? null;
}

function count(text: string): number {
  if (/^half/i.test(text)) return 0.5;
  if (/^\p{L}/u.test(text)) return NUMBER_WORDS[text.toLowerCase()] ?? 1;
  // `1,000` is a thousand; any other comma is a decimal one.
  return /^\d{1,3}(?:,\d{3})+(?:\.\d+)?$/.test(text) ? Number(text.replaceAll(',', '')) : decimal(text);
}

function decimal(text: string): number {
  return Number(text.replace(',', '.'));
}
