/**
 * What an answer of OpenAI's means, by its error's type and code before its status, and what its headers teach.
 *
 * Sources: platform.openai.com/docs/guides/error-codes, …/rate-limits.
 */
import { clipMessage, type Evidence, type Verdict } from '../../quota/verdict';
import { parseGoDuration, parseRetryAfter, parseWaitText, type StatedWait } from '../../quota/waits';
import type { CallInfo, CallResult, LearnedLimit, VendorResponse } from '../contract';
import { OPENAI_BATCH_OPERATIONS } from './limits';

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
  const error = readError(body);
  const requestId = headers['x-request-id'];
  const code = error?.code || error?.type;
  const evidence: Evidence = {
    ...identity,
    httpStatus: status,
    ...(code ? { code: scrub(code) } : {}),
    ...(error?.message ? { message: scrub(error.message) } : {}),
    ...(requestId ? { requestId } : {}),
  };
  const wait = parseRetryAfter(headers, nowMs) ?? parseWaitText(error?.message ?? '', nowMs);
  return decide(status, error, evidence, wait);
}

function decide(
  status: number,
  error: ApiError | null,
  evidence: Evidence,
  wait: StatedWait | null,
): Verdict {
  const statedWaitMs = wait && !wait.absurd ? wait.ms : null;
  if (error && (error.type === 'insufficient_quota' || OPENAI_BILLING_CODES.has(error.code))) {
    const scope = ORGANIZATION_CODES.has(error.code) ? 'organization' : 'account';
    return { kind: 'billing', scope, evidence };
  }
  if (error && BLOCKED_CODES.has(error.code)) return { kind: 'blocked', evidence };
  if (status >= 200 && status < 300) return insideOk(error, evidence, statedWaitMs);
  if (status === 429) {
    // A wait of days is no "too fast": the pool decides, in the open.
    if (wait?.absurd) return { kind: 'quota', statedWaitMs: wait.ms, limit: null, evidence };
    return { kind: 'rate', statedWaitMs, limit: limitOf(error), evidence };
  }
  if (status === 401) return { kind: 'auth', reason: 'refused', evidence };
  if (status === 403) return { kind: 'blocked', evidence };
  if (status === 404 || status === 410 || isLostFile(evidence, error)) return { kind: 'gone', evidence };
  // A batch that has ended meanwhile is not cancelled: nothing has failed, and asking again does not help.
  if (status === 409 && evidence.operation === OPENAI_BATCH_OPERATIONS.cancel)
    return { kind: 'invalid', evidence };
  if (status === 408 || status === 409 || status >= 500 || status < 300) {
    return { kind: 'server', statedWaitMs, ambiguous: false, evidence };
  }
  return { kind: 'invalid', evidence };
}

/** A batch cannot be made of a file that has expired or was deleted; the vendor says so with a 400. */
function isLostFile({ operation }: Evidence, error: ApiError | null): boolean {
  return operation === OPENAI_BATCH_OPERATIONS.create && /^(?:input_)?file_id$/.test(error?.param ?? '');
}

/** A response object may have failed although it came as 200. */
function insideOk(error: ApiError | null, evidence: Evidence, statedWaitMs: number | null): Verdict {
  if (error === null || (error.code === '' && error.message === '')) return { kind: 'ok', evidence };
  if (error.code === 'rate_limit_exceeded') {
    return { kind: 'rate', statedWaitMs, limit: limitOf(error), evidence };
  }
  if (error.code === 'server_error' || error.code === 'vector_store_timeout') {
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
  if (!body.trimStart().startsWith('{')) return null;
  let root: unknown;
  try {
    root = JSON.parse(body);
  } catch {
    return null;
  }
  const { error, object, status, errors } = root as Record<string, unknown>;
  if (object === 'batch' && status === 'failed') {
    const { data } = (errors ?? {}) as { data?: unknown };
    const all = Array.isArray(data) ? data.map(toApiError) : [];
    return all.find((e) => e !== null && OPENAI_BILLING_CODES.has(e.code)) ?? null;
  }
  return toApiError(error);
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
    const learned: LearnedLimit = {
      limit: name,
      // Announced per minute: that many at once, and refilled over a minute.
      ...(capacity && capacity > 0 ? { capacity, ratePerSecond: capacity / 60 } : {}),
      ...(remaining !== null && remaining >= 0 && !unknown ? { remaining } : {}),
      ...(resetMs === null ? {} : { resetMs }),
    };
    return Object.keys(learned).length > 1 ? [learned] : [];
  });
}

function count(header: string | undefined): number | null {
  if (header === undefined || !/^-?\d+$/.test(header.trim())) return null;
  return Number(header.trim());
}
