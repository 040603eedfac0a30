/**
 * What a vendor's folder has to provide. A new vendor is a new folder with these parts and an entry in `registry.ts`;
 * nothing else in the project knows vendors by name.
 */
import type { LimitTemplate } from '../quota/limits/limit';
import type { PoolPolicy } from '../quota/pools/state';
import type { RetryPolicies } from '../quota/retry-delay';
import type { Verdict } from '../quota/verdict';
import type { HttpRequest } from './http';

/** Attributes by which limits distinguish calls: a limit's scope and its `match` name them. */
export interface CallAttribute {
  /** `account`: all calls of an account have it, when its settings do. Else the operations whose calls have it. */
  readonly of: 'account' | readonly string[];
  /** For people: what it is. */
  readonly about: string;
  /** All values that calls made from here have, where these are known. */
  readonly values?: readonly string[];
}

/** One call, described for limits, verdicts and logs. Holds no secret. */
export interface CallInfo {
  readonly vendor: string;
  readonly account: string;
  readonly operation: string;
  /** What limit scopes are filled from: always `vendor` and `account`, plus e.g. `deviceId`, `egressIp`. */
  readonly attributes: Readonly<Record<string, string>>;
  /** True when this call carries a token fetched because the last one was called expired: that was not the cause. */
  readonly freshLogin?: boolean;
  /** True when the credentials are not the account's own, but an end user's. */
  readonly foreign?: boolean;
}

/** The installation that calls: one for each database, the same in all its processes, for ever. */
export interface Deployment {
  /** 16 hex digits. */
  readonly id: string;
}

/** How a vendor's requests say which deployment they come from, where the vendor counts calls by that. */
export interface ClientIdentity {
  /** What the vendor sees, e.g. `acme/0123456789abcdef`; shown to operators. */
  name(deployment: Deployment): string;
  /** The request as it is sent. Applied to every request of the account as it leaves, a login's too. */
  identify(request: HttpRequest, deployment: Deployment): HttpRequest;
}

/** An answer as classify sees it. `body` is the whole text (a longer one than 64 MiB is no answer); header names are lower-case. */
export interface VendorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The reason phrase beside the status; some gateways say in it alone what is wrong. */
  readonly statusText?: string;
}

/** No usable answer: connection refused, reset, DNS, TLS or timeout. */
export interface TransportError {
  /** Node or undici code, e.g. `ECONNRESET`, `UND_ERR_HEADERS_TIMEOUT`. */
  readonly code: string;
  readonly message: string;
  /** False only when it is certain that no byte of the request reached the vendor (connect failed). */
  readonly mayHaveBeenSent: boolean;
}

export type CallResult =
  | { readonly kind: 'response'; readonly response: VendorResponse }
  | { readonly kind: 'transport'; readonly error: TransportError };

/** What a response's headers say about a limit. Absent means "not said", never zero. */
export interface LearnedLimit {
  /** Template name. */
  readonly limit: string;
  /** Announced rate of a token bucket, units a second. */
  readonly ratePerSecond?: number;
  /** Announced capacity: a burst or a count. */
  readonly capacity?: number;
  /** Units left. The lower of this and ours wins. */
  readonly remaining?: number;
  /** Milliseconds until the limit is full again. */
  readonly resetMs?: number;
}

/** Attributes of every vendor's calls. */
export const COMMON_ATTRIBUTES: Readonly<Record<string, CallAttribute>> = {
  account: { of: 'account', about: 'the account' },
  application: { of: 'account', about: "the account's `application`" },
  organization: { of: 'account', about: "the account's `organization`" },
};

export interface VendorRules {
  readonly id: string;
  readonly title: string;
  readonly limits: readonly LimitTemplate[];
  /** Operations that a limit may name. */
  readonly operations: readonly string[];
  /**
   * Of these, the ones that are no calls of the metered API: requests of a login that another host answers, say, and no
   * quota counts. A pause for want of quota does not hold them; whatever else stops the account does. No limit charges them.
   */
  readonly unmetered?: readonly string[];
  /** Attributes of calls besides those that every vendor's have (`COMMON_ATTRIBUTES`), by name. */
  readonly attributes: Readonly<Record<string, CallAttribute>>;
  readonly pool: PoolPolicy;
  readonly retry: RetryPolicies;
  /**
   * Lengths, ms, of what an announced capacity may be counted in, the documented one first; which one follows from the
   * answers' resets. Left out where `learn` says all.
   */
  readonly announcedWindows?: readonly number[];
  /** Template of the pool's key after the vendor, e.g. `{account}`: all that stops together. */
  readonly poolScope: string;
  /**
   * Name of the attribute that says what a call is about, where the vendor may refuse one such thing and serve the
   * others, e.g. `reportType`: then a refusal stops that alone, as long as the others are accepted.
   */
  readonly subject?: string;
  /** True when quota verdicts may mean a narrower limit (`orLimit`): accepted calls then settle what was left open. */
  readonly ambiguousQuota?: boolean;
  /** Total: any result becomes a verdict. Body before status. `nowMs` serves HTTP dates only. */
  classify(call: CallInfo, result: CallResult, nowMs: number): Verdict;
  /** What this response teaches about limits; empty when nothing. `nowMs` serves instants only. */
  learn(call: CallInfo, response: VendorResponse, nowMs?: number): readonly LearnedLimit[];
}
