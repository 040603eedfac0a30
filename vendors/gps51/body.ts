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
  const cause = CAUSES.map((name) => fields[name]).find((said) => typeof said === 'string' && said !== '');
  return {
    root: fields,
    status: wholeNumber(
      STATUSES.map((name) => fields[name]).find((said) => said !== undefined && said !== null),
    ),
    cause: typeof cause === 'string' ? scrub(cause) : '',
  };
}

/** Where a platform has its status and its words, the usual place first. */
const STATUSES = ['status', 'code', 'errcode', 'errorcode'];
const CAUSES = ['cause', 'message', 'msg', 'errmsg', 'error', 'desc'];
const DONE = /^(?:ok|success|succeeded|true)$/i;

/** Null when it is none; platforms say 0 in a word, too. */
function wholeNumber(value: unknown): number | null {
  if (value === true || (typeof value === 'string' && DONE.test(value.trim()))) return 0;
  if (typeof value === 'number') return Number.isInteger(value) ? value : null;
  return typeof value === 'string' && /^-?\d{1,9}$/.test(value.trim()) ? Number(value) : null;
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
