/** The outermost of an answer: what every action's body has. */
import { clipMessage } from '../../quota/verdict';

export interface Body {
  /** The whole object. */
  readonly root: Readonly<Record<string, unknown>>;
  /** Null when there is none that is a whole number. */
  readonly status: number | null;
  /** The vendor's words, fit to be shown and stored; empty when there are none. */
  readonly cause: string;
}

/** A fleet's body is over a megabyte and is asked about twice in a row, for its verdict and for its contents. */
let last: { readonly text: string; readonly body: Body | null } | null = null;

/** Null for what is not a JSON object. Never throws. */
export function readBody(text: string): Body | null {
  if (last?.text === text) return last.body;
  const body = parse(text);
  last = { text, body };
  return body;
}

function parse(text: string): Body | null {
  let root: unknown;
  try {
    // A byte order mark is not JSON, but some gateways put one before it.
    root = JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text);
  } catch {
    return null;
  }
  if (typeof root !== 'object' || root === null || Array.isArray(root)) return null;
  const fields = root as Record<string, unknown>;
  const outer = isWrapped(fields) ? (WRAPPERS.map((name) => fields[name]).find(isObject) ?? fields) : fields;
  const status = statusIn(outer);
  // A success of the gateway's, around an error of the platform's.
  const inner =
    status === 0 || status === 200 ? WRAPPERS.map((name) => fields[name]).find(hasCode) : undefined;
  const told = inner ?? outer;
  return { root: fields, status: statusIn(told), cause: scrub(causeIn(told) || statusWord(told)) };
}

export type Fields = Readonly<Record<string, unknown>>;

/** Where a platform has its status and its words, the usual place first. */
const STATUSES = ['status', 'code', 'errcode', 'errorcode', 'errno', 'resultcode', 'retcode', 'statuscode'];
const CAUSES = ['cause', 'message', 'msg', 'errmsg', 'retmsg', 'error', 'desc'];
/** What a platform wraps its answers in. */
export const WRAPPERS = ['data', 'result', 'response', 'body'];
const DONE = /^(?:ok|success|succeeded|true)$/i;
/** Codes of a call have four digits. */
const ERROR_CODE_FROM = 1000;

export const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
/** Names are written in any case. */
const said = (fields: Fields, names: readonly string[]) => {
  const written = new Map(Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value]));
  return names
    .map((name) => fields[name] ?? written.get(name))
    .filter((value) => value !== undefined && value !== null);
};
const hasCode = (value: unknown): value is Fields =>
  isObject(value) && (statusIn(value) ?? 0) >= ERROR_CODE_FROM;

/** Nothing of a status or of words stands in front. */
function isWrapped(fields: Fields): boolean {
  return said(fields, [...STATUSES, ...CAUSES]).length === 0;
}

/** A code of the vendor's wherever it stands; else the first, and where that is a word of failure no 0 beside it. */
export function statusIn(fields: Fields): number | null {
  const found = said(fields, STATUSES).map(wholeNumber);
  const code = found.find((status) => status !== null && status >= ERROR_CODE_FROM);
  if (code !== undefined) return code;
  const [first = null] = found;
  return first ?? found.find((status) => status !== null && status !== 0) ?? null;
}

/** `"status": "TOKEN_EXPIRED"`: a word in the number's place is all that is said. */
function statusWord(fields: Fields): string {
  const isWord = (value: unknown): value is string =>
    typeof value === 'string' && wholeNumber(value) === null;
  return said(fields, STATUSES).find(isWord) ?? '';
}

/** Whether words say no more than that all is well, or there are none. */
export function saysDone(cause: string): boolean {
  return cause === '' || DONE.test(cause.trim());
}

/** The first words that say more than that all is well. */
export function causeIn(fields: Fields): string {
  const texts = said(fields, CAUSES)
    .map(wordsOf)
    .filter((text) => text !== '');
  return texts.find((text) => !DONE.test(text.trim())) ?? texts[0] ?? '';
}

function wordsOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(wordsOf).find((text) => text !== '') ?? '';
  return isObject(value) ? causeIn(value) : '';
}

/** Null when it is none; platforms spell 0 out, too. */
function wholeNumber(value: unknown): number | null {
  if (value === true || (typeof value === 'string' && DONE.test(value.trim()))) return 0;
  if (typeof value === 'number') return Number.isInteger(value) ? value : null;
  return typeof value === 'string' && /^-?\d{1,9}(?:\.0+)?$/.test(value.trim()) ? Number(value) : null;
}

/** URLs carry the token, and causes may repeat one or the MD5 of a password. */
export function scrub(text: string): string {
  return clipMessage(
    text
      .replace(/(token=)[^&\s"']+/gi, '$1…')
      .replace(/(token["'\s:]+)[\w.~+/=-]{16,}/gi, '$1…')
      .replace(/[0-9a-f]{32,}/gi, '…'),
  );
}
