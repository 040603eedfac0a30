/**
 * What an answer of MyBMW's means. A quota comes as 403 (with its text in the body, or in the reason phrase alone), a rate
 * limit as 429; both may state a wait. A quota is the user agent's and so the deployment's, and no matter of credentials:
 * tokens stay. 489 shuts the user agent out for good.
 */
import type { Verdict } from '../../quota/verdict';
import { scrub } from '../bmw/error-body';
import { type BmwAnswer, byGateway, failed, readAnswer } from '../bmw/verdicts';
import type { CallInfo, CallResult } from '../contract';
import { unanswered } from '../unanswered';
import { OPERATIONS, QUOTA_LIMIT } from './limits';

const LOGINS: ReadonlySet<string> = new Set([OPERATIONS.login, OPERATIONS.refresh]);
/** An answer that was lost may have been carried out. */
const ACTING: ReadonlySet<string> = new Set([OPERATIONS.command, OPERATIONS.refresh]);
/** Calls about one vehicle, or one command to it: a refusal of theirs may be of that one alone. */
const OF_ONE: ReadonlySet<string> = new Set([
  OPERATIONS.profile,
  OPERATIONS.state,
  OPERATIONS.charging,
  OPERATIONS.command,
  OPERATIONS.eventStatus,
  OPERATIONS.eventPosition,
]);

/** Total. */
export function classifyMyBmw(call: CallInfo, result: CallResult, nowMs: number): Verdict {
  if (result.kind === 'transport') return unanswered(call, result.error, scrub);
  const answer = readAnswer(call, result.response, nowMs);
  return ofDeployment(LOGINS.has(call.operation) ? ofLogin(call, answer) : ofService(call, answer));
}

function ofService(call: CallInfo, answer: BmwAnswer): Verdict {
  const { evidence, wait, response, body } = answer;
  const acts = ACTING.has(call.operation);
  const freshLogin = call.freshLogin === true;
  const verdict = byGateway(answer, { limit: QUOTA_LIMIT, acts, freshLogin });
  if (verdict?.kind === 'auth' && response.status === 403) {
    // What no token is to blame for is a vehicle that is not this user's, or a service that it does not have.
    if (speaksOfTokens(answer)) return { kind: 'auth', reason: freshLogin ? 'refused' : 'expired', evidence };
    if (OF_ONE.has(call.operation)) return { kind: 'invalid', evidence };
  }
  if (verdict !== null) return verdict;
  if (body.kind === 'empty') return failed({ ...evidence, message: 'the answer is empty' }, wait, acts);
  return { kind: 'ok', evidence };
}

function speaksOfTokens({ evidence }: BmwAnswer): boolean {
  return /\btoken\b/i.test(`${evidence.code ?? ''} ${evidence.message ?? ''}`.replaceAll('_', ' '));
}

/**
 * A login's steps are a person's: what they enter may be wrong, which holds nothing. A refresh is the account's: refused,
 * it needs a person.
 */
function ofLogin(call: CallInfo, answer: BmwAnswer): Verdict {
  const { evidence, wait, response, body } = answer;
  const isRefresh = call.operation === OPERATIONS.refresh;
  if (!isRefresh && response.status === 302) return { kind: 'ok', evidence };
  const verdict = byGateway(answer, { limit: QUOTA_LIMIT, acts: isRefresh, freshLogin: true });
  const isOauth = /^(?:invalid|unauthorized|unsupported|access)_\w+$/.test(evidence.code ?? '');
  const refuses = verdict?.kind === 'auth' || ((verdict?.kind === 'invalid' || verdict === null) && isOauth);
  if (refuses) {
    return isRefresh ? { kind: 'auth', reason: 'refused', evidence } : { kind: 'invalid', evidence };
  }
  if (verdict !== null) return verdict;
  if (body.kind === 'empty') return failed({ ...evidence, message: 'the answer is empty' }, wait, isRefresh);
  return { kind: 'ok', evidence };
}

const SHUT_OUT =
  'BMW shuts this user agent out: since 2025-09 it serves its own clients alone. Where you have no leave of theirs, use bmw-cardata instead';

/** Quota and exclusion are of the user agent, which all accounts of the deployment call with. */
function ofDeployment(verdict: Verdict): Verdict {
  if (verdict.kind === 'quota') return { ...verdict, scope: 'organization' };
  if (verdict.kind !== 'blocked' || verdict.reason !== undefined) return verdict;
  const { evidence } = verdict;
  const said = evidence.message ? ` ("${evidence.message}")` : '';
  return { ...verdict, scope: 'organization', evidence: { ...evidence, message: `${SHUT_OUT}${said}` } };
}
