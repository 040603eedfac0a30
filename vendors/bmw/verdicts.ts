/**
 * What answers of BMW's mean where no code of its own says so: by what the gateways before its services do. A vendor's
 * `classify` reads its own codes first. Pure.
 */
import { MINUTE_MS } from '../../quota/durations';
import type { Evidence, Verdict } from '../../quota/verdict';
import type { StatedWait } from '../../quota/waits';
import type { CallInfo, VendorResponse } from '../contract';
import { type BmwBody, codeIn, readBmwBody, scrub } from './error-body';
import { readJsonObject } from './json';
import { readRefusal, saysQuota } from './refusal';

/** What a verdict is made from. */
export interface BmwAnswer {
  readonly response: VendorResponse;
  readonly body: BmwBody;
  readonly evidence: Evidence;
  /** In a header, or in a text of the refusal. */
  readonly wait: StatedWait | null;
  /** The words of a refusal that speak of a quota; empty when none do. */
  readonly quotaText: string;
  /** Those that say that calls come too fast; empty when none do. */
  readonly paceText: string;
  /** True when the body is an error's, whatever the status. */
  readonly explicit: boolean;
}

/** @param hasContent true when the body is the answer's content and may be of any kind, as a picture is. */
export function readAnswer(
  call: CallInfo,
  received: VendorResponse,
  nowMs: number,
  hasContent = false,
): BmwAnswer {
  const body: BmwBody = hasContent ? { error: null, kind: 'json' } : readBmwBody(received.body);
  const response = hasContent ? received : asSaid(received);
  const { status, headers } = response;
  const isSuccess = status >= 200 && status < 300;
  const error = isSuccess && body.error?.explicit !== true ? null : body.error;
  // Services answer in JSON: under a status of success, other text may be a gateway's refusal.
  const isContent = isSuccess && error === null && body.kind !== 'text' && body.kind !== 'page';
  const refusal = isContent ? null : readRefusal(response, nowMs);
  const quotaText = scrub(refusal?.quotaText ?? '');
  const paceText = scrub(refusal?.paceText ?? '');
  const code = error?.code || (isSuccess ? '' : codeIn(response.statusText ?? ''));
  // Where the body says nothing, the reason phrase may: in 2022 a quota was reported by it alone.
  const words = error?.message || scrub(response.statusText ?? '');
  const message = quotaText === '' || saysQuota(words) ? words || paceText : quotaText;
  const requestId = error?.reference || headers['x-correlation-id'] || headers['bmw-correlation-id'];
  const evidence: Evidence = {
    vendor: call.vendor,
    account: call.account,
    operation: call.operation,
    httpStatus: status,
    ...(code ? { code } : {}),
    ...(message ? { message } : {}),
    ...(requestId ? { requestId: requestId.slice(0, 128) } : {}),
  };
  const wait = refusal?.wait ?? null;
  return { response, body, evidence, wait, quotaText, paceText, explicit: error?.explicit === true };
}

/** `{statusCode, message}` of an error under a status of success: what the body says counts. */
function asSaid(response: VendorResponse): VendorResponse {
  if (response.status < 200 || response.status > 299) return response;
  const { statusCode, message } = readJsonObject(response.body) ?? {};
  const isError = typeof statusCode === 'number' && statusCode >= 400 && statusCode <= 599;
  return isError && typeof message === 'string' ? { ...response, status: Math.trunc(statusCode) } : response;
}

/** Says that the quota it speaks of is used up. */
const SPENT =
  /out of|exceed|exhaust|used up|reached|replenish|(?:auf|ver)braucht|erschöpft|überschritten|erreicht|dépass|épuis|superad|agotad|superat|esaurit|overschreden/i;
/** "Too fast" is over soon; a longer wait is a quota's, ms. */
const LONG_WAIT_MS = 5 * MINUTE_MS;

/** HTTP status of a client that is shut out for good. */
const BLOCKED = 489;

/**
 * The verdict by status, headers and text; null for a success with a usable body.
 *
 * A 403 that states a wait, or speaks of a quota, is a quota and no matter of credentials: those state no wait.
 * @param acts true when the request changes something at the vendor: an answer that was lost may have been carried out.
 */
export function byGateway(
  { response: { status }, body, evidence, wait, quotaText, paceText }: BmwAnswer,
  { limit, acts, freshLogin }: { limit: string | null; acts: boolean; freshLogin: boolean },
): Verdict | null {
  const statedWaitMs = wait?.ms ?? null;
  const isRefusal = status < 200 || status >= 300;
  if (status === BLOCKED) return { kind: 'blocked', evidence };
  // Refused credentials state no wait and have used nothing up, so not even a 401 that says so is about them.
  const isSpent = status === 401 ? wait !== null || SPENT.test(quotaText) : status === 403 || status === 429;
  // Under a status of success only text that no service writes comes here.
  if (quotaText !== '' && (isSpent || wait !== null || !isRefusal)) {
    return { kind: 'quota', statedWaitMs, limit, evidence };
  }
  if (isRefusal && status !== 401) {
    // "Too many" is a matter of the pace while it is over soon; without a wait, or with a long one, it is not.
    if (status === 429 || (status === 403 && paceText !== '')) {
      return isShort(wait)
        ? { kind: 'rate', statedWaitMs, limit: null, evidence }
        : { kind: 'quota', statedWaitMs, limit, evidence };
    }
    if (status === 403 && wait !== null) return { kind: 'quota', statedWaitMs, limit, evidence };
  }
  if (status === 401) return { kind: 'auth', reason: freshLogin ? 'refused' : 'expired', evidence };
  // A firewall's page, a proxy that wants a login, a redirection to either: no service of the vendor's has answered.
  if (status === 407 || status === 511 || (status >= 300 && status < 400)) return elsewhere(evidence);
  if (status === 403) {
    return body.kind === 'json' && body.error !== null
      ? { kind: 'auth', reason: 'refused', evidence }
      : elsewhere(evidence);
  }
  if (status >= 500 || status === 408 || status < 200) return failed(evidence, wait, acts);
  if (status === 404 || status === 410) return { kind: 'gone', evidence };
  if (isRefusal) return { kind: 'invalid', evidence };
  if (body.kind === 'page' || body.kind === 'text') {
    const message = body.kind === 'page' ? 'the answer is a web page' : 'the answer is not JSON';
    return failed({ ...evidence, message }, wait, true);
  }
  return null;
}

export function failed(evidence: Evidence, wait: StatedWait | null, acts: boolean): Verdict {
  return { kind: 'server', statedWaitMs: wait && !wait.absurd ? wait.ms : null, ambiguous: acts, evidence };
}

function elsewhere(evidence: Evidence): Verdict {
  return { kind: 'blocked', reason: 'configuration', evidence };
}

function isShort(wait: StatedWait | null): boolean {
  return wait !== null && wait.ms < LONG_WAIT_MS;
}
