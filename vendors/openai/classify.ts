/**
 * What an answer of OpenAI's means, by its error's type and code before its status, and what its headers teach.
 *
 * Sources: platform.openai.com/docs/guides/error-codes, …/rate-limits.
 */
import { HOUR_MS, MINUTE_MS } from '../../quota/durations';
import { announcedWindow } from '../../quota/limits/announced-window';
import { clipMessage, type Evidence, type RateVerdict, type Verdict } from '../../quota/verdict';
import {
  parseGoDuration,
  parseLoneWait,
  parseReset,
  parseRetryAfter,
  parseWaitText,
  parseWaitValue,
  type StatedWait,
} from '../../quota/waits';
import type { CallInfo, CallResult, LearnedLimit, VendorResponse } from '../contract';
import { redactNamed } from '../redact';
import { unanswered } from '../unanswered';
import { isPaymentWord, isQuotaText, isSpentText } from './errors/payment';
import { isBlockedText, isQuotaUsedUp, isTooFastText } from './errors/refusal-text';
import { type ApiError, readError, readObject } from './errors/text';
import { isTooLarge } from './errors/too-large';
import { withRetryAliases } from './limit-headers';
import { OPENAI_ANNOUNCED_WINDOWS, OPENAI_BATCH_OPERATIONS, OPENAI_METERED } from './limits';
import { resetWait } from './reset-wait';

/** Too many calls for now, whatever the status: "Slow Down" comes with 503, too. */
const RATE_CODES: ReadonlySet<string> = new Set(['rate_limit_exceeded', 'slow_down']);

/** `Retry-After: 0`, or a date that is over: the headers of the limits may know better, ms. */
const AT_ONCE_MS = 1;
/** A wait from which "too fast" cannot be a minute's limit, ms. */
const LONG_WAIT_MS = HOUR_MS;
/** In a language that the cues of a wait are not known in, it may be a window's length: a longer one is not waited for. */
const LONE_WAIT_MS = 10 * MINUTE_MS;
/** A day's limit may ask for such a wait, and then it is everybody's. */
const LONGER_LIMIT = /\bper (?:day|hour|week|month)\b|\b(?:daily|hourly|weekly|monthly)\b|\b[RT]PD\b/i;

/** OpenAI's own are of 36 characters; what a proxy makes of it is kept in part. */
const REQUEST_ID_MAX = 128;

/**
 * Statuses that speak of the request. Of the others from 400 on, some pass (423 Locked, 424 Failed Dependency, 425 Too
 * Early), and those that no standard knows are a proxy's for a connection that it has lost (499, 460).
 * 446 is how Portkey denies a request.
 */
const REQUEST_IS_WRONG: ReadonlySet<number> = new Set([
  ...[400, 406, 411, 412, 413, 414, 415, 416, 417, 422, 426, 428, 431, 446, 451],
]);

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

/** Total. `nowMs` serves HTTP dates only. */
export function classifyOpenAi(call: CallInfo, result: CallResult, nowMs: number): Verdict {
  const identity = { vendor: call.vendor, account: call.account, operation: call.operation };
  // A text that is made twice costs money but does no harm: there is nothing to look up, so it is called again.
  if (result.kind === 'transport') return unanswered(call, result.error, scrub);
  const { status, body } = result.response;
  const isSuccess = status >= 200 && status < 300;
  const error = readError(body, isSuccess);
  const headers = withRetryAliases({ ...error?.headers, ...result.response.headers });
  const requestId = headers['x-request-id'];
  const code = error?.code || error?.type;
  const evidence: Evidence = {
    ...identity,
    httpStatus: status,
    ...(code ? { code: scrub(code) } : {}),
    ...(error?.message ? { message: scrub(error.message) } : {}),
    ...(requestId ? { requestId: clipMessage(requestId, REQUEST_ID_MAX) } : {}),
  };
  const wait = statedWait(headers, error, nowMs);
  const isText = OPENAI_METERED.some((name) => name === call.operation);
  if (isSuccess && isText && isStream(headers, body)) {
    const message = 'a stream of events or of lines, though none was requested';
    return { kind: 'invalid', evidence: { ...evidence, code: 'event_stream', message } };
  }
  if (isSuccess && isText && error === null && !isObject(body)) {
    // A proxy's page, nothing at all, or an answer that was cut short: the item is not to blame.
    const statedWaitMs = wait && !wait.absurd ? wait.ms : null;
    return {
      kind: 'server',
      statedWaitMs,
      ambiguous: true,
      evidence: { ...evidence, message: noAnswer(body) },
    };
  }
  const verdict = isSuccess ? insideOk(error, evidence, wait) : decide(status, error, evidence, wait);
  const says = wait !== null && wait.ms > AT_ONCE_MS;
  return verdict.kind === 'rate' && !says
    ? untilReset(verdict, headers, error?.message ?? '', nowMs)
    : verdict;
}

/** The first that says more than "at once": of the headers, beside the message, in it. */
function statedWait(
  headers: VendorResponse['headers'],
  error: ApiError | null,
  nowMs: number,
): StatedWait | null {
  const inHeaders = parseRetryAfter(headers, nowMs);
  const inField = error?.wait ? parseWaitValue(error.wait.text, error.wait.unitMs, nowMs) : null;
  const inText = parseWaitText(error?.message ?? '', nowMs);
  const waits = [inHeaders, inField, inText].filter((wait) => wait !== null);
  return waits.find(({ ms }) => ms > AT_ONCE_MS) ?? waits[0] ?? null;
}

/** A refusal that states no wait: its limit's reset is one, and so is the only length of time that its words name. */
function untilReset(
  verdict: RateVerdict,
  headers: VendorResponse['headers'],
  message: string,
  nowMs: number,
): Verdict {
  const { limit, evidence } = verdict;
  const wait = resetWait(headers, limit, nowMs);
  if (wait === null) {
    const alone = verdict.statedWaitMs === null ? parseLoneWait(message, nowMs) : null;
    return alone !== null && alone.ms <= LONE_WAIT_MS ? { ...verdict, statedWaitMs: alone.ms } : verdict;
  }
  if (wait.absurd) return { kind: 'quota', statedWaitMs: wait.ms, limit: null, evidence };
  return { ...verdict, statedWaitMs: wait.ms };
}

/** Or a list of one, as some gateways send: that is no page, and `parseResponse` says what it is instead. */
function isObject(body: string): boolean {
  return readObject(body) !== null || /^\ufeff?\s*\[\s*\{[\s\S]*\}\s*\]\s*$/.test(body);
}

function isStream(headers: VendorResponse['headers'], body: string): boolean {
  const type = headers['content-type'] ?? '';
  if (/^text\/event-stream\b|^application\/(?:x-)?(?:ndjson|jsonl|json-lines)\b/i.test(type)) return true;
  // Fields of an event, comments before them included; or one object of JSON a line.
  return (
    /^\s*(?:(?::|id:|retry:)[^\n]*\n\s*)*(?:data|event):/.test(body) || /^\s*\{[^\n]*\}\r?\n\{"/.test(body)
  );
}

function noAnswer(body: string): string {
  if (body.trim() === '') return 'the answer is empty';
  return /^\s*</.test(body) ? 'the answer is a web page' : 'the answer is not JSON, or ends too early';
}

/** @param status of the answer, or, inside a success, the one that its error names. */
function decide(
  status: number,
  error: ApiError | null,
  evidence: Evidence,
  wait: StatedWait | null,
): Verdict {
  const statedWaitMs = wait && !wait.absurd ? wait.ms : null;
  // "Payment Required" is how a gateway says it, whatever the rest of its message.
  if (status === 402 || (error && mustBePaid(status, error, wait))) {
    const isOrganizations = wordsOf(error).some((word) => ORGANIZATION_CODES.has(word));
    return { kind: 'billing', scope: isOrganizations ? 'organization' : 'account', evidence };
  }
  if (error && BLOCKED_CODES.has(error.code)) return { kind: 'blocked', evidence };
  // As 404, 403 and 400, and of the whole account never more than this model.
  if (error && (error.code === 'model_not_found' || (status === 400 && COMMON_PARAMS.has(error.param)))) {
    return { kind: 'gone', evidence };
  }
  const ofText = OPENAI_METERED.some((name) => name === evidence.operation);
  // Whatever the status: a gateway passes its upstream's refusal on as a failure of its own, and no other item is to wait.
  if (ofText && error && isTooLarge(`${error.code} ${error.type}`, error.message)) {
    return { kind: 'invalid', evidence };
  }
  if (status === 429 || (error && RATE_CODES.has(error.code))) return tooFast(error, evidence, wait);
  if (ofText && error && status !== 401) {
    // A quota that a gateway reports as 403, and an upstream's 429 that it passes on under a status of its own.
    if (isQuotaUsedUp(error, wait)) {
      return { kind: 'quota', statedWaitMs: wait?.ms ?? null, limit: null, evidence };
    }
    if (isTooFastText(error, wait)) return tooFast(error, evidence, wait);
    // Words may deceive: one item alone stops nobody else.
    const isOfRequest = status === 0 || REQUEST_IS_WRONG.has(status);
    if (isOfRequest && isBlockedText(error)) return { kind: 'blocked', ofRequest: true, evidence };
  }
  if (status === 401) return { kind: 'auth', reason: 'refused', evidence };
  // A proxy of our own that wants a login, or a network that does: no request is to blame.
  if (status === 407 || status === 511) return { kind: 'blocked', reason: 'configuration', evidence };
  // Moderation and firewalls refuse one prompt with it, and a vendor a whole account.
  if (status === 403) return { kind: 'blocked', ...(ofText ? { ofRequest: true } : {}), evidence };
  // A redirection that leads nowhere and a method that is not allowed are a base URL that is wrong; a firewall leads to its
  // page in the same way.
  if ([404, 405, 410].includes(status) || (status >= 300 && status < 400) || isLostFile(evidence, error)) {
    const isPage = error === null || error.strange;
    return { kind: 'gone', ...(ofText && isPage ? { ofRequest: true } : {}), evidence };
  }
  // A batch that has ended meanwhile is not cancelled: nothing has failed, and asking again does not help.
  if (status === 409 && evidence.operation === OPENAI_BATCH_OPERATIONS.cancel)
    return { kind: 'invalid', evidence };
  if (!REQUEST_IS_WRONG.has(status)) {
    return { kind: 'server', statedWaitMs, ambiguous: false, evidence };
  }
  return { kind: 'invalid', evidence };
}

function tooFast(error: ApiError | null, evidence: Evidence, wait: StatedWait | null): Verdict {
  const message = error?.message ?? '';
  // No wait makes room for it, whichever is named.
  if (isTooLarge(`${error?.code ?? ''} ${error?.type ?? ''}`, message)) return { kind: 'invalid', evidence };
  const limit = limitOf(error);
  // Azure names a day for a request that its deployment never has room for, in the words of any other refusal.
  if (wait && wait.ms >= LONG_WAIT_MS && /\btokens?\b/i.test(message) && !LONGER_LIMIT.test(message)) {
    return { kind: 'quota', statedWaitMs: wait.ms, limit, ofRequest: true, evidence };
  }
  // A wait of days is no "too fast": the pool decides, in the open.
  if (wait?.absurd) return { kind: 'quota', statedWaitMs: wait.ms, limit: null, evidence };
  return { kind: 'rate', statedWaitMs: wait?.ms ?? null, limit, evidence };
}

/** Code and type of an error and of those within it. */
function wordsOf(error: ApiError | null): string[] {
  return error === null ? [] : [error.code, error.type, ...wordsOf(error.inner)];
}

function textsOf(error: ApiError | null): string[] {
  return error === null ? [] : [error.message, ...textsOf(error.inner)];
}

function mustBePaid(status: number, error: ApiError, wait: StatedWait | null): boolean {
  const words = wordsOf(error);
  if (words.some(isPaymentWord) || error.status === 402) return true;
  if (words.some((word) => RATE_CODES.has(word))) return false;
  const mayTell = status >= 400 || status === 0;
  // What names a field of the request is a fault of the request.
  if (!mayTell || error.param !== '') return false;
  const isUnnamed = words.every((word) => /^\d*$/.test(word));
  const hasWait = wait !== null;
  return textsOf(error).some(
    (text) => (isUnnamed && !hasWait && isQuotaText(text)) || isSpentText(text, hasWait),
  );
}

/** A batch cannot be made of a file that has expired or was deleted; the vendor says so with a 400. */
function isLostFile({ operation }: Evidence, error: ApiError | null): boolean {
  return operation === OPENAI_BATCH_OPERATIONS.create && /^(?:input_)?file_id$/.test(error?.param ?? '');
}

/** What is sent where others send null: a code of success, and nothing that names a failure beside it. */
const NO_FAILURE = /^(?:0|2\d\d|ok|success|succeeded|none|no_?error)?$/i;

/** Words and numbers that say no more than that there is an error. */
const NO_NAME =
  /^(?:(?:unknown|unexpected|general|generic)_?)?(?:error|failure|fail|failed|exception|unknown|-?\d+)?$/i;

/** An error that came as a success is judged like the status that it names. */
function insideOk(error: ApiError | null, evidence: Evidence, wait: StatedWait | null): Verdict {
  if (error === null || isNoError(error)) return { kind: 'ok', evidence };
  if (error.status !== null) return decide(error.status, error, evidence, wait);
  const parsed = decide(0, error, evidence, wait);
  // A word that names no status is the vendor's for what is wrong with the request; a bare sentence, or a number that only
  // the vendor understands, may pass.
  const names = [error.code, error.type].some((word) => !NO_FAILURE.test(word) && !NO_NAME.test(word));
  return parsed.kind === 'server' && names ? { kind: 'invalid', evidence } : parsed;
}

function isNoError({ code, type, message, status }: ApiError): boolean {
  if (status !== null || !NO_FAILURE.test(code) || !NO_FAILURE.test(type)) return false;
  return message === '' || (code !== '' && NO_FAILURE.test(message));
}

/** "Rate limit reached for gpt-x … on tokens per min (TPM)": which limit was hit, where the text says so. */
function limitOf(error: ApiError | null): string | null {
  const text = `${error?.type ?? ''} ${error?.message ?? ''}`;
  if (/\btokens? per (?:min|minute)\b|\bTPM\b|^tokens\b/i.test(text)) return 'tokens';
  if (/\brequests? per (?:min|minute)\b|\bRPM\b|^requests\b/i.test(text)) return 'requests';
  return null;
}

/** OpenAI's own messages quote a part of the key that was wrong. */
function scrub(message: string): string {
  return clipMessage(redactNamed(message).replace(/\bsk-[\w*-]+/g, 'sk-…'));
}

/**
 * `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`. Missing teaches nothing; −1 and 0 as a limit are
 * Azure's "unknown", and then its remaining says nothing either. Resets are Go durations: the time to a full refill.
 */
export function learnOpenAi(
  _: CallInfo,
  response: VendorResponse,
  nowMs: number = Number.NaN,
): readonly LearnedLimit[] {
  return (['requests', 'tokens'] as const).flatMap((name) => {
    const capacity = count(response.headers[`x-ratelimit-limit-${name}`]);
    const remaining = count(response.headers[`x-ratelimit-remaining-${name}`]);
    const reset = response.headers[`x-ratelimit-reset-${name}`];
    const resetMs = reset === undefined ? null : resetOf(reset.trim(), nowMs);
    const unknown =
      response.headers[`x-ratelimit-limit-${name}`] !== undefined && !(capacity && capacity > 0);
    // Nothing left of what is full again in no time: the zeros of those who do not know.
    const isBlank = remaining === 0 && resetMs === 0;
    const learned: LearnedLimit = {
      limit: name,
      // That many at once, and refilled over a minute, or over what the reset says.
      ...(capacity && capacity > 0
        ? { capacity, ratePerSecond: (capacity * 1000) / windowOf(capacity, remaining, resetMs) }
        : {}),
      ...(remaining !== null && remaining >= 0 && !unknown && !isBlank ? { remaining } : {}),
      ...(resetMs === null ? {} : { resetMs }),
    };
    return Object.keys(learned).length > 1 ? [learned] : [];
  });
}

function resetOf(reset: string, nowMs: number): number | null {
  const parsed = parseReset(reset, nowMs);
  return parseGoDuration(reset) ?? (parsed !== null && !parsed.absurd ? parsed.ms : null);
}

function windowOf(capacity: number, remaining: number | null, resetMs: number | null): number {
  const level = { capacity, remaining: remaining ?? undefined, resetMs: resetMs ?? undefined };
  return announcedWindow(null, level, OPENAI_ANNOUNCED_WINDOWS).ms;
}

/** `600`, `"600"`, `600.0`, `10,000`, `600;w=60`; of a header that came twice, the least. */
function count(header: string | undefined): number | null {
  const [text = ''] = (header ?? '').replaceAll('"', '').trim().split(';');
  if (/^\d{1,3}(?:,\d{3})+$/.test(text)) return Number(text.replaceAll(',', ''));
  const parts = text.split(',').map((part) => part.trim());
  if (!parts.every((part) => /^-?\d{1,15}(?:\.\d{1,9})?$/.test(part))) return null;
  return Math.floor(Math.min(...parts.map(Number)));
}
