/**
 * Verdicts: what a vendor's response means. A verdict is the only input to every retry and pause decision,
 * so a vendor's `classify` must be total: any response, or none at all, becomes exactly one of these.
 */

/** What an operator needs to see to believe a verdict. Never holds secrets, headers or whole bodies. */
export interface Evidence {
  readonly vendor: string;
  readonly account: string;
  readonly operation: string;
  /** What the call was about, where that may be what was refused: a report type. */
  readonly subject?: string;
  /** Who called: a dataset. */
  readonly caller?: string;
  /** HTTP status; absent when no response arrived. */
  readonly httpStatus?: number;
  /** The vendor's own error code, e.g. `QuotaExceeded`, `8902`, `insufficient_quota`. */
  readonly code?: string;
  /** The vendor's message, cut to 500 characters. */
  readonly message?: string;
  /** The vendor's request id, to quote in a support case. */
  readonly requestId?: string;
}

interface VerdictBase {
  readonly evidence: Evidence;
}

interface RefusalBase extends VerdictBase {
  /**
   * True when the refusal may be of this one request: it stops nothing by itself. Only several different requests in a
   * row that are refused alike speak of all (`alike.ts`).
   */
  readonly ofRequest?: boolean;
}

/** Usable answer. */
export interface OkVerdict extends VerdictBase {
  readonly kind: 'ok';
}

/** Too fast. A short wait cures it; every caller of `limit` waits too. */
export interface RateVerdict extends VerdictBase {
  readonly kind: 'rate';
  /** The vendor's stated wait in milliseconds; null when it named none. */
  readonly statedWaitMs: number | null;
  /** Name of the limit template that was hit; null when the vendor does not say which. */
  readonly limit: string | null;
  /** True when the vendor's code may as well mean that this one subject can never be called: other answers show which. */
  readonly mayBeOfItem?: true;
}

/** A quota is used up. The whole pool closes. */
export interface QuotaVerdict extends RefusalBase {
  readonly kind: 'quota';
  /** The vendor's stated wait in milliseconds; null when unknown, then the cooldown escalates. */
  readonly statedWaitMs: number | null;
  readonly limit: string | null;
  /** Whose quota it is; default: the account's. An organization's stops all accounts that name the same one. */
  readonly scope?: 'account' | 'organization';
  /** Name of a narrower limit that the same answer may mean instead: then other answers decide (quota-doubt.ts). */
  readonly orLimit?: string;
}

/** The vendor's own failure, the network's, or a timeout. Counts toward the failure breaker. */
export interface ServerVerdict extends VerdictBase {
  readonly kind: 'server';
  readonly statedWaitMs: number | null;
  /** True when the vendor may have carried out the request although no answer came (a lost 202). */
  readonly ambiguous: boolean;
}

/** The token was refused. `expired`: one refresh and one retry. `refused`: wait for new credentials. */
export interface AuthVerdict extends VerdictBase {
  readonly kind: 'auth';
  readonly reason: 'expired' | 'refused';
}

/** A paid limit or a suspension: held until an operator resumes. */
export interface BillingVerdict extends VerdictBase {
  readonly kind: 'billing';
  /** Whose limit it is; default: the account's. An organization's stops all accounts that name the same one. */
  readonly scope?: 'account' | 'organization';
}

/** The vendor refuses us, or answers as it would answer any request: held until an operator resumes. */
export interface BlockedVerdict extends RefusalBase {
  readonly kind: 'blocked';
  /**
   * `configuration`: an address, a proxy or the account itself is set up wrongly. No single request is to blame, and
   * the pool tries again by itself, at growing intervals.
   */
  readonly reason?: 'configuration';
  /** Who is refused; default: the account. An organization's refusal stops all accounts that name the same one. */
  readonly scope?: 'account' | 'organization';
}

/** The thing addressed no longer exists. */
export interface GoneVerdict extends RefusalBase {
  readonly kind: 'gone';
}

/** Not ready yet: wait durably and ask again. */
export interface PendingVerdict extends VerdictBase {
  readonly kind: 'pending';
  readonly statedWaitMs: number | null;
}

/** Our request is wrong, or a body fails its schema. Never retried. */
export interface InvalidVerdict extends VerdictBase {
  readonly kind: 'invalid';
}

export type Verdict =
  | OkVerdict
  | RateVerdict
  | QuotaVerdict
  | ServerVerdict
  | AuthVerdict
  | BillingVerdict
  | BlockedVerdict
  | GoneVerdict
  | PendingVerdict
  | InvalidVerdict;

export type VerdictKind = Verdict['kind'];

const MESSAGE_MAX = 500;

/**
 * Cuts a vendor's text so that it fits into evidence, events and failure messages. Control characters become spaces
 * and halves of surrogate pairs become U+FFFD: Postgres stores neither U+0000 nor a lone surrogate in jsonb.
 */
export function clipMessage(text: string, max: number = MESSAGE_MAX): string {
  const cut = text.length <= max ? text : `${text.slice(0, max - 1)}…`;
  return cut.replace(/\p{Cc}+/gu, ' ').replace(/\p{Surrogate}/gu, '\ufffd');
}

/** One line for logs and the Web UI: `429 QuotaExceeded "You exceeded…" (createReport, request 4711)`. */
export function describeEvidence(e: Evidence): string {
  const parts = [e.httpStatus === undefined ? 'no response' : String(e.httpStatus)];
  // Gateways repeat the status as the body's code.
  if (e.code && e.code !== parts[0]) parts.push(e.code);
  if (e.message) parts.push(`"${e.message}"`);
  const about = e.subject === undefined ? e.operation : `${e.operation} of ${e.subject}`;
  parts.push(`(${about}${e.requestId ? `, request ${e.requestId}` : ''})`);
  return parts.join(' ');
}
