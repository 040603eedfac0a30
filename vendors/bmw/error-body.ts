/** The error in a body of any of BMW's families: CarData, MyBMW, the login, the gateways before them. */
import { clipMessage } from '../../quota/verdict';
import { redactNamed } from '../redact';
import { isObject, readJson } from './json';

export interface BmwError {
  /** `CU-429`, `authorization_pending`, `429`…; empty when the body names none. */
  readonly code: string;
  /** In the vendor's words; empty when there are none. */
  readonly message: string;
  /** To quote in a support case; empty when there is none. */
  readonly reference: string;
  /** True for a form that is an error whatever the status; `message` and `code` may be fields of an answer, too. */
  readonly explicit: boolean;
}

export interface BmwBody {
  /** Null where nothing in the body is an error's. */
  readonly error: BmwError | null;
  /** `page`: HTML or XML, so none of the vendor's services has answered. */
  readonly kind: 'json' | 'page' | 'text' | 'empty';
}

/** Of a page, what is looked at. */
const MAX_PAGE = 20_000;
/** Texts of gateways are short; a longer one is not for people. */
const MAX_TEXT = 2000;

/**
 * - CarData `{exveErrorId, exveErrorRef, exveErrorMsg, exveNote}`
 * - OAuth `{error, error_description}`
 * - gateways `{statusCode, message}`, `{code, message}`, `{fault: {faultstring}}`, `{title, detail}`
 * - lists of any of these, alone or as `errors`; CarData's under any other name, too
 * - plain text: `Blocked`, `Out of call volume quota. …`; of text and pages, CarData's code if one stands there
 *
 * Total: never throws.
 */
export function readBmwBody(body: string): BmwBody {
  const text = body.trim();
  if (text === '') return { error: null, kind: 'empty' };
  if (text.startsWith('<')) {
    const code = codeIn(text);
    return { error: code === '' ? null : asError(code, '', ''), kind: 'page' };
  }
  const value = readJson(text);
  if (value === undefined) return { error: textError(text), kind: 'text' };
  if (typeof value === 'string') return { error: textError(value), kind: 'json' };
  const error = errorIn(value, 0);
  // What a gateway has put around it says less.
  return { error: error?.explicit ? error : (exveWithin(value, 0) ?? withCode(error, text)), kind: 'json' };
}

function textError(text: string): BmwError {
  return asError(codeIn(text), text.slice(0, MAX_TEXT), '');
}

/** CarData's code counts wherever it stands: in a message, in a field of another name. */
function withCode(error: BmwError | null, text: string): BmwError | null {
  const code = codeIn(text);
  if (code === '' || codeIn(error?.code ?? '') !== '') return error;
  return { ...(error ?? asError('', '', '')), code };
}

/** CarData's code that stands in a text or on a page; empty when none does. */
export function codeIn(text: string): string {
  return /\b(?:CU|TP)[-_ ]\d{3}\b/i.exec(text.slice(0, MAX_PAGE))?.[0] ?? '';
}

function errorIn(value: unknown, depth: number): BmwError | null {
  if (depth > 3) return null;
  if (Array.isArray(value)) {
    const errors = value.slice(0, 50).map((one) => errorIn(one, depth + 1));
    return (
      errors.find((one) => one !== null && one.code !== '') ?? errors.find((one) => one !== null) ?? null
    );
  }
  if (!isObject(value)) return null;
  const exve = exveOf(value);
  if (exve !== null) return exve;
  if (isWord(value.error)) {
    return asError(word(value.error), word(value.error_description) || word(value.message), '', true);
  }
  const inner = [value.error, value.errors, value.fault].map((one) => errorIn(one, depth + 1));
  const found = inner.find((one) => one !== null);
  if (found) return found;
  const code = [value.statusCode, value.code, value.errorCode, value.status]
    .map(word)
    .find((one) => one !== '');
  const message = [value.message, value.detail, value.description, value.faultstring, value.title]
    .map(word)
    .find((one) => one !== '');
  return code === undefined && message === undefined ? null : asError(code ?? '', message ?? '', '');
}

/** The fields' names in any case. */
function exveOf(value: Readonly<Record<string, unknown>>): BmwError | null {
  const fields = Object.entries(value).filter(([name]) => /^exve/i.test(name));
  if (fields.length === 0) return null;
  const { exveerrorid, exveerrormsg, exvenote, exveerrorref } = Object.fromEntries(
    fields.map(([name, one]) => [name.toLowerCase(), one]),
  );
  if (!isWord(exveerrorid) && !isWord(exveerrormsg)) return null;
  const words = [exveerrormsg, exvenote].map(word).filter((one) => one !== '');
  return asError(exveCode(word(exveerrorid), words), words.join('; '), word(exveerrorref), true);
}

/** As the vendor's page has it, where an id says more (`CU-429: API rate limit reached`) or less (`429`) than that. */
function exveCode(id: string, words: readonly string[]): string {
  if (/^\d{3}$/.test(id)) return `CU-${id}`;
  return codeIn(id) || id || codeIn(words.join(' '));
}

/** CarData's error below whatever names; JSON inside a text is looked into. */
function exveWithin(value: unknown, depth: number): BmwError | null {
  if (depth > 4) return null;
  if (typeof value === 'string') {
    return /exveErrorId/i.test(value) ? exveWithin(readJson(value), depth + 1) : null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const own = isObject(value) ? exveOf(value) : null;
  if (own !== null) return own;
  for (const one of Object.values(value).slice(0, 50)) {
    const found = exveWithin(one, depth + 1);
    if (found !== null) return found;
  }
  return null;
}

function asError(code: string, message: string, reference: string, explicit = false): BmwError {
  return {
    code: scrub(code).slice(0, 100),
    message: scrub(message),
    reference: clipMessage(reference, 128),
    explicit,
  };
}

function isWord(value: unknown): boolean {
  return word(value) !== '';
}

function word(value: unknown): string {
  if (typeof value === 'string') return value.trim().slice(0, MAX_TEXT);
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : '';
}

/** Takes tokens out of what is to be shown: JSON web tokens, and what stands beside a token's name. */
export function scrub(text: string): string {
  return clipMessage(
    redactNamed(text)
      .replace(/\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}/g, '…')
      .replace(/\b(bearer\s+)[\w.~+/=-]{8,}/gi, '$1…')
      .replace(
        /\b((?:access|refresh|id)_?token|device_?code|client_?secret|code_?verifier|password)(["']?\s{0,3}[=:]\s{0,3}["']?)[^\s&"'<>,}]+/gi,
        '$1$2…',
      ),
  );
}
