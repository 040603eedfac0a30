/**
 * How wide a refusal reaches, where one answer may mean one kind of call (an operation of one report type) or the whole
 * account: a type may have a limit of its own, or lack a role, and answer for days while the others work. Access may
 * be refused for one part of a report type, a marketplace, too; limits are counted over all of them. Pure; times
 * are epoch milliseconds. The evidence is the answers to the account's other kinds of calls.
 *
 *   others were accepted since anything else was refused   that kind alone
 *   nothing else refused, and there are other kinds        that kind alone: the others go on, as evidence
 *   another kind was refused, and nothing accepted since   the pool
 *   it is no call of the metered API                       that kind alone
 *
 * So a quota that is really the account's costs one further refused call, and what is refused for itself stops nobody
 * else. Where an account makes one kind of call only, there is nothing to distinguish, and the pool stops at once.
 */
import { DAY_MS, HOUR_MS } from '../durations';
import { recheckMs, unknownCooldownMs } from './cooldowns';
import type { PoolPolicy, RecheckPolicy } from './state';

/** Calls of an account that are refused and accepted together. */
export interface CallKind {
  readonly operation: string;
  /** E.g. a report type. */
  readonly subject: string;
  /** E.g. a marketplace, where access to one may be refused and to others not; empty for what concerns all. */
  readonly part: string;
}

export type RefusalOf = 'quota' | 'access';

/** What was noted of one kind of calls. */
export interface KindRecord extends CallKind {
  /** Departure of the last accepted call; 0 for none. */
  readonly acceptedAt: number;
  /** When the last refusal was noted; 0 for none, or for one that an accepted call has settled. */
  readonly refusedAt: number;
  readonly refusedFor: RefusalOf | null;
  /** Refusals in a row, each after the wait before was over. */
  readonly strikes: number;
  /** Until when nothing of this kind leaves. */
  readonly until: number;
}

export interface Refusal extends CallKind {
  readonly of: RefusalOf;
  readonly departedAt: number;
  /** What the account's calls can be about: with more than one there are others to ask. */
  readonly subjects: readonly string[];
  /** Whether the subject has other parts to ask. */
  readonly hasOtherParts?: boolean;
  /** True for an operation outside the metered API: its answers say nothing of others, nor theirs of it. */
  readonly alone?: boolean;
}

/** What was accepted longer ago than this says nothing of now, ms. */
const RELEVANT_MS = DAY_MS;

/** @param records of the whole pool. */
export function reachOf(records: readonly KindRecord[], refusal: Refusal, now: number): 'kind' | 'pool' {
  if (refusal.alone) return 'kind';
  const fresh = (at: number) => at > now - RELEVANT_MS;
  // Buckets are an operation's: that another operation is served says nothing of this one's quota. Of access it does.
  const relevant = records.filter(
    ({ operation, part }) =>
      (refusal.of === 'access' || operation === refusal.operation) && (part === '') === (refusal.part === ''),
  );
  const others = relevant.filter((one) => !isSameKind(one, refusal));
  const acceptedAt = Math.max(0, ...relevant.map((one) => one.acceptedAt).filter(fresh));
  const otherAcceptedAt = Math.max(0, ...others.map((one) => one.acceptedAt).filter(fresh));
  const otherRefusedAt = Math.max(
    0,
    ...others.filter((one) => one.refusedFor === refusal.of).map((one) => one.refusedAt),
  );
  if (otherAcceptedAt > otherRefusedAt) return 'kind';
  if (otherRefusedAt > acceptedAt && fresh(otherRefusedAt)) return 'pool';
  const hasOthers = refusal.hasOtherParts || refusal.subjects.some((subject) => subject !== refusal.subject);
  return hasOthers ? 'kind' : 'pool';
}

export function isSameKind(a: CallKind, b: CallKind): boolean {
  return a.operation === b.operation && a.subject === b.subject && a.part === b.part;
}

/** `createReport of GET_… for ATVPDKIKX0DER`. */
export function kindName({ operation, subject, part }: CallKind): string {
  const of = subject === '' ? '' : ` of ${subject}`;
  return `${operation}${of}${part === '' ? '' : ` for ${part}`}`;
}

/** A call that left before the refusal was known, or before the wait for it was over, adds nothing to it. */
export function isNews(known: KindRecord | undefined, departedAt: number): boolean {
  if (known === undefined || known.refusedAt === 0) return true;
  return departedAt > Math.max(known.refusedAt, known.until);
}

const ACCESS: RecheckPolicy = { credentialsMs: 900_000, configurationMs: 60_000, maxMs: 8 * HOUR_MS };

/** How long a kind of calls waits, ms: as long as the pool would, by strikes of its own. */
export function kindWaitMs(
  policy: PoolPolicy,
  { of, statedWaitMs, strikes, lastWaitMs, jitter }: KindWait,
): { readonly waitMs: number; readonly strikes: number } {
  if (of === 'access') {
    const recheck = policy.recheck ?? ACCESS;
    const waitMs = recheckMs({ ...policy, recheck }, 'credentials', strikes) ?? ACCESS.credentialsMs;
    return { waitMs, strikes: strikes + 1 };
  }
  const stated = statedWaitMs === null || Number.isNaN(statedWaitMs) ? null : statedWaitMs;
  if (stated !== null && stated >= NO_WAIT_MS) return { waitMs: stated, strikes: strikes + 1 };
  if (stated === null) return { waitMs: unknownCooldownMs(policy, strikes, jitter), strikes: strikes + 1 };
  // A stated wait that is as good as none is no strike. Nor is it believed: calls of other kinds share the
  // bucket that each try takes from.
  const grown = Math.max(NO_WAIT_MS, policy.unknownQuotaMs / 1000, 2 * lastWaitMs);
  return { waitMs: Math.min(grown, Math.max(NO_WAIT_MS, policy.unknownQuotaMs)), strikes };
}

const NO_WAIT_MS = 1000;

export interface KindWait {
  readonly of: RefusalOf;
  readonly statedWaitMs: number | null;
  /** Before this refusal. */
  readonly strikes: number;
  /** The wait before this refusal, ms; 0 when it is the first in a row. */
  readonly lastWaitMs: number;
  /** -1..1. */
  readonly jitter: number;
}

/**
 * How much longer than the pool the kind waits whose refusal closed it, ms: so another kind makes the probe. It is
 * little beside the pause, and enough for the others to come first.
 */
export function standBackMs(pauseMs: number): number {
  return Math.min(60_000, Math.max(2_000, pauseMs / 10));
}
