/**
 * A code that means "too fast" may as well mean that one thing can never be asked for, a device say. What else the vendor
 * accepts tells: when another of its kind has been accepted since this one was first refused, it is this one alone.
 */

/** Times are in ms of one clock; null: never. @param firstRefusedAt without an answer since. */
export function isOfItemAlone(firstRefusedAt: number | null, othersAcceptedAt: number | null): boolean {
  return firstRefusedAt !== null && othersAcceptedAt !== null && othersAcceptedAt > firstRefusedAt;
}
