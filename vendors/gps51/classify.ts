/**
 * What an answer of GPS51's means. Errors come as HTTP 200 with a `status` in the body, so the body is read first.
 * No wait is ever stated: all recovery is modelled, but for a used-up account, which is whole again when the
 * vendor's day ends. 8905 on a trajectory call may mean the device alone: the verdict says so.
 *
 * Sources: GPS51 Open API, "API Call Instructions" (codes); rules of operation for 9904 and for a 9903 that returns
 * after a fresh login, which count as "too fast".
 */

import { nextBoundary, startOfDay } from '../../quota/calendar';
import { DAY_MS, MINUTE_MS } from '../../quota/durations';
import type { Evidence, RateVerdict, Verdict } from '../../quota/verdict';
import { parseRetryAfter } from '../../quota/waits';
import type { CallInfo, CallResult, VendorResponse } from '../contract';
import { unanswered } from '../unanswered';
import { readBody, saysDone, scrub } from './body';
import { isCommandStatus, isFromDevice } from './command-status';

/** The limit whose wait all callers of an egress IP share. */
const IP_LIMIT = 'ip-per-minute';
const DAY_LIMIT = 'account-per-day';
/** 8905 is the account's code, and seemingly also that of a device whose calls a day are used up. */
const DEVICE_LIMIT = 'device-trajectory-per-day';
const OF_DEVICE: ReadonlySet<string> = new Set(['querytracks', 'querytrips']);

/** After the turn of the vendor's day, ms. */
const MARGIN_MS = 5000;
/** So far its clock may be behind ours, ms. */
const CLOCKS_APART_MS = 10 * MINUTE_MS;

/** Two days before the end of time as a Date knows it. */
const LAST_DAY_MS = 8.64e15 - 2 * DAY_MS;

const LOGINS: ReadonlySet<string> = new Set(['login', 'user-login']);
/** Calls that act: an answer that was lost may have been carried out. */
const ACTING: ReadonlySet<string> = new Set(['sendcmd', 'sendcommand']);
/** Calls whose `status` is the result of a command. */
const ANSWERS_WITH_RESULT: ReadonlySet<string> = new Set(['sendcmd', 'sendcommand', 'querycommand']);

/**
 * Total.
 * @param zone of the vendor's days.
 * @param nowMs when the answer came: a day's quota is paused until the day ends.
 */
export function classifyGps51(call: CallInfo, result: CallResult, nowMs: number, zone: string): Verdict {
  const identity = { vendor: call.vendor, account: call.account, operation: call.operation };
  if (result.kind === 'transport') return unanswered(call, result.error, scrub);
  const { status: httpStatus, body } = result.response;
  const root = readBody(body);
  const evidence: Evidence = {
    ...identity,
    httpStatus,
    ...(root?.status == null ? {} : { code: String(root.status) }),
    ...(root?.cause ? { message: root.cause } : {}),
  };
  const status = root?.status ?? null;
  const known = status === null ? null : byCode(call, status, evidence, nowMs, zone);
  if (known) return known;
  const cause = evidence.message ?? '';
  const isFailure = status !== 0 && !isResult(call, status);
  const mayBeRefused = !isFailure && mayBeOfCall(call, status, root?.root ?? {});
  const isOfCalls = isFailure || (mayBeRefused && OF_CALLS.test(cause));
  if (isOfCalls && USED_UP.test(cause)) return usedUp(call, evidence, nowMs, zone);
  if (isOfCalls && TOO_FAST.test(cause)) return tooFast(evidence);
  if (tellsOfToken(call, status, httpStatus, cause)) return tokenRefused(call, evidence);
  if (isFailure) {
    // Platforms repeat a status of HTTP in the body.
    if (status === 200 && saysDone(cause)) return { kind: 'ok', evidence };
    const named = status === null ? null : byNamedStatus(call, status, result.response, evidence, nowMs);
    if (named) return named;
    if (BUSY.test(cause) || FAILED.test(cause)) return service(call, null, evidence);
    if (!LOGINS.has(call.operation) && NOT_ADMITTED.test(cause) && !OF_DEVICE_WORDS.test(cause)) {
      return { kind: 'blocked', evidence };
    }
  }
  // An empty list beside such words is no empty day.
  const isRead = !ANSWERS_WITH_RESULT.has(call.operation);
  if (mayBeRefused && isRead && BUSY.test(cause)) return service(call, null, evidence);
  const overall = byHttp(call, result.response, root === null, evidence, nowMs);
  if (overall) return overall;
  return status === null
    ? { kind: 'invalid', evidence: { ...evidence, message: noStatusText(cause) } }
    : byStatus(call, status, evidence);
}

/** The codes of the vendor's page, whatever the HTTP status; null for any other. */
function byCode(
  call: CallInfo,
  status: number,
  evidence: Evidence,
  nowMs: number,
  zone: string,
): Verdict | null {
  switch (status) {
    case 8902:
      return tooFast(evidence);
    case 9904:
      // Elsewhere it means "parameter error": of one device's call it may well be that, and then it stays.
      return OF_DEVICE.has(call.operation) ? { ...tooFast(evidence), mayBeOfItem: true } : tooFast(evidence);
    case 9903:
    case 9906:
      return tokenRefused(call, evidence);
    case 8905:
      return usedUp(call, evidence, nowMs, zone);
    case 8903:
    case 8904:
    case 8906:
      return { kind: 'blocked', evidence };
    case 8901:
      return { kind: 'invalid', evidence };
    default:
      return null;
  }
}

function noStatusText(cause: string): string {
  return cause === '' ? 'the answer has no status' : `the answer has no status that is a number: ${cause}`;
}

function usedUp(call: CallInfo, evidence: Evidence, nowMs: number, zone: string): Verdict {
  return {
    kind: 'quota',
    statedWaitMs: untilDayEnds(nowMs, zone),
    limit: DAY_LIMIT,
    ...(OF_DEVICE.has(call.operation) ? { orLimit: DEVICE_LIMIT } : {}),
    evidence,
  };
}

function tooFast(evidence: Evidence): RateVerdict {
  return { kind: 'rate', statedWaitMs: null, limit: IP_LIMIT, evidence };
}

/** An old token gets one new login. What a new one does not cure is no matter of tokens: it counts as "too fast". */
function tokenRefused(call: CallInfo, evidence: Evidence): Verdict {
  // Where no token was sent, none can have expired: the credentials do not work.
  if (LOGINS.has(call.operation)) return { kind: 'auth', reason: 'refused', evidence };
  // The token of an end user's call is always fresh, for it is requested just before.
  return call.freshLogin === true || call.foreign === true
    ? tooFast(evidence)
    : { kind: 'auth', reason: 'expired', evidence };
}

const TOKEN =
  '(?:token|session|ticket|credential|sesi[oó]n|sess[aã]o|sessione|sitzung|jeton|сесси|токен|авториз|phiên|جلسة|토큰|세션|トークン|セッション|令牌|会话|登录|登陆)';
const OVER = String.raw`(?:expir|abgelaufen|ung[üu]ltig|scadut|caducad|истек|недейств|hết hạn|انتهит|만료|期限切れ|invalid|illegal|time[\s_-]?out|timed[\s_-]?out|not[\s_-]?(?:found|exist|valid)|missing|wrong|error|lost|失效|过期|无效|超时|不存在)`;
/** Says that a token is none, whichever comes first. */
const TOKEN_OVER = new RegExp(`${TOKEN}.{0,40}${OVER}|${OVER}.{0,40}${TOKEN}`, 'iu');
const LOG_IN =
  /(?:please|must|need|re|not|no|again|请|重新|未)[\s_-]*(?:to[\s_-]*)?(?:be[\s_-]*)?(?:log|sign|登录|登陆)(?:ged|ed)?[\s_-]?(?:in|on)?(?![a-z])|auth(?:entication|ori[sz]ation)[\s_-]*(?:is[\s_-]*)?(?:required|needed|failed)|unauthori[sz]ed/iu;
/** Has to do with tokens or logins at all. */
const OF_TOKENS = new RegExp(
  `${TOKEN}|(?<![a-z])(?:log|sign)(?:ged|ed)?[\\s_-]?(?:in|on|out|off)(?![a-z])|unauthori[sz]ed|(?<![a-z])auth`,
  'iu',
);
/** A command that did not get through: it is the device that is not online. */
const OF_DEVICE_WORDS = /device|terminal|vehicle|tracker|设备|终端|车辆/iu;
/** "ip limit:<ip>" and the like, under a status of a platform's own. */
const TOO_FAST =
  /\bip[\s_-]?limit|too[\s_-]?(?:many|fast|frequent|often)|rate[\s_-]?limit|frequency|throttl|频繁|频率|过快|限流/iu;
/** Words that can only be about calls, whatever status they stand beside: a device's own settings have frequencies, too. */
const OF_CALLS =
  /\bip[\s_-]?limit|\brate[\s_-]?limit|\b(?:requests?|calls?|api|access)\b|请求|调用|访问|接口|次数|限流/iu;
/** 8905 in words: the calls of a day. */
const USED_UP =
  /^(?=.*\b(?:calls?|requests?|quota|limit|api|times)\b).*(?:\b(?:daily|per day|today'?s?)\b.{0,40}(?:exceed|reach|used[\s_-]?up|exhaust)|(?:exceed|reach|used[\s_-]?up|exhaust).{0,40}\b(?:daily|per day|today)\b)|(?:今日|当日|每日|当天).{0,20}(?:用完|用尽|上限)|次数.{0,10}(?:用完|用尽|上限)/iu;
/** The platform's own failure, whatever status it stands beside: another call may succeed. */
const BUSY =
  /\b(?:system|server|service)\b.{0,20}\b(?:busy|unavailable|abnormal)|\btry again later|\bmaintenance\b|繁忙|稍后|维护|系统异常/iu;
/** The same beside a status of failure, where less plain words say it, too. */
const FAILED =
  /\b(?:system|server|service)\b.{0,20}\b(?:error|exception)|\btemporar|\btimed?[\s_-]?out\b(?! of)|\binternal (?:server )?error|database|\b(?:another|previous|last) (?:request|query|operation|call)\b.{0,40}\b(?:process|progress|running|execut|finish|complet)|超时|系统错误/iu;
/** 8903 and 8904 in words. */
const NOT_ADMITTED =
  /white[\s_-]?list|白名单|\b(?:account|user|ip)\b.{0,20}\b(?:restricted|disabled|suspended|frozen|banned|blocked|forbidden)\b|(?:账号|账户|用户).{0,6}(?:禁用|冻结|停用|受限)/iu;

/**
 * An expired token comes under other codes than its own, too: then the message decides. Where the code is one that is in no
 * list, any word of tokens will do, for a login costs one call. A command's result has codes of its own, and words that may
 * be the device's; there, and beside a 0, the words have to be plain.
 */
function tellsOfToken(call: CallInfo, status: number | null, httpStatus: number, cause: string): boolean {
  if (LOGINS.has(call.operation)) return false;
  // 401 is about the token by its very meaning, with or without words.
  if (httpStatus === 401) return true;
  // Without a status the words are whoever's between, unless they are plain.
  if (status === null) return TOKEN_OVER.test(cause) || LOG_IN.test(cause);
  if (isResult(call, status) && status !== 0) {
    if (call.freshLogin === true || isFromDevice(status) || OF_DEVICE_WORDS.test(cause)) return false;
  }
  if (TOKEN_OVER.test(cause) || LOG_IN.test(cause)) return true;
  return status !== 0 && !isResult(call, status) && OF_TOKENS.test(cause);
}

/**
 * Whether words beside a success, or beside a command's result, may be a refusal of the call itself: not where it has
 * brought anything, and not where the result says that the device was reached.
 */
function mayBeOfCall(
  call: CallInfo,
  status: number | null,
  root: Readonly<Record<string, unknown>>,
): boolean {
  if (status !== 0) return status !== null && isResult(call, status) && !isFromDevice(status);
  return !Object.entries(root).some(([name, value]) => isContent(name, value));
}

/** More than the words and numbers that answers have which bring nothing. */
function isContent(name: string, value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return /^(?:token|command_?id|cmd_?id)$/i.test(name) && value !== '' && value !== null;
}

/** What became of a command, and no code of the call. */
function isResult({ operation }: CallInfo, status: number | null): boolean {
  return status !== null && isCommandStatus(status) && ANSWERS_WITH_RESULT.has(operation);
}

/**
 * The vendor's clock is not ours. A pause ends a little after our midnight; and what is refused right after it is
 * refused by a day that has not ended there, which is no reason to wait for another one.
 * Null for a clock that no calendar has; then the pause is modelled.
 */
function untilDayEnds(nowMs: number, zone: string): number | null {
  // The other way round than one would write it: NaN is not below anything.
  if (!(Math.abs(nowMs) < LAST_DAY_MS)) return null;
  const began = startOfDay(nowMs, zone);
  if (nowMs - began < CLOCKS_APART_MS) return began + CLOCKS_APART_MS - nowMs;
  return nextBoundary(nowMs, 'day', zone) + MARGIN_MS - nowMs;
}

/** What the HTTP status says, where it says anything: the vendor itself always answers with 200 and JSON. */
function byHttp(
  call: CallInfo,
  { status, headers }: VendorResponse,
  unreadable: boolean,
  evidence: Evidence,
  nowMs: number,
): Verdict | null {
  if (status === 429) {
    const wait = parseRetryAfter(headers, nowMs);
    if (wait?.absurd) return { kind: 'quota', statedWaitMs: wait.ms, limit: null, evidence };
    return { kind: 'rate', statedWaitMs: wait?.ms ?? null, limit: IP_LIMIT, evidence };
  }
  if (status >= 500 || status === 408 || unreadable) {
    const wait = parseRetryAfter(headers, nowMs);
    return service(call, wait && !wait.absurd ? wait.ms : null, evidence);
  }
  if (status === 401) return tokenRefused(call, evidence);
  return status >= 200 && status < 300 ? null : { kind: 'invalid', evidence };
}

/** A status of HTTP's in the body; null for one that says nothing of all calls. */
function byNamedStatus(
  call: CallInfo,
  status: number,
  { headers, body }: VendorResponse,
  evidence: Evidence,
  nowMs: number,
): Verdict | null {
  if (status === 401) return tokenRefused(call, evidence);
  const isOfAll = status === 408 || status === 429 || (status >= 500 && status < 600);
  return isOfAll ? byHttp(call, { status, headers, body }, false, evidence, nowMs) : null;
}

/** A command may have been carried out all the same. */
function service({ operation }: CallInfo, statedWaitMs: number | null, evidence: Evidence): Verdict {
  return { kind: 'server', statedWaitMs, ambiguous: ACTING.has(operation), evidence };
}

/** A status that is none of the codes: 0, what became of a command, or something unheard of. */
function byStatus(call: CallInfo, status: number, evidence: Evidence): Verdict {
  const { operation } = call;
  if (status === 0 || isResult(call, status)) return { kind: 'ok', evidence };
  // The page lists no code for wrong credentials. −1 is "abnormal", not "refused".
  if (LOGINS.has(operation) && status !== -1) return { kind: 'auth', reason: 'refused', evidence };
  if (operation === 'querycommand' && status === -1) {
    // Nothing is known of the command then, and a code would be taken for the vendor's last word on it.
    const { code: _, ...rest } = evidence;
    return { kind: 'invalid', evidence: { ...rest, message: `-1 (abnormal): ${evidence.message ?? ''}` } };
  }
  return { kind: 'invalid', evidence };
}
