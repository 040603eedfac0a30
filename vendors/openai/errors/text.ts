/**
 * Reads the error that an answer holds, whoever wrote it: OpenAI, a gateway before it (OpenRouter, LiteLLM, Kong), a server
 * that speaks like it (vLLM, Azure), or a firewall's page. What it means is for `classify.ts` to say. Pure; never throws.
 */
import { type Fields, fieldsIn, fieldsOf, isFields, readObject, textOf, withoutMark } from './fields';
import { isPaymentWord } from './payment';
import { statusOf, statusOfWord } from './status-words';

export { readObject } from './fields';

export interface ApiError {
  readonly code: string;
  readonly type: string;
  readonly message: string;
  readonly param: string;
  /** The HTTP status that the error names itself, by a number or a word; null when it names none. */
  readonly status: number | null;
  /** True of a page or a text, and of an object that is no error of this API. */
  readonly strange: boolean;
  /** The error of the server behind a gateway, where the gateway passes it on as it was. */
  readonly inner: ApiError | null;
  /** A wait beside the message, as it stands, with the length of its unit: `retry_after: 7`. */
  readonly wait: { readonly text: string; readonly unitMs: number } | null;
  /** Headers of the server behind a gateway, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What is read of a page or a text. */
const SAID_MAX = 1000;
/** Errors within errors; anything deeper is ignored. */
const DEPTH_MAX = 4;

/**
 * @param isSuccess the answer came with a status of success: then only what is clearly an error is one.
 * @returns null when it holds none.
 */
export function readError(body: string, isSuccess: boolean): ApiError | null {
  const root = readRoot(body);
  if (root === null) return isSuccess ? null : strangeText(body);
  if (root.object === 'batch') return root.status === 'failed' ? failedBatch(root.errors) : null;
  const found = errorIn(root, 0);
  if (found !== null) return found;
  if (isSuccess && Array.isArray(root.output)) return null;
  if (saysFailure(root)) return named(root, true, 0);
  if (isSuccess && Object.keys(root).some((name) => ANSWER_NAME.test(name))) return null;
  // Nothing but words, in the object or one level down: `{"base_resp": {"status_code": 1008, "status_msg": "…"}}`.
  const said = [root, ...Object.values(root).filter(isFields)].find((fields) => messageOf(fields) !== '');
  return said === undefined ? null : named(said, true, 0);
}

/** The answer's object; of a list, as some gateways send, the first. */
function readRoot(body: string): Fields | null {
  const text = withoutMark(body).trimStart();
  if (!/^["[]/.test(text)) return readObject(body);
  try {
    const value: unknown = JSON.parse(text);
    const [first] = Array.isArray(value) ? (value as unknown[]) : [value];
    return typeof first === 'string' ? readObject(first) : fieldsOf(first);
  } catch {
    return null;
  }
}

const ERROR_NAMES = ['error', 'Error', 'err', 'fault', 'exception'] as const;
/** What an answer, and so an error in it, may be wrapped in. */
const WRAPPERS = ['detail', 'response', 'data', 'result', 'body'] as const;

/** The error of an object: a field, one of a list, or that of what it wraps. */
function errorIn(root: Fields, depth: number): ApiError | null {
  if (depth >= DEPTH_MAX) return null;
  for (const name of ERROR_NAMES) {
    const found = root[name];
    const value: unknown = Array.isArray(found) ? found[0] : found;
    const fields = fieldsOf(value) ?? (typeof value === 'string' ? readObject(value) : null);
    if (fields !== null) return toApiError(fields, root, depth);
    if (typeof value === 'string' && value !== '') return named({ ...root, message: value }, true, depth);
  }
  const [first] = Array.isArray(root.errors) ? (root.errors as unknown[]) : [];
  if (isFields(first)) return toApiError(first, root, depth);
  if (typeof first === 'string' && first !== '') return named({ ...root, message: first }, true, depth);
  const wrapped = WRAPPERS.map((name) => fieldsOf(root[name])).find(
    (inside) => inside !== null && ERROR_NAMES.some((name) => isFields(inside[name])),
  );
  if (wrapped) return errorIn(wrapped, depth + 1);
  // A chat completion that broke off.
  const [choice] = Array.isArray(root.choices) ? root.choices.filter(isFields) : [];
  return isFields(choice?.error) ? toApiError(choice.error, {}, depth) : null;
}

/** Of these fields every usable answer has one, of whichever API; what has none and says something is no answer. */
const ANSWER_NAME =
  /^(?:id|object|output|output_text|choices|candidates|content|data|response|result|generated_text|text|model|usage)$/;

const FAILURE_WORD = /^(?:error|fail|failed|failure)$/i;

/** Whether an object that has no error for a field says all the same that something failed. */
function saysFailure(root: Fields): boolean {
  const { success, ok, object, type, status } = root;
  if (success === false || ok === false) return true;
  if ([object, type, status].some((word) => FAILURE_WORD.test(textOf(word)))) return true;
  const words = [root.code, type, status].map((word) => statusOfWord(textOf(word)));
  return statusOf(root) !== null || words.some((found) => found !== null);
}

/** Of a batch that failed: that somebody has to pay concerns all, anything else only the batch. */
function failedBatch(errors: unknown): ApiError | null {
  const { data } = fieldsOf(errors) ?? {};
  const all = Array.isArray(data) ? data.filter(isFields).map((e) => toApiError(e, {}, 0)) : [];
  return all.find(({ code }) => isPaymentWord(code)) ?? null;
}

function toApiError(error: Fields, root: Fields, depth: number): ApiError {
  const { status: _, message: __, ...around } = root;
  const inner = statusOf(error) === null ? statusOf(around) : null;
  const found = named(error, false, depth);
  const read = { ...found, wait: found.wait ?? waitIn([root]) };
  return inner === null ? read : { ...read, status: read.status ?? inner };
}

/** @param depth of errors within errors, so far. */
function named(fields: Fields, strange: boolean, depth: number): ApiError {
  const more = fieldsOf(fields.metadata) ?? {};
  // What a gateway passes on of the server behind it says more than its own "Provider returned error".
  const raw = textOf(more.raw);
  const own = messageOf(fields);
  const message = [own, raw].filter((part) => part !== '').join(': ');
  const inner = depth < DEPTH_MAX ? innerError(fields, message, depth + 1) : null;
  const code = CODE_NAMES.map((name) => textOf(fields[name])).find((text) => text !== '') ?? '';
  const stated = textOf(fields.status);
  const type = textOf(fields.type) || textOf(more.error_type) || (/^[a-z]\w*$/i.test(stated) ? stated : '');
  const words = [code, type, textOf(more.error_type), stated, ...classNames(own)];
  const details = Array.isArray(fields.details) ? fields.details.filter(isFields) : [];
  return {
    // A number says less than the code of the server behind.
    code: (/^\d*$/.test(code) && inner?.code) || code,
    type: type || (inner?.type ?? ''),
    message: message || (inner?.message ?? ''),
    param: textOf(fields.param) || (inner?.param ?? ''),
    status: statusOf(fields) ?? firstStatus(words) ?? inner?.status ?? null,
    strange,
    inner,
    wait: waitIn([fields, more, ...details]) ?? inner?.wait ?? null,
    headers: headersIn(more.headers ?? fields.headers, inner?.headers),
  };
}

/** An error in a field of an error, or in its message as JSON: `OpenAIException - {"error": {…}}`. */
function innerError(fields: Fields, message: string, depth: number): ApiError | null {
  const inField = errorIn(fields, depth);
  if (inField !== null) return inField;
  const inside = fieldsIn(message);
  if (inside === null) return null;
  return errorIn(inside, depth) ?? (messageOf(inside) === '' ? null : named(inside, false, depth));
}

/** Exceptions that a message begins with: `litellm.RateLimitError: …`. */
function classNames(message: string): string[] {
  return [...message.slice(0, 200).matchAll(/\b[A-Z][A-Za-z]+(?:Error|Exception)\b/g)].map(([name]) => name);
}

function firstStatus(words: readonly string[]): number | null {
  return words.map(statusOfWord).find((status) => status !== null) ?? null;
}

const CODE_NAMES = [
  ...['code', 'errorcode', 'error_code', 'errorCode', 'err_code', 'errcode', 'status_code'],
  // AWS' services, and what passes their answers on.
  ...['__type', 'Code'],
];

/** The names that a message is met under, those that say most first. */
const MESSAGE_NAMES = [
  ...['message', 'detail', 'msg', 'error_description', 'faultstring'],
  ...['error_msg', 'error_message', 'errorMessage', 'err_msg', 'errmsg', 'status_msg', 'reason', 'title'],
];

/** A message: a text, or the first text of a list or an object in its place, as of FastAPI's faults and of Mistral's. */
function messageOf(fields: Fields, depth = 0): string {
  for (const name of MESSAGE_NAMES) {
    const found = fields[name];
    const value: unknown = Array.isArray(found) ? found[0] : found;
    const inner = fieldsOf(value);
    const text = inner === null || depth >= DEPTH_MAX ? textOf(value) : messageOf(inner, depth + 1);
    if (text !== '') return text;
  }
  return '';
}

/** `retry_after`, `retryAfterMs`, `retryDelay`, `resets_in_seconds`, `resets_at`: seconds, as of the header of that name, unless it says otherwise. */
const WAIT_FIELD =
  /^(?:retry_?(?:after|delay|in)|resets?_?(?:in|after|at)|wait(?:_?(?:time|for))?|cool_?down)(?:_?(ms|millis\w*|m?s|sec\w*))?$/i;

function waitIn(objects: readonly Fields[]): ApiError['wait'] {
  for (const object of objects) {
    for (const [name, value] of Object.entries(object)) {
      const unit = WAIT_FIELD.exec(name);
      const text = textOf(value);
      if (unit && text !== '') return { text, unitMs: /^m/i.test(unit[1] ?? '') ? 1 : 1000 };
    }
  }
  return null;
}

function headersIn(headers: unknown, inner: ApiError['headers'] = {}): ApiError['headers'] {
  const own = Object.entries(fieldsOf(headers) ?? {}).map(([name, value]) => [
    name.toLowerCase(),
    textOf(value),
  ]);
  return { ...inner, ...Object.fromEntries(own) };
}

/** A page's title, or the beginning of a text. */
function strangeText(body: string): ApiError | null {
  const isPage = /^\s*</.test(body);
  const said = isPage
    ? (/<title>([^<]{1,200})<\/title>/i.exec(body)?.[1] ?? 'a web page')
    : withoutMark(body).slice(0, SAID_MAX);
  if (said.trim() === '') return null;
  const none = { code: '', type: '', param: '', status: null, inner: null, wait: null, headers: {} };
  return { ...none, message: said.trim(), strange: true };
}
