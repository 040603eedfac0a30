/** Decides whether a document with unusable rows is still worth ingesting. Pure. */

export interface BadRowPolicy {
  readonly onBadRow: 'setAside' | 'refuse';
  /** Beyond this share of a document's rows it is not a few bad rows but a bad document, 0 to 1. */
  readonly maxShare: number;
}

/** This many are set aside in a document of any size: a share says nothing about five rows. */
const ALWAYS_ALLOWED = 10;

/** Why the document is refused; null: its bad rows are set aside and the others stored. */
export function refusedForBadRows(good: number, bad: number, policy: BadRowPolicy): string | null {
  if (bad === 0) return null;
  const rows = good + bad;
  const counted = `${bad} of ${rows} ${rows === 1 ? 'row' : 'rows'} cannot be used`;
  if (policy.onBadRow === 'refuse') return `${counted}, and onBadRow is refuse`;
  if (good === 0) return `${counted}: the vendor's rows are not the requested ones, or of another shape`;
  if (bad <= Math.max(ALWAYS_ALLOWED, policy.maxShare * rows)) return null;
  return `${counted}, more than ${policy.maxShare * 100} % (badRowShare)`;
}
