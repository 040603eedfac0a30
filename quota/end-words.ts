/**
 * Words by which texts say, in the languages of the vendors' markets, that a time is the end of something, and of which day it
 * is. Pure.
 */
import type { DayMeant } from './times-of-day';

/** What begins or ends then. */
const FROM_THEN =
  /(?<!\p{L})(?:until|till|after|from|bis|ab|nach|jusqu['’](?:à|au)|à partir d[eu]|après|dès|hasta(?: las?| el)?|a partir de(?:l| las?)?|después de las|fino a(?:l|lle)|dal(?:le)?|dopo le|vanaf|tot|från|efter|fra|til|od|do|po|с|до|после)\s*["'(]?$/iu;
const FROM_THEN_AFTER = /^\s?(?:以降|以后|以後|之后|之後|[後后]|まで|から|起|까지|이후|부터)/u;
/** At that time; what happens then is past, unless the text speaks of what is to come. */
const AT_THEN = /(?<!\p{L})(?:at|on|um|am|gegen|à|le|a las|el|alle|il|om|op|kl\.?|o|в)\s*["'(]?$/iu;
const TO_COME =
  /(?<!\p{L})(?:will|again|next|wird|werden|wieder|erneut|nochmals?|versuchen|(?:ré)?essaye[rz]|nouveau|sera|seront|será|serán|reintent\p{L}*|nuevamente|sarà|saranno|riprova\p{L}*|wordt|opnieuw|igen|ponownie|znovu|снова)(?!\p{L})/iu;
/** Up to the end of that day, where no time of day is named. */
const UP_TO = /(?<!\p{L})(?:until|till|through|bis|jusqu['’]au|hasta(?: el)?|fino al|tot|do|до)\s*["'(]?$/iu;
const UP_TO_AFTER = /^\s?(?:まで|까지)/u;

const WEEKDAYS: readonly string[] = [
  'sunday|sonntags?|dimanche|domingo|domenica|zondag',
  'monday|montags?|lundi|lunes|lunedì|maandag',
  'tuesday|dienstags?|mardi|martes|martedì|dinsdag',
  'wednesday|mittwochs?|mercredi|miércoles|mercoledì|woensdag',
  'thursday|donnerstags?|jeudi|jueves|giovedì|donderdag',
  'friday|freitags?|vendredi|viernes|venerdì|vrijdag',
  'saturday|samstags?|sonnabends?|samedi|sábado|sabato|zaterdag',
];
const TOMORROW =
  '(?<!(?:heute|gestern|guten|diesen|la|esta) )(?:tomorrow|morgen|demain|mañana|domani|amanhã|i ?morgon|jutro|zítra|завтра)';
const AFTER_TOMORROW =
  'day after tomorrow|übermorgen|overmorgen|après-demain|pasado mañana|dopodomani|depois de amanhã|i ?övermorgon|pojutrze|pozítří|послезавтра';
const word = (words: string) => new RegExp(`(?<!\\p{L})(?:${words})(?!\\p{L})`, 'iu');
const DAYS: readonly (readonly [RegExp, DayMeant])[] = [
  [new RegExp(`${word(AFTER_TOMORROW).source}|明後日|后天|後天|모레`, 'iu'), 2],
  [new RegExp(`${word(TOMORROW).source}|明日|明天|내일`, 'iu'), 1],
  ...WEEKDAYS.map((names, weekday) => [word(names), { weekday }] as const),
];
/** Between "until" and the time: which day's, which part of it, and about. */
const BETWEEN = new RegExp(
  `(?<!\\p{L})(?:${[...WEEKDAYS, AFTER_TOMORROW, TOMORROW].join('|')}|today|heute|aujourd['’]hui|hoy|oggi|vandaag|früh|mittag|abend|at|on|um|am|zum|den|dem|the|le|el|il|à|a las|alle|om|op|gegen|etwa|ca\\.?|about|around|jan\\p{L}*|feb\\p{L}*|mar\\p{L}*|apr\\p{L}*|may|jun\\p{L}*|jul\\p{L}*|aug\\p{L}*|sep\\p{L}*|oct\\p{L}*|nov\\p{L}*|dec\\p{L}*),?\\s+$`,
  'iu',
);

/** Whose day the time of day at `at` is, by the words around it. */
export function dayMeant(text: string, at: number): DayMeant {
  const around = text.slice(Math.max(0, at - 24), at + 40);
  return DAYS.find(([words]) => words.test(around))?.[1] ?? null;
}

export interface Around {
  /** What is said of the time. */
  readonly clause: string;
  /** The part of it before the time, and what stands directly after that. */
  readonly before: string;
  readonly after: string;
  readonly day: DayMeant;
}

/** That something begins or ends at the time. */
export function isEnd({ clause, before, after, day }: Around): boolean {
  if (endsOrBegins(before, after)) return true;
  const isToCome = typeof day === 'number' || TO_COME.test(clause);
  return isToCome && (AT_THEN.test(before) || inner(before) !== before);
}

/** "from", "since" and the like stand before what does not end then, but for words that also say that something begins. */
export function endsOrBegins(before: string, after: string): boolean {
  return FROM_THEN.test(before) || FROM_THEN.test(inner(before)) || FROM_THEN_AFTER.test(after);
}

/** That something lasts up to the time: a day that is named so is over before it. */
export function isUpTo(before: string, after: string): boolean {
  return UP_TO.test(before) || UP_TO.test(inner(before)) || UP_TO_AFTER.test(after);
}

/** Where hours stand behind such a word, they are a time of day: "à 8h", "bis 8 h", "om 8 uur". */
export function isAtHour(before: string): boolean {
  return AT_THEN.test(before) || UP_TO.test(before);
}

function inner(before: string): string {
  let text = before;
  for (let shorter = text.replace(BETWEEN, ''); shorter !== text; shorter = text.replace(BETWEEN, '')) {
    text = shorter;
  }
  return text;
}
