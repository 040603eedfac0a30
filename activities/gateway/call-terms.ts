/** Describes a call to a vendor: its account, what it is charged to, how it is sent and retried. */
import type { Charge, LimitInstance, Priority } from '../../quota/limits/limit';
import { backoffFor } from '../../quota/retry-delay';
import type { Verdict } from '../../quota/verdict';
import { type CallableAccount, isUnmetered } from '../../settings/accounts/accounts';
import type { PermitRecord } from '../../store/permits/outside-permits';
import type { FreshToken } from '../../store/secrets/fresh-token';
import type { CallInfo, CallResult } from '../../vendors/contract';
import type { CallPass } from './call-pass';
import type { Preparation } from './permits/gate';

/** Hands out an account's token; one caller of all processes renews it. */
export interface TokenSource {
  /**
   * @param staleVersion the version that the vendor has just called expired; 0 for none.
   * @throws CredentialsRefusedError, or what the login call fails with.
   */
  token(staleVersion: number, signal: AbortSignal | undefined): Promise<FreshToken>;
  /** Lets one caller ask the vendor again with credentials that it refused before `since`, epoch ms. */
  reconsider?(since: number): Promise<void>;
}

/** What a call is charged to and how it is retried. */
export interface CallTerms {
  readonly account: CallableAccount;
  readonly operation: string;
  /** Further attributes for limit scopes, e.g. a device id. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** What part of its subject the call is about, a marketplace say: access to it may be refused alone. */
  readonly part?: string;
  readonly priority: Priority;
  /** Who calls, for "who spent what": a dataset or function name. */
  readonly caller: string;
  /** Units charged to token limits; 1 is charged to call limits. */
  readonly tokens?: number;
  /** Null for calls that carry no token: a login, a pre-signed URL. */
  readonly auth: TokenSource | null;
  /** True for the login, which is no call to the pool's API: no permit, and its outcome ends no probe. */
  readonly outsidePool?: boolean;
  /**
   * True for a call with credentials that are not the account's own, e.g. an end user's. It is charged to the limits
   * that its attributes name, and a rate verdict stops every caller of those; but what the vendor says of that user's
   * quota or credentials leaves the account's pool as it is, and is thrown as CallFailed. A pause for want of
   * quota does not stop it; a pool that is held, or open because the vendor is down, does.
   */
  readonly foreign?: boolean;
  /**
   * True for a call whose answer waits for something behind the vendor, a device say: that it does not come in time
   * says nothing about the vendor, and does not open the pool.
   */
  readonly answeredByDevice?: boolean;
  /** True where the caller reports to operators itself what it waits for. */
  readonly tellsWaits?: boolean;
  /**
   * Whether a refusal in the words for what concerns all, credentials say, is known to be of this call alone: then it is
   * thrown as CallFailed, and the account goes on.
   */
  isItsOwn?(verdict: Verdict): boolean;
  /** 1 for the first try; drives the backoff. */
  readonly attempt: number;
  readonly inlineWaitMs: number;
  readonly signal?: AbortSignal;
  /** Done with the permit in hand, each time before a request leaves; what it throws is thrown. */
  readonly prepare?: Preparation;
  /** Kept with its permit, where another program sends the call and may report its outcome to any process. */
  readonly record?: PermitRecord;
  /** Values in the request, besides the token, that are to be in nothing that is kept or shown of its answer. */
  readonly secrets?: readonly string[];
}

export interface VendorCall<R extends CallResult> extends CallTerms {
  /**
   * Sends the request. Must not throw for what the network or the vendor does: that is a CallResult.
   * @param pass the leave to send it, which the functions that send ask for.
   */
  send(token: string | null, signal: AbortSignal | undefined, pass: CallPass): Promise<R>;
  /** What the call really cost in tokens, when the answer says so. */
  tokensUsed?(result: R): number | undefined;
}

/** Whether the pool decides if the call may leave, and its answer counts for the pool. */
export function isGoverned(call: CallTerms): boolean {
  return !call.outsidePool && !call.foreign && !isUnmetered(call.account, call.operation);
}

/** A call as its vendor's rules know it. */
export function describeCall({ account, operation, attributes, foreign }: CallTerms): CallInfo {
  const vendor = account.vendor.id;
  return {
    vendor,
    account: account.name,
    operation,
    attributes: { ...account.attributes, ...attributes, vendor, account: account.name },
    ...(foreign === true && { foreign }),
  };
}

export function chargesOf({ tokens = 0 }: CallTerms, limits: readonly LimitInstance[]): Charge[] {
  return limits.map(({ key, template }) => ({ key, units: template.unit === 'calls' ? 1 : tokens }));
}

/** Where one subject may be refused and others not, the evidence names who asked for it. */
export function withCaller(verdict: Verdict, { account, caller }: CallTerms): Verdict {
  if (account.vendor.subject === undefined || verdict.kind === 'ok') return verdict;
  return { ...verdict, evidence: { ...verdict.evidence, caller } };
}

/** Whether a call that got this verdict has tries left. */
export function mayRetry({ account, attempt }: CallTerms, verdict: Verdict): boolean {
  const backoff = backoffFor(account.retry, verdict.kind);
  return backoff !== null && attempt < backoff.attempts;
}
