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

/** Texts of gateways are short; a longer one is not for people. */
const MAX_TEXT = 2000;

/**
 * - CarData `{exveErrorId, exveErrorRef, exveErrorMsg, exveNote}`
 * - OAuth `{error, error_description}`
 * - gateways `{statusCode, message}`, `{code, message}`, `{fault: {faultstring}}`, `{title, detail}`
 * - lists of any of these, alone or as `errors`
 * - plain text: `Blocked`, `Out of call volume quota. …`
 *
 * Total: never throws.
 */
export function readBmwBody(body: string): BmwBody {
  const text = body.trim();
  if (text === '') return { error: null, kind: 'empty' };
  if (text.startsWith('<')) return { error: null, kind: 'page' };
  const value = readJson(text);
  if (value === undefined) return { error: asError('', text.slice(0, MAX_TEXT), ''), kind: 'text' };
  if (typeof value === 'string') return { error: asError('', value, ''), kind: 'json' };
  return { error: errorIn(value, 0), kind: 'json' };
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
  if (isWord(value.exveErrorId) || isWord(value.exveErrorMsg)) {
    const words = [value.exveErrorMsg, value.exveNote].map(word).filter((one) => one !== '');
    return asError(word(value.exveErrorId), words.join('; '), word(value.exveErrorRef), true);
  }
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
