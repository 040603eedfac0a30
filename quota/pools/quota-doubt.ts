/**
 * Which of two limits a refusal means, where the vendor has one code for both: a narrow one, of a single device say, or
 * the pool's. Pure; times are epoch milliseconds. The evidence is the answers to other calls of the pool since.
 *
 *   first refusal              the narrow limit alone: the pool's other calls go on, as evidence
 *   then another narrow one's  that one too, and the like of it waits for a moment, in which other work calls
 *   and another after that     the pool
 *   any accepted call          the pool's quota is not used up: it starts over
 *
 * So a used-up pool costs two further refused calls at the most, besides those that were in flight, and a used-up device
 * stops nobody else.
 */

/** A narrow limit that was refused, with nothing accepted since. */
export interface NotedRefusal {
  /** Its place in the row of refusals, from 1. */
  readonly strike: number;
  /** When the refusal was known to all. */
  readonly notedAt: number;
}

/** The pool's own limit in its window, as we have counted it; 0 where it is not counted. */
export interface OwnCount {
  readonly used: number;
  readonly capacity: number;
}

export type QuotaScope = 'narrow' | 'unsure' | 'pool';

/** Longer than a minute: what runs every minute has called meanwhile, ms. */
export const UNSURE_PAUSE_MS = 65_000;
/** A third refusal counts once the others have had this time, ms. */
const HEARD_MS = 60_000;

const UNSURE_AT = 2;
const POOL_AT = 3;
/** From here on our own count says that it is the pool's. */
const NEARLY_USED = 0.95;

/**
 * The place of a refusal in the row. A call that left before the refusal before it was known, or before others could
 * have been answered, adds nothing to it.
 */
export function strikeOf(noted: readonly NotedRefusal[], departedAt: number): number {
  const last = Math.max(0, ...noted.map(({ strike }) => strike));
  const knownAt = Math.min(...noted.filter(({ strike }) => strike === last).map(({ notedAt }) => notedAt));
  if (last === 0) return 1;
  return departedAt > knownAt + (last < UNSURE_AT ? 0 : HEARD_MS) ? last + 1 : last;
}

export function quotaScope(strike: number, { used, capacity }: OwnCount): QuotaScope {
  if (capacity > 0 && used >= capacity * NEARLY_USED) return 'pool';
  if (strike >= POOL_AT) return 'pool';
  return strike >= UNSURE_AT ? 'unsure' : 'narrow';
}
