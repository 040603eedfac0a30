/**
 * Which of two limits a refusal means, where the vendor has one code for both: a narrow one, of a single device say, or
 * the pool's. Pure. The evidence is what other calls of the pool have been told since.
 *
 *   first refusal             the narrow limit alone: the pool's other calls go on, and tell more
 *   a second narrow limit's   that one too, and the like of it waits for a moment, in which other work calls
 *   a third narrow limit's    the pool
 *   any accepted call         the pool's quota is not used up: it begins anew
 *
 * So a used-up pool costs two further refused calls at the most, besides those in flight with the first, and a used-up
 * device stops nobody else.
 */

export interface QuotaDoubt {
  /**
   * Narrow limits that were refused, this one included, since a call of the pool was last accepted. Those whose calls
   * were in flight together count as one.
   */
  readonly refusedInARow: number;
  /** Units of the pool's own limit in its window, as we have counted; 0 where it is not counted. */
  readonly used: number;
  readonly capacity: number;
}

export type QuotaScope = 'narrow' | 'unsure' | 'pool';

/** Longer than a minute: what runs every minute has called meanwhile, ms. */
export const UNSURE_PAUSE_MS = 65_000;

const REFUSED_FOR_THE_POOL = 3;
/** From here on our own count says that it is the pool's. */
const NEARLY_USED = 0.95;

export function quotaScope({ refusedInARow, used, capacity }: QuotaDoubt): QuotaScope {
  if (capacity > 0 && used >= capacity * NEARLY_USED) return 'pool';
  if (refusedInARow >= REFUSED_FOR_THE_POOL) return 'pool';
  return refusedInARow > 1 ? 'unsure' : 'narrow';
}
