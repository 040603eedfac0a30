/** How to answer a read: from what is stored, by a call to the vendor, by waiting for a call under way, or with the reason why not. */
import { readRetryMs } from './backoff';

/** A read as it stands. All times are epoch ms by the database's clock. */
export interface ReadStanding {
  readonly now: number;
  /** Of the last whole answer; null when there is none. */
  readonly answeredAt: number | null;
  /** Up to when a stream has reported every change since then; null without one. */
  readonly streamedAt: number | null;
  readonly failures: number;
  readonly failedAt: number | null;
  readonly retryAt: number | null;
  readonly askedAt: number | null;
  /** When the lease of who asks the vendor ends; null when nobody does. */
  readonly leaseUntil: number | null;
}

export interface ReadWish {
  /** When it was requested. */
  readonly askedAt: number;
  /** How old the answer may be; 0: not from before it was requested. */
  readonly maxAgeMs: number;
  /** Failures of before do not hold it back. */
  readonly force: boolean;
}

export type ReadStep =
  | { readonly kind: 'answer' }
  | { readonly kind: 'call' }
  | { readonly kind: 'wait' }
  /** It has failed, and it is too early for another try. */
  | { readonly kind: 'held-back'; readonly until: number };

export function decideRead(read: ReadStanding, wish: ReadWish): ReadStep {
  const current = currentAt(read);
  if (current !== null && current >= wish.askedAt - wish.maxAgeMs) return { kind: 'answer' };
  if (read.leaseUntil !== null && read.leaseUntil > read.now) return { kind: 'wait' };
  const until = heldBackUntil(read);
  // Who waited for a try that has failed meanwhile has had it, forced or not.
  const triedSince = read.failedAt !== null && read.failedAt >= wish.askedAt;
  if (until !== null && until > read.now && (!wish.force || triedSince)) return { kind: 'held-back', until };
  return { kind: 'call' };
}

/** As of when what is stored holds; null when nothing is. */
export function currentAt({ answeredAt, streamedAt }: ReadStanding): number | null {
  return answeredAt === null ? null : Math.max(answeredAt, streamedAt ?? answeredAt);
}

/** One whose lease has run out died over the call, or was cut off: that counts as a failure. */
export function wasLost({ leaseUntil, now }: ReadStanding): boolean {
  return leaseUntil !== null && leaseUntil <= now;
}

/** Before this it is not called again; null when nothing holds it back. */
export function heldBackUntil(read: ReadStanding): number | null {
  if (!wasLost(read) || read.askedAt === null) return read.retryAt;
  return Math.max(read.retryAt ?? 0, read.askedAt + readRetryMs('passing', read.failures + 1));
}
