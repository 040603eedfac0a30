/**
 * Reads the error that an answer holds, whoever wrote it: OpenAI, a gateway before it (OpenRouter, LiteLLM, Kong), a server
 * that speaks like it (vLLM, Azure), or a firewall's page. What it means is for `classify.ts` to say. Pure; never throws.
 */
import { isPaymentWord } from './payment';

export interface ApiError {
  readonly code: string;
  readonly type: string;
  readonly message: string;
  readonly param: string;
  /** The HTTP status that the error names itself, by a number or a word; null when it names none. */
  readonly status: number | null;
  /** True of a page or a text, and of an object that is nobody's error of this API. */
  readonly strange: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** What is read of a page or a text. */
const SAID_MAX = 1000;

export function readObject(body: string): Fields | null {
  if (!body.trimStart().startsWith('{')) return null;
  try {
    return JSON.parse(body) as Fields;
  } catch {
    return null;
  }
}

/**
 * @param isSuccess the answer came with a status of success: then only what is clearly an error is one.
 * @returns null when it holds none.
 */
export function readError(body: string, isSuccess: boolean): ApiError | null {
  const root = readRoot(body);
  if (root === null) return isSuccess ? null : strangeText(body);
  const { error, errors, object, status } = root;
  if (object === 'batch') return status === 'failed' ? failedBatch(errors) : null;
  if (isFields(error)) return toApiError(error, root);
  if (typeof error === 'string' && error !== '') return named({ ...root, message: error }, true);
  const [first] = Array.isArray(errors) ? errors.filter(isFields) : [];
  if (first !== undefined) return toApiError(first, root);
  const message = messageOf(root);
  if (isSuccess && (message === '' || statusOf(root) === null || 'output' in root)) return null;
  return message === '' ? null : named({ ...root, message }, true);
}

/** The answer's object; of a list, as some gateways send, the first. */
function readRoot(body: string): Fields | null {
  if (!body.trimStart().startsWith('[')) return readObject(body);
  try {
    const [first] = JSON.parse(body) as unknown[];
    return isFields(first) ? first : null;
  } catch {
    return null;
  }
}

/** Of a batch that failed: that somebody has to pay concerns all, anything else only the batch. */
function failedBatch(errors: unknown): ApiError | null {
  const { data } = (isFields(errors) ? errors : {}) as { data?: unknown };
  const all = Array.isArray(data) ? data.filter(isFields).map((e) => toApiError(e, {})) : [];
  return all.find(({ code }) => isPaymentWord(code)) ?? null;
}

function toApiError(error: Fields, root: Fields): ApiError {
  const { status: _, message: __, ...around } = root;
  const inner = statusOf(error) === null ? statusOf(around) : null;
  const read = named(error, false);
  return inner === null ? read : { ...read, status: read.status ?? inner };
}

function named(fields: Fields, strange: boolean): ApiError {
  const { metadata } = fields;
  const more = isFields(metadata) ? metadata : {};
  const code = text(fields.code);
  const type = text(fields.type) || text(more.error_type);
  // What a gateway passes on of the server behind it says more than its own "Provider returned error".
  const raw = text(more.raw);
  const message = [messageOf(fields), raw].filter((part) => part !== '').join(': ');
  const word = [code, type, text(more.error_type), text(fields.status)].map(statusOfWord);
  return {
    ...{ code, type, message, strange },
    param: text(fields.param),
    status: statusOf(fields) ?? word.find((status) => status !== null) ?? null,
  };
}

/** A message, under the names that are met; of a list of faults (FastAPI), the first. */
function messageOf({ message, detail, msg, error_description: described, title }: Fields): string {
  const [fault] = Array.isArray(detail) ? detail.filter(isFields) : [];
  return (
    text(message) ||
    text(detail) ||
    text(fault?.msg) ||
    (isFields(detail) ? messageOf({ message: detail.message ?? detail.msg }) : '') ||
    text(msg) ||
    text(described) ||
    text(title)
  );
}

/** A number that is an HTTP status of failure, wherever it stands. */
function statusOf(fields: Fields): number | null {
  const found = ['code', 'status', 'status_code', 'statusCode', 'http_status', 'http_code', 'httpStatus']
    .map((name) => text(fields[name]).trim())
    .find((value) => /^[45]\d\d$/.test(value));
  return found === undefined ? null : Number(found);
}

/** Words for a failure, as snake_case; the first that fits counts. */
const WORDS: readonly (readonly [RegExp, number])[] = [
  [/rate_?limit|too_many_requests|resource_exhausted|throttl|slow_down/, 429],
  [/time_?d?_?out|deadline_exceeded/, 504],
  [/overload|unavailable|no_capacity/, 503],
  [/bad_gateway|upstream|provider_/, 502],
  [/internal|server_error|api_error|connection_error|service_error/, 500],
  [/authentication|unauthorized|unauthenticated|invalid_(?:api_)?key/, 401],
  [/payment_required/, 402],
  [/permission|forbidden|moderation/, 403],
];

function statusOfWord(word: string): number | null {
  const plain = word
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replace(/[\s-]+/g, '_')
    .toLowerCase();
  return WORDS.find(([pattern]) => pattern.test(plain))?.[1] ?? null;
}

/** A page's title, or the beginning of a text. */
function strangeText(body: string): ApiError | null {
  const isPage = /^\s*</.test(body);
  const said = isPage
    ? (/<title>([^<]{1,200})<\/title>/i.exec(body)?.[1] ?? 'a web page')
    : body.slice(0, SAID_MAX);
  if (said.trim() === '') return null;
  return { code: '', type: '', message: said.trim(), param: '', status: null, strange: true };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Codes come as numbers, too. */
function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}
