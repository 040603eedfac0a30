/**
 * Decides whether "too fast" means the rate, or one item, a device for example, that can never be called. Evidence
 * is what else the vendor accepts: when another item of the same kind has been accepted since this one was first
 * refused, only this one is refused.
 */

/** Times are in ms of one clock; null: never. @param firstRefusedAt without an answer since. */
export function isOfItemAlone(firstRefusedAt: number | null, othersAcceptedAt: number | null): boolean {
  return firstRefusedAt !== null && othersAcceptedAt !== null && othersAcceptedAt > firstRefusedAt;
}
