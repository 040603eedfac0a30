/**
 * All that a refusal says, wherever it says it. Gateways wrap the words of a quota as they like: in a field of any name at
 * any depth, in JSON inside a text, in a web page, in the reason phrase. The words count, not the wrapping.
 */
import { SECOND_MS } from '../../quota/durations';
import {
  parseLoneWait,
  parseRetryAfter,
  parseWaitText,
  parseWaitValue,
  type StatedWait,
} from '../../quota/waits';
import type { VendorResponse } from '../contract';
import { isObject, readJson } from './json';

export interface Refusal {
  /** The text that speaks of a quota; empty when none does. */
  readonly quotaText: string;
  /** The text that says that calls come too fast; empty when none does. */
  readonly paceText: string;
  /**
   * In a header, a field or a text. A stated wait is never cut short: of several, the longest counts. Where a quota is
   * spoken of, the only duration there is the wait, in whatever language it is said.
   */
  readonly wait: StatedWait | null;
}

/** Says that the calls of some time are used up: gateways of all makers, in the languages of their markets. */
const QUOTA_WORDS =
  /\bquot(?:a|as|e|um)(?!\p{L})|kontingent|\b(?:cuota|cota|kvote?)[sn]?(?!\p{L})|(?<!\p{L})(?:kvót[ayu]?|kota|kiintiö|квот\p{L}{1,2}|limit (?:wywołań|żądań|zapytań|volání|požadavků))(?!\p{L})|配[额額]|[额額]度|限[额額]|クォ?オ?ータ|割り?当て|(?:[回次][数數]|リクエスト|呼び出し|调用|調用|请求|請求|利用).{0,8}(?:上限|制限|限制|用完|用尽|用盡)|할당량|쿼터|한도|call volume|\bCU ?429\b/iu;
/** The same without the word: "API limit reached", "limit exceeded", "maximum number of requests reached". */
const LIMIT_WORDS =
  /\b(?:calls?|requests?|api|daily|day|hourly|usage) limits?\b|^\W*limit (?:(?:is|was|has been) )?(?:exceeded|reached)|\b(?:exceed\w*|reached|maximum|allowed)\b.{0,40}\b(?:calls|requests)\b|\bnumber of (?:api )?(?:calls|requests)\b.{0,40}\b(?:exceeded|reached)\b|(?<!\p{L})(?:tages|stunden|aufruf|anfragen?|abruf)-?limit|(?<!\p{L})(?:daglimiet|limiti? (?:di|delle) (?:chiamate|richieste)|limite (?:d['’]appels|de requêtes|quotidienne|journalière|giornaliero)|límite (?:diario|de (?:llamadas|peticiones|solicitudes)))/iu;
/** Says that calls come too fast. */
const PACE_WORDS =
  /rate limit|ratelimit|rate exceeded|too many (?:calls|requests)|throttl|spike arrest|zu viele (?:anfragen|aufrufe)|trop de (?:requêtes|demandes)|demasiadas (?:peticiones|solicitudes)|troppe richieste|te veel (?:verzoeken|aanvragen)/iu;

export function saysQuota(text: string): boolean {
  const words = inWords(text);
  return QUOTA_WORDS.test(words) || (LIMIT_WORDS.test(words) && !PACE_WORDS.test(words));
}

/** Of a quota, or of the pace: either way it is no matter of who calls. */
export function saysLimited(text: string): boolean {
  return saysQuota(text) || saysPace(text);
}

function saysPace(text: string): boolean {
  return PACE_WORDS.test(inWords(text));
}

/** Codes say the same as texts: `QuotaExceeded`, `daily-limit-exceeded`, `RATE_LIMIT_EXCEEDED`. */
function inWords(text: string): string {
  return text.replace(/[_-]+/g, ' ').replace(/(\p{Ll})(?=\p{Lu})/gu, '$1 ');
}

/** Total. */
export function readRefusal({ body, statusText = '', headers }: VendorResponse, nowMs: number): Refusal {
  const said = new Said(nowMs);
  said.add(body.trimStart().startsWith('<') ? visibleText(body) : (readJson(body) ?? body));
  said.add(statusText);
  const quotaText = said.texts.find(saysQuota) ?? '';
  const paceText = said.texts.find(saysPace) ?? '';
  const inText = longest(said.texts.map((text) => parseWaitText(text, nowMs)));
  const alone = inText === null && quotaText !== '' ? parseLoneWait(said.texts.join('\n'), nowMs) : null;
  return {
    quotaText,
    paceText,
    wait: longest([parseRetryAfter(headers, nowMs), inText, alone, ...said.waits]),
  };
}

/** Refusals are short; anything further is not read. */
const MAX_TEXTS = 50;
const MAX_TEXT = 2000;
const MAX_DEPTH = 8;
/** Fields that carry a wait as their value, in seconds where they do not say milliseconds. */
const WAIT_FIELD = /^(?:retry[-_ ]?(?:after|in|delay)|wait|reset|replenish)/i;
const MILLISECONDS = /m(?:illi)?s(?:ec(?:ond)?s?)?$/i;

class Said {
  readonly texts: string[] = [];
  readonly waits: StatedWait[] = [];

  constructor(private readonly nowMs: number) {}

  add(value: unknown, depth = 0): void {
    if (this.texts.length >= MAX_TEXTS || depth > MAX_DEPTH) return;
    if (typeof value === 'string') {
      const inside = /^\s*[[{]/.test(value) ? readJson(value) : undefined;
      const text = value.trim().slice(0, MAX_TEXT);
      if (inside !== undefined) this.add(inside, depth + 1);
      else if (text !== '') this.texts.push(text);
    } else if (Array.isArray(value)) {
      for (const one of value.slice(0, MAX_TEXTS)) this.add(one, depth + 1);
    } else if (isObject(value)) {
      for (const [name, one] of Object.entries(value).slice(0, MAX_TEXTS)) {
        this.addWait(name, one);
        this.add(one, depth + 1);
      }
    }
  }

  private addWait(name: string, value: unknown): void {
    if (!WAIT_FIELD.test(name) || !(typeof value === 'string' || Number(value) > 0)) return;
    const wait = parseWaitValue(String(value), MILLISECONDS.test(name) ? 1 : SECOND_MS, this.nowMs);
    if (wait !== null) this.waits.push(wait);
  }
}

/** What a page or an XML document shows, as one text. */
function visibleText(page: string): string {
  return page
    .slice(0, 16 * MAX_TEXT)
    .replace(/<(script|style)\b[^>]*>[\s\S]*?<\/\1\s*>/gi, ' ')
    .replace(/<[^<>]*>/g, ' ')
    .replace(/&(?:nbsp|#160|#xa0|#32|#x20);/gi, ' ')
    .replace(/\s+/g, ' ');
}

function longest(waits: readonly (StatedWait | null)[]): StatedWait | null {
  return waits.reduce((most, wait) => (wait !== null && wait.ms > (most?.ms ?? 0) ? wait : most), null);
}
