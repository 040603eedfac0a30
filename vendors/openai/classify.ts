/**
 * What an answer of OpenAI's means, by its error's type and code before its status, and what its headers teach.
 *
 * Sources: platform.openai.com/docs/guides/error-codes, …/rate-limits.
 */
import { clipMessage, type Evidence, type Verdict } from '../../quota/verdict';
import { parseGoDuration, parseRetryAfter, parseWaitText, type StatedWait } from '../../quota/waits';
import type { CallInfo, CallResult, LearnedLimit, VendorResponse } from '../contract';
import { OPENAI_BATCH_OPERATIONS, OPENAI_METERED } from './limits';

/** Until somebody pays or raises a limit; the wait, if any is stated, is not what ends it. */
export const OPENAI_BILLING_CODES: ReadonlySet<string> = new Set([
  'insufficient_quota',
  'credit_balance_exhausted',
  'organization_spend_limit_exceeded',
  'project_spend_limit_exceeded',
  'organization_usage_limit_exceeded',
  'billing_hard_limit_reached',
  'billing_not_active',
]);

/** The same of limits that are named alike. */
const BILLING_CODE = /^(?:organization|project)_(?:spend|usage)_limit_exceeded$/;
/** Where a 429 carries neither code nor type. */
const BILLING_TEXT = /exceeded your current quota|check your plan and billing/i;

/** Too many calls for now, whatever the status: "Slow Down" comes with 503, too. */
const RATE_CODES: ReadonlySet<string> = new Set(['rate_limit_exceeded', 'slow_down']);

/** No wait makes room for it: "Request too large for gpt-x … Limit 30000, Requested 45000." */
const TOO_LARGE = /^request too large\b/i;

/** OpenAI's own are of 36 characters; what a proxy makes of it is kept in part. */
const REQUEST_ID_MAX = 128;

/** What every item of a batch has in common; an error that names one of them is no single item's. */
const COMMON_PARAMS: ReadonlySet<string> = new Set(['model', 'max_output_tokens']);

/**
 * Of these, the organization's: its credits, its spend limit, what OpenAI allows it. `project_spend_limit_exceeded` is
 * one project's; the plain `insufficient_quota` and the older `billing_hard_limit_reached` do not say whose limit it is,
 * and other projects are not stopped on a guess.
 *
 * Source: help.openai.com, "Troubleshooting API usage and spend limits".
 */
const ORGANIZATION_CODES: ReadonlySet<string> = new Set([
  'credit_balance_exhausted',
  'organization_spend_limit_exceeded',
  'organization_usage_limit_exceeded',
  'billing_not_active',
]);

const BLOCKED_CODES: ReadonlySet<string> = new Set([
  'account_deactivated',
  'unsupported_country_region_territory',
]);

interface ApiError {
  readonly code: string;
  readonly type: string;
  readonly message: string;
  readonly param: string;
}

/** Total. `nowMs` serves HTTP dates only. */
export function classifyOpenAi(call: CallInfo, result: CallResult, nowMs: number): Verdict {
  const identity = { vendor: call.vendor, account: call.account, operation: call.operation };
  if (result.kind === 'transport') {
    const { code, message, mayHaveBeenSent } = result.error;
    return {
      kind: 'server',
      statedWaitMs: null,
      // A text that is made twice costs money but does no harm: there is nothing to look up, so it is asked again.
      ambiguous: mayHaveBeenSent,
      evidence: { ...identity, code, message: scrub(message) },
    };
  }
  const { status, headers, body } = result.response;
  const isSuccess = status >= 200 && status < 300;
  const error = readError(body) ?? (isSuccess ? null : strangeError(body));
  const requestId = headers['x-request-id'];
  const code = error?.code || error?.type;
  const evidence: Evidence = {
    ...identity,
    httpStatus: status,
    ...(code ? { code: scrub(code) } : {}),
    ...(error?.message ? { message: scrub(error.message) } : {}),
    ...(requestId ? { requestId: clipMessage(requestId, REQUEST_ID_MAX) } : {}),
  };
  const wait = parseRetryAfter(headers, nowMs) ?? parseWaitText(error?.message ?? '', nowMs);
  if (isSuccess && OPENAI_METERED.some((name) => name === call.operation) && !isObject(body)) {
    // A proxy's page, nothing at all, or an answer that was cut short: the item is not to blame.
    const message = body.trim() === '' ? 'the answer is empty' : 'the answer is not JSON, or ends too early';
    return {
      kind: 'server',
      statedWaitMs: wait && !wait.absurd ? wait.ms : null,
      ambiguous: true,
      evidence: { ...evidence, message },
    };
  }
  return decide(status, error, evidence, wait);
}

function decide(
  status: number,
  error: ApiError | null,
  evidence: Evidence,
  wait: StatedWait | null,
): Verdict {
  const statedWaitMs = wait && !wait.absurd ? wait.ms : null;
  // "Payment Required" is a gateway's word for it, whatever it says besides.
  if (status === 402 || (error && mustBePaid(status, error))) {
    const isOrganizations = [error?.code ?? '', error?.type ?? ''].some((word) =>
      ORGANIZATION_CODES.has(word),
    );
    return { kind: 'billing', scope: isOrganizations ? 'organization' : 'account', evidence };
  }
  if (error && BLOCKED_CODES.has(error.code)) return { kind: 'blocked', evidence };
  // As 404, 403 and 400, and of the whole account never more than this model.
  if (error && (error.code === 'model_not_found' || (status === 400 && COMMON_PARAMS.has(error.param)))) {
    return { kind: 'gone', evidence };
  }
  if (status >= 200 && status < 300) return insideOk(error, evidence, statedWaitMs);
  if (status === 429 || (error && RATE_CODES.has(error.code))) {
    if (TOO_LARGE.test(error?.message ?? '')) return { kind: 'invalid', evidence };
    // A wait of days is no "too fast": the pool decides, in the open.
    if (wait?.absurd) return { kind: 'quota', statedWaitMs: wait.ms, limit: null, evidence };
    return { kind: 'rate', statedWaitMs, limit: limitOf(error), evidence };
  }
  if (status === 401) return { kind: 'auth', reason: 'refused', evidence };
  if (status === 403) return { kind: 'blocked', evidence };
  // A redirection that leads nowhere and a method that is not allowed are a base URL that is wrong.
  if ([404, 405, 410].includes(status) || (status >= 300 && status < 400) || isLostFile(evidence, error)) {
    return { kind: 'gone', evidence };
  }
  // A batch that has ended meanwhile is not cancelled: nothing has failed, and asking again does not help.
  if (status === 409 && evidence.operation === OPENAI_BATCH_OPERATIONS.cancel)
    return { kind: 'invalid', evidence };
  if (status === 408 || status === 409 || status >= 500 || status < 300) {
    return { kind: 'server', statedWaitMs, ambiguous: false, evidence };
  }
  return { kind: 'invalid', evidence };
}

function mustBePaid(status: number, { code, type, message }: ApiError): boolean {
  if ([code, type].some((word) => OPENAI_BILLING_CODES.has(word) || BILLING_CODE.test(word))) return true;
  return status === 429 && code === '' && type === '' && BILLING_TEXT.test(message);
}

/** A batch cannot be made of a file that has expired or was deleted; the vendor says so with a 400. */
function isLostFile({ operation }: Evidence, error: ApiError | null): boolean {
  return operation === OPENAI_BATCH_OPERATIONS.create && /^(?:input_)?file_id$/.test(error?.param ?? '');
}

/** A response object may have failed although it came as 200. */
function insideOk(error: ApiError | null, evidence: Evidence, statedWaitMs: number | null): Verdict {
  if (error === null || (error.code === '' && error.message === '')) return { kind: 'ok', evidence };
  const word = error.code || error.type;
  if (RATE_CODES.has(word)) return { kind: 'rate', statedWaitMs, limit: limitOf(error), evidence };
  if (word === 'server_error' || word === 'vector_store_timeout') {
    return { kind: 'server', statedWaitMs, ambiguous: false, evidence };
  }
  return { kind: 'invalid', evidence };
}

/** "Rate limit reached for gpt-x … on tokens per min (TPM)": which limit was hit, where the text says so. */
function limitOf(error: ApiError | null): string | null {
  const text = `${error?.type ?? ''} ${error?.message ?? ''}`;
  if (/\btokens? per (?:min|minute)\b|\bTPM\b|^tokens\b/i.test(text)) return 'tokens';
  if (/\brequests? per (?:min|minute)\b|\bRPM\b|^requests\b/i.test(text)) return 'requests';
  return null;
}

/**
 * `{"error":{"message","type","param","code"}}`; also a response object that carries an `error`, and a batch that
 * failed because somebody has to pay. Never throws.
 */
function readError(body: string): ApiError | null {
  const root = readObject(body);
  if (root === null) return null;
  const { error, object, status, errors } = root;
  if (object === 'batch' && status === 'failed') {
    const { data } = (errors ?? {}) as { data?: unknown };
    const all = Array.isArray(data) ? data.map(toApiError) : [];
    return all.find((e) => e !== null && OPENAI_BILLING_CODES.has(e.code)) ?? null;
  }
  return toApiError(error);
}

/** What gateways and proxies say in other forms: `{"message"}`, `{"detail"}`, `{"error":"text"}`, a page, plain text. */
function strangeError(body: string): ApiError | null {
  const root = readObject(body);
  if (root !== null) {
    const message = text(root.error) || text(root.message) || text(root.detail);
    return message === '' ? null : { code: text(root.code), type: text(root.type), message, param: '' };
  }
  const isPage = /^\s*</.test(body);
  const said = isPage ? (/<title>([^<]{1,200})<\/title>/i.exec(body)?.[1] ?? '') : body.slice(0, 1000);
  return said.trim() === '' ? null : { code: '', type: '', message: said.trim(), param: '' };
}

function isObject(body: string): boolean {
  return readObject(body) !== null;
}

function readObject(body: string): Readonly<Record<string, unknown>> | null {
  if (!body.trimStart().startsWith('{')) return null;
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    return null;
  }
}

function toApiError(error: unknown): ApiError | null {
  if (typeof error !== 'object' || error === null) return null;
  const { code, type, message, param } = error as Record<string, unknown>;
  return { code: text(code), type: text(type), message: text(message), param: text(param) };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** OpenAI's own messages quote a part of the key that was wrong. */
function scrub(message: string): string {
  return clipMessage(message.replace(/\bsk-[\w*-]+/g, 'sk-…'));
}

/**
 * `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`. Missing teaches nothing; −1 and 0 as a limit are
 * Azure's "unknown", and then its remaining says nothing either. Resets are Go durations: the time to a full refill.
 */
export function learnOpenAi(_: CallInfo, response: VendorResponse): readonly LearnedLimit[] {
  return (['requests', 'tokens'] as const).flatMap((name) => {
    const capacity = count(response.headers[`x-ratelimit-limit-${name}`]);
    const remaining = count(response.headers[`x-ratelimit-remaining-${name}`]);
    const reset = response.headers[`x-ratelimit-reset-${name}`];
    const resetMs = reset === undefined ? null : parseGoDuration(reset.trim());
    const unknown =
      response.headers[`x-ratelimit-limit-${name}`] !== undefined && !(capacity && capacity > 0);
    // Nothing left of what is full again in no time: the zeros of those who do not know.
    const isBlank = remaining === 0 && resetMs === 0;
    const learned: LearnedLimit = {
      limit: name,
      // Announced per minute: that many at once, and refilled over a minute.
      ...(capacity && capacity > 0 ? { capacity, ratePerSecond: capacity / 60 } : {}),
      ...(remaining !== null && remaining >= 0 && !unknown && !isBlank ? { remaining } : {}),
      ...(resetMs === null ? {} : { resetMs }),
    };
    return Object.keys(learned).length > 1 ? [learned] : [];
  });
}

function count(header: string | undefined): number | null {
  if (header === undefined || !/^-?\d{1,15}$/.test(header.trim())) return null;
  return Number(header.trim());
}
