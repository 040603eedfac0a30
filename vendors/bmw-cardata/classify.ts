/**
 * What an answer of CarData's means. Its 403 stands for a used-up quota, a missing scope, a foreign vehicle, a container
 * that has gone and a missing token alike: the code in the body is read before the status.
 *
 * Source: BMW CarData integration guide, error codes; RFC 8628 and RFC 6749 for the login.
 */
import type { Verdict } from '../../quota/verdict';
import { scrub } from '../bmw/error-body';
import { type BmwAnswer, byGateway, failed, readAnswer } from '../bmw/verdicts';
import type { CallInfo, CallResult, VendorResponse } from '../contract';
import { unanswered } from '../unanswered';
import { API_OPERATIONS, DAY_LIMIT, LOGIN_OPERATIONS, type QuotaWindow, usedUpForMs } from './limits';

type Meaning = 'quota' | 'token' | 'refused' | 'gone' | 'invalid' | 'server';

const MEANINGS: ReadonlyMap<string, Meaning> = new Map([
  ['CU-429', 'quota'],
  // The token is missing, wrong or expired.
  ['CU-100', 'token'],
  ['CU-101', 'token'],
  ['CU-102', 'token'],
  ['TP-403', 'token'],
  // The token lacks the scope: a new one would, too, until a person allows it.
  ['CU-103', 'refused'],
  // The vehicle is not this user's.
  ['CU-104', 'invalid'],
  ['CU-105', 'gone'],
  // The form of a VIN, of a parameter.
  ['CU-120', 'invalid'],
  ['CU-121', 'invalid'],
  // Containers: what they name, how many there are.
  ['CU-122', 'invalid'],
  ['CU-124', 'invalid'],
  ['CU-125', 'invalid'],
  ['CU-400', 'invalid'],
  ['CU-401', 'invalid'],
  ['CU-402', 'invalid'],
  ['CU-500', 'server'],
  ['CU-503', 'server'],
]);

/** Of the login: what OAuth calls an error. */
const LOGIN_MEANINGS: ReadonlyMap<string, Meaning | 'pending'> = new Map([
  ['authorization_pending', 'pending'],
  ['slow_down', 'pending'],
  ['expired_token', 'gone'],
  ['access_denied', 'invalid'],
  ['invalid_request', 'invalid'],
  ['unsupported_grant_type', 'invalid'],
  ['invalid_scope', 'refused'],
  ['invalid_client', 'refused'],
  ['unauthorized_client', 'refused'],
  ['server_error', 'server'],
  ['temporarily_unavailable', 'server'],
]);

const LOGINS: ReadonlySet<string> = new Set(Object.values(LOGIN_OPERATIONS));
/** An answer that was lost may have been carried out: a container made or removed, a refresh token used. */
const ACTING: ReadonlySet<string> = new Set([
  API_OPERATIONS.createContainer,
  API_OPERATIONS.removeContainer,
  LOGIN_OPERATIONS.refresh,
]);

/** Total. @param nowMs when the answer came: a day's quota is used up until the day ends. */
export function classifyCarData(
  call: CallInfo,
  result: CallResult,
  nowMs: number,
  quotaWindow: QuotaWindow,
): Verdict {
  if (result.kind === 'transport') return unanswered(call, result.error, scrub);
  const answer = readAnswer(call, result.response, nowMs, isPicture(call, result.response));
  return LOGINS.has(call.operation) ? ofLogin(call, answer) : ofApi(call, answer, nowMs, quotaWindow);
}

function isPicture({ operation }: CallInfo, { status, headers, body }: VendorResponse): boolean {
  const type = headers['content-type'] ?? '';
  const isText = /json|text|xml|html/i.test(type) || (type === '' && /^\s*[<{[]/.test(body));
  return operation === API_OPERATIONS.image && status >= 200 && status < 300 && body !== '' && !isText;
}

function ofApi(call: CallInfo, answer: BmwAnswer, nowMs: number, quotaWindow: QuotaWindow): Verdict {
  const { evidence, wait, response } = answer;
  const meaning = meaningOf(evidence.code ?? '', response.status);
  const acts = ACTING.has(call.operation);
  if (meaning === 'quota') return usedUp(answer, nowMs, quotaWindow);
  if (meaning === 'token') {
    return { kind: 'auth', reason: call.freshLogin === true ? 'refused' : 'expired', evidence };
  }
  if (meaning === 'refused') return { kind: 'auth', reason: 'refused', evidence };
  if (meaning === 'server') return failed(evidence, wait, acts);
  if (meaning !== null) return { kind: meaning, evidence };
  // A code that is in no list: the service has answered, and refuses this request. No gateway's meaning of 403 applies,
  // unless it speaks of a quota all the same.
  const isOwnCode = /^CU-/i.test(evidence.code ?? '');
  if (
    isOwnCode &&
    !isOfLimits(answer) &&
    response.status < 500 &&
    ![401, 429, 489].includes(response.status)
  ) {
    return { kind: 'invalid', evidence };
  }
  const verdict = byGateway(answer, {
    limit: DAY_LIMIT,
    acts,
    freshLogin: call.freshLogin === true,
  });
  if (verdict?.kind === 'quota' && verdict.statedWaitMs === null) return usedUp(answer, nowMs, quotaWindow);
  if (verdict !== null) return verdict;
  if (answer.explicit) return { kind: 'invalid', evidence };
  // Nothing to say is an answer where nothing was asked for, and with the status that says so.
  const mayBeEmpty = call.operation === API_OPERATIONS.removeContainer || response.status === 204;
  if (answer.body.kind === 'empty' && !mayBeEmpty) {
    return failed({ ...evidence, message: 'the answer is empty' }, wait, acts);
  }
  return { kind: 'ok', evidence };
}

/** Speaks of a quota, of the pace, or of a wait. */
function isOfLimits({ quotaText, paceText, wait }: BmwAnswer): boolean {
  return quotaText !== '' || paceText !== '' || wait !== null;
}

function usedUp({ evidence, wait }: BmwAnswer, nowMs: number, quotaWindow: QuotaWindow): Verdict {
  const statedWaitMs = wait?.ms ?? usedUpForMs(quotaWindow, nowMs);
  return { kind: 'quota', statedWaitMs, limit: DAY_LIMIT, evidence };
}

/**
 * The code as the vendor's page has it, however an answer writes it; null for any other. CU-401 comes with 401 where a token
 * is refused, and with other statuses for a request.
 */
function meaningOf(code: string, status: number): Meaning | null {
  const match = /^([a-z]{2})[-_ ]?(\d{3})$/i.exec(code.trim());
  const known = match ? `${match[1]?.toUpperCase()}-${match[2]}` : '';
  if (known === 'CU-401' && status === 401) return 'token';
  return MEANINGS.get(known) ?? null;
}

function ofLogin(call: CallInfo, answer: BmwAnswer): Verdict {
  const { evidence, wait } = answer;
  const code = (evidence.code ?? '').toLowerCase();
  const isRefresh = call.operation === LOGIN_OPERATIONS.refresh;
  // A gateway puts its refusal into OAuth's form, too: what speaks of a quota says nothing of who asks.
  const byText = byGateway(answer, { limit: null, acts: isRefresh, freshLogin: true });
  if (meaningOf(evidence.code ?? '', answer.response.status) === 'quota') {
    return { kind: 'quota', statedWaitMs: wait?.ms ?? null, limit: null, evidence };
  }
  const ofPerson = LOGIN_MEANINGS.get(code) === 'pending' || code === 'expired_token';
  if (!ofPerson && (byText?.kind === 'quota' || byText?.kind === 'rate')) return byText;
  // Of a refresh it is the account's word that has run out; of a device code, that code alone.
  if (code === 'invalid_grant') {
    return isRefresh ? { kind: 'auth', reason: 'refused', evidence } : { kind: 'gone', evidence };
  }
  const meaning = LOGIN_MEANINGS.get(code);
  if (meaning === 'pending') return { kind: 'pending', statedWaitMs: wait?.ms ?? null, evidence };
  if (meaning === 'server') return failed(evidence, wait, isRefresh);
  if (meaning === 'refused' || meaning === 'token') return { kind: 'auth', reason: 'refused', evidence };
  if (meaning === 'gone' || meaning === 'invalid') return { kind: meaning, evidence };
  // No token was sent, so none can have expired.
  if (byText !== null) return byText;
  if (answer.explicit) return { kind: 'invalid', evidence };
  if (answer.body.kind === 'empty') {
    return failed({ ...evidence, message: 'the answer is empty' }, wait, isRefresh);
  }
  return { kind: 'ok', evidence };
}
