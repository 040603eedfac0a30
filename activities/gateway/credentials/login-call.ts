/**
 * One request of a person's login: a call with a permit, as any other. What the login itself makes of the answer comes
 * first: that a person has not entered a code yet, or a wrong password, says nothing of the account. Anything else is
 * judged as the vendor's answers are. Nothing of a login holds the pool for want of a login.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Dispatcher } from 'undici';
import type { Evidence, Verdict } from '../../../quota/verdict';
import type { CallableAccount } from '../../../settings/accounts/accounts';
import type { ProofKey } from '../../../vendors/capabilities/login';
import type { VendorResponse } from '../../../vendors/contract';
import type { HttpRequest } from '../../../vendors/http';
import { sendForText } from '../http/http';
import type { VendorGateway } from '../vendor-call';
import { tokensIn } from './token-fields';

export interface LoginCallDeps {
  readonly gateway: VendorGateway;
  readonly dispatcher: Dispatcher;
  readonly timeoutMs: number;
}

export interface LoginCall<T> {
  readonly operation: string;
  readonly request: HttpRequest;
  /** Values that the request carries; grows by what is secret in the answer, which the next request may carry. */
  readonly secrets: string[];
  readonly inlineWaitMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** What the login makes of the answer, as it came; null: it is judged as any answer is. */
  judge(response: VendorResponse): T | null;
}

/** An answer that cannot be understood. */
export class UnreadableLogin extends Error {
  override readonly name = 'UnreadableLogin';
}

const LOGIN_WAIT_MS = 5_000;

/** @throws PoolClosed, PermitWait, CallFailed, UnreadableLogin. */
export async function loginCall<T>(
  deps: LoginCallDeps,
  account: CallableAccount,
  call: LoginCall<T>,
): Promise<T> {
  const { operation, request, secrets, signal, inlineWaitMs = LOGIN_WAIT_MS } = call;
  const closed = await deps.gateway.whyClosed(account, operation, true);
  if (closed) throw closed;
  let answer: VendorResponse | null = null;
  let judged: T | null = null;
  const classify: CallableAccount['vendor']['classify'] = (info, result, nowMs) => {
    if (result.kind === 'response' && answer !== null) judged = call.judge(answer);
    const verdict =
      judged === null ? account.vendor.classify(info, result, nowMs) : accepted(account, operation, answer);
    return verdict.kind === 'auth' ? { kind: 'invalid', evidence: verdict.evidence } : verdict;
  };
  await deps.gateway.call({
    account: { ...account, vendor: { ...account.vendor, classify } },
    operation,
    priority: 'interactive',
    caller: 'login',
    auth: null,
    outsidePool: true,
    secrets,
    attempt: 1,
    inlineWaitMs,
    ...(signal ? { signal } : {}),
    send: (_, __, pass) =>
      sendForText(request, {
        dispatcher: deps.dispatcher,
        timeoutMs: deps.timeoutMs,
        pass,
        inspect: (response) => {
          answer = response;
          const found = tokensIn(response.body, response.headers);
          secrets.push(...found);
          return found;
        },
      }),
  });
  if (judged === null) throw new UnreadableLogin(`the answer to ${operation} is not as it should be`);
  return judged;
}

function accepted(account: CallableAccount, operation: string, answer: VendorResponse | null): Verdict {
  const evidence: Evidence = {
    vendor: account.vendor.id,
    account: account.name,
    operation,
    ...(answer !== null && { httpStatus: answer.status }),
  };
  return { kind: 'ok', evidence };
}

/** RFC 7636, method S256. */
export function newProofKey(): ProofKey {
  const verifier = randomBytes(48).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}
