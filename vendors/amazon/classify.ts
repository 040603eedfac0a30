/**
 * What an answer of Amazon's means. The body is read before the status, for quotas and expired tokens are known by
 * their code. Three servers answer, each in its own way: the SP-API (reports), Login with Amazon (`login`) and S3
 * (`downloadDocument`).
 */
import { DAY_MS } from '../../quota/durations';
import { clipMessage, type Evidence, type Verdict } from '../../quota/verdict';
import { parseRetryAfter, parseWaitText, type StatedWait } from '../../quota/waits';
import type { CallInfo, CallResult, LearnedLimit, VendorResponse } from '../contract';
import { unanswered } from '../unanswered';
import { type AmazonError, isServiceCode, parseObject, readError, saysQuota } from './error-body';
import { scrub } from './scrub';

/** Total: any result becomes exactly one verdict. `nowMs` serves dates in Retry-After and texts only. */
export function classifyAmazon(call: CallInfo, result: CallResult, nowMs: number): Verdict {
  if (result.kind === 'transport') {
    return unanswered(call, result.error, clean, result.error.mayHaveBeenSent && creates(call));
  }
  const answer = readAnswer(call, result.response, nowMs);
  switch (call.operation) {
    case 'login':
      return classifyLogin(answer);
    case 'downloadDocument':
      return classifyDocument(answer);
    default:
      return classifyReports(call, answer);
  }
}

/** S3's names of what went wrong. */
const KIND = /^[A-Za-z][A-Za-z0-9.]{1,63}$/;

interface Answer {
  readonly status: number;
  readonly error: AmazonError | null;
  readonly evidence: Evidence;
  readonly wait: StatedWait | null;
  /** A body that is none of Amazon's: a proxy's page, say. */
  readonly foreign: boolean;
  readonly body: string;
}

function readAnswer(call: CallInfo, response: VendorResponse, nowMs: number): Answer {
  const { status, headers, body } = response;
  // A document that arrived is data, whatever words are in it.
  const isData = call.operation === 'downloadDocument' && isSuccess(status);
  const error = isData ? null : readError(body);
  // Of a refused document nothing is kept but its kind: its body is whatever the URL's host chose to say.
  const isDocument = call.operation === 'downloadDocument';
  const said = isDocument || (!error && isSuccess(status)) ? '' : error ? sentence(error) : plainText(body);
  const requestId = requestIdOf(headers) ?? error?.requestId;
  return {
    status,
    error,
    foreign: error === null && body.trim() !== '',
    body,
    wait: parseRetryAfter(headers, nowMs) ?? parseWaitText(said, nowMs),
    evidence: {
      ...identity(call),
      httpStatus: status,
      ...(error?.code && (!isDocument || KIND.test(error.code)) && { code: short(error.code) }),
      ...(said && { message: clean(said) }),
      ...(requestId && { requestId: short(requestId) }),
    },
  };
}

/** Codes of a refusal that may mean the token, whatever status it comes under. */
const DENIED = /unauthori[sz]ed|denied|forbidden|token|credential|unauthenticated/i;
const TOKEN_TEXT = /\btoken\b/i;

function classifyReports(call: CallInfo, answer: Answer): Verdict {
  const { status, error, evidence, wait } = answer;
  const code = error?.code ?? '';
  // Beside the data of a success, a message is no refusal.
  const isRefusal = !isSuccess(status) || code !== '';
  if (error && isRefusal && saysQuota(error)) return quota(evidence, wait);
  if (failsByCode(status, code)) return server(call, evidence, wait);
  if (isDenial(status, error)) return denial(call, answer);
  if (isSuccess(status)) {
    // No success carries `errors`; an `error` or a `message` beside data is no concern of ours.
    if (error && code !== '') return { kind: 'invalid', evidence };
    return isUsable(call, answer.body) ? { kind: 'ok', evidence } : unusable(call, answer);
  }
  // Usage plans are the only limits here, so a 429 under another code, or without a body, is one of them too. To
  // take it for a short "too fast" would spend calls on a quota that can last for days.
  if (status === 429) return quota(evidence, wait);
  // One report or document is gone; where none was named, the API itself is not there.
  if ((status === 404 || status === 410) && addressesOne(call) && !answer.foreign) {
    return { kind: 'gone', evidence };
  }
  return byStatus(call, answer);
}

/** Of these fields every answer of the API's has one. */
const FIELDS = ['reportId', 'processingStatus', 'reports', 'reportDocumentId', 'url'];

/** JSON of another server's is no more an answer of the API's than a page is; only a cancellation may have nothing to say. */
function isUsable(call: CallInfo, body: string): boolean {
  if (call.operation === 'cancelReport') return true;
  const text = body.trim();
  const object = text.startsWith('{') ? parseObject(text) : null;
  return object !== null && FIELDS.some((field) => Object.hasOwn(object, field));
}

/**
 * A success without an answer of the API's in it: it was lost on its way, or something that stands between has answered.
 * A failure of the service, which is asked again and, when it goes on, opens the breaker; no window is to blame. Where a
 * report may have been made, the call counts as one without an answer.
 */
function unusable(call: CallInfo, { body, evidence, wait }: Answer): Verdict {
  const said = body.trim() === '' ? 'the answer has no body' : `no answer of the API: ${plainText(body)}`;
  return server(call, { ...evidence, message: clean(said) }, wait);
}

function isDenial(status: number, error: AmazonError | null): boolean {
  if (status === 401 || status === 403) return true;
  if (error === null || status === 429 || status >= 500) return false;
  return DENIED.test(error.code) || (status === 400 && TOKEN_TEXT.test(`${error.message} ${error.details}`));
}

/**
 * A refusal to serve us. Which words mean the token is not for a list to say, for an access token that worked for weeks
 * may be revoked at once: the first refusal gets a new token, and what is refused with that is refused for
 * another cause (a role, an authorisation). A page that is not the vendor's says nothing of either.
 */
function denial(call: CallInfo, answer: Answer): Verdict {
  const { status, error, evidence, wait } = answer;
  // 401 is about the token by its very meaning, whoever sends it.
  if (call.freshLogin !== true && (error !== null || status === 401)) return expired(evidence);
  // It only spoke of a token, of a next page's say.
  if (status === 400 && error !== null && !DENIED.test(error.code)) return byStatus(call, answer);
  return error !== null && error.code !== '' ? refused(evidence) : server(null, evidence, wait);
}

/** A failure of the service, where its code says more than its status: a redirect, a 403 or a 404 stays what it is. */
function failsByCode(status: number, code: string): boolean {
  return (status === 400 || isSuccess(status)) && isServiceCode(code);
}

/**
 * Login with Amazon, RFC 6749 section 5.2: mostly 400 with the cause in `error`. Whatever else it answers concerns the
 * account, never what the token was wanted for.
 */
function classifyLogin(answer: Answer): Verdict {
  const { status, error, evidence, wait } = answer;
  if (error && saysQuota(error)) return rate(evidence, wait);
  // `InvalidClient` as well as `invalid_client`.
  const code = error?.code ?? '';
  switch (code.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase()) {
    // The account has to authorise the application again, or the application's own keys are wrong. Only a person
    // can cure either; a retry with the same grant is counted against the application.
    case 'invalid_grant':
    case 'invalid_client':
    case 'unauthorized_client':
    case 'access_denied':
      return refused(evidence);
    case 'temporarily_unavailable':
    case 'server_error':
      return server(null, evidence, wait);
    case 'slow_down':
      return rate(evidence, wait);
  }
  if (failsByCode(status, code)) return server(null, evidence, wait);
  if (isSuccess(status) && code === '') return { kind: 'ok', evidence };
  if (status === 429) return rate(evidence, wait);
  if (status === 403 && answer.foreign) return server(null, evidence, wait);
  if (status === 401 || status === 403) return refused(evidence);
  return isSuccess(status) || !isTheirs(status) ? misconfigured(evidence) : server(null, evidence, wait);
}

/** S3, by a presigned URL that lives for 5 minutes. Its refusals concern that URL, never our credentials. */
function classifyDocument(answer: Answer): Verdict {
  const { status, error, evidence, wait } = answer;
  const code = error?.code ?? '';
  if (isSuccess(status)) return { kind: 'ok', evidence };
  // Amazon counts a refused download among the quotas that stop the account, whatever code it comes under.
  if ((error && saysQuota(error)) || status === 429) return quota(evidence, wait);
  // S3 reports a slow upload or an overload as 400 and 503; an expired session of the signer as 400.
  if (failsByCode(status, code) || code === 'SlowDown') return server(null, evidence, wait);
  if (code === 'ExpiredToken' || [401, 403, 404, 410].includes(status)) return { kind: 'gone', evidence };
  return byStatus(null, answer);
}

/** Statuses by which the vendor says that the request itself is wrong, if the words are the vendor's. */
const OUR_REQUEST: ReadonlySet<number> = new Set([400, 404, 413, 415, 422]);

/**
 * What is left: timeouts and 5xx are the vendor's, and what is no status. Of the others, only what the vendor calls
 * wrong in its own words concerns this one request. A redirect, a proxy's page or a status that the API does not know
 * would meet any request: the account is set up wrongly, or something stands between.
 */
function byStatus(call: CallInfo | null, { status, error, evidence, wait }: Answer): Verdict {
  if (isTheirs(status)) return server(call, evidence, wait);
  const ours = OUR_REQUEST.has(status) && error !== null && error.code !== '';
  return ours ? { kind: 'invalid', evidence } : misconfigured(evidence);
}

function isTheirs(status: number): boolean {
  return status === 408 || status === 425 || !(status >= 300 && status < 500);
}

function misconfigured(evidence: Evidence): Verdict {
  return { kind: 'blocked', reason: 'configuration', evidence };
}

function quota(evidence: Evidence, wait: StatedWait | null): Verdict {
  // An absurd wait is passed on as it is: the pool's policy holds the account for an operator.
  return { kind: 'quota', statedWaitMs: wait?.ms ?? null, limit: null, evidence };
}

function rate(evidence: Evidence, wait: StatedWait | null): Verdict {
  // Nobody waits days in place: let the pool decide, in the open.
  if (wait?.absurd) return quota(evidence, wait);
  return { kind: 'rate', statedWaitMs: wait?.ms ?? null, limit: null, evidence };
}

/** @param call null where nothing is created. Any 5xx may come from a gateway behind which the report was made. */
function server(call: CallInfo | null, evidence: Evidence, wait: StatedWait | null): Verdict {
  const statedWaitMs = wait && !wait.absurd ? wait.ms : null;
  return { kind: 'server', statedWaitMs, ambiguous: call !== null && creates(call), evidence };
}

function expired(evidence: Evidence): Verdict {
  return { kind: 'auth', reason: 'expired', evidence };
}

function refused(evidence: Evidence): Verdict {
  return { kind: 'auth', reason: 'refused', evidence };
}

/** createReport alone must not be repeated blindly: a second report for the window tends to end FATAL. */
function creates(call: CallInfo): boolean {
  return call.operation === 'createReport';
}

function addressesOne(call: CallInfo): boolean {
  return ['getReport', 'getReportDocument', 'cancelReport'].includes(call.operation);
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function identity(call: CallInfo): Pick<Evidence, 'vendor' | 'account' | 'operation' | 'subject'> {
  const { vendor, account, operation, attributes } = call;
  const { reportType } = attributes;
  return { vendor, account, operation, ...(reportType !== undefined && { subject: reportType }) };
}

function sentence(error: AmazonError): string {
  return error.details && error.details !== error.message
    ? `${error.message} (${error.details})`.trim()
    : error.message;
}

/** The words of a gateway's HTML or text, enough to distinguish them. */
function plainText(body: string): string {
  return body
    .slice(0, 2000)
    .replace(/<[^<>]{0,200}>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 200);
}

/** Scrubbed before it is clipped: a secret that is cut in two is no longer recognised. */
function clean(text: string): string {
  return clipMessage(scrub(text.slice(0, 4000)));
}

function short(text: string): string {
  return clipMessage(scrub(text.slice(0, 4000)), 200);
}

/** Amazon's own id of a call: of the SP-API, or of S3. Undefined when the answer names none. */
export function requestIdOf(headers: Readonly<Record<string, string>>): string | undefined {
  return headerOf(headers, 'x-amzn-requestid', 'x-amz-request-id') || undefined;
}

function headerOf(headers: Readonly<Record<string, string>>, ...names: readonly string[]): string {
  for (const name of names) {
    for (const [key, value] of Object.entries(headers)) if (key.toLowerCase() === name) return value;
  }
  return '';
}

/** Amazon sends the header on these only, and not as a promise. */
const TEACHES = (status: number) => isSuccess(status) || status === 400 || status === 404;
/** Plans lie between one call a day and tens a second. Beyond these bounds it is a mistake, not a plan. */
const MIN_RATE = 1000 / DAY_MS;
const MAX_RATE = 1000;
/** The longest double has some 1,100 digits. */
const MAX_RATE_CHARACTERS = 1_200;

/** The text of a double, however it was printed: `0.0056`, `0.008333333333333333`, `5.6E-3`; NaN for anything else. */
function rateIn(text: string): number {
  const value = text.trim().replace(/^"(.*)"$/, '$1');
  return value.length <= MAX_RATE_CHARACTERS && /^\+?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?$/i.test(value)
    ? Number(value)
    : Number.NaN;
}

/** `x-amzn-RateLimit-Limit`: the rate in force for this account and operation, tokens a second. */
export function learnAmazon(call: CallInfo, response: VendorResponse): readonly LearnedLimit[] {
  if (!TEACHES(response.status) || call.operation === 'login' || call.operation === 'downloadDocument')
    return [];
  // Of a header that came twice, the lower.
  const rates = headerOf(response.headers, 'x-amzn-ratelimit-limit').split(',').map(rateIn);
  const ratePerSecond = Math.min(...rates);
  if (!(ratePerSecond >= MIN_RATE && ratePerSecond <= MAX_RATE)) return [];
  return [{ limit: call.operation, ratePerSecond }];
}
