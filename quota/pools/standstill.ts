/**
 * Why work stands still, since when, until when, and what would free it. One shape for batches, syncs and backfills,
 * wherever it is shown.
 */
export interface Standstill {
  /** What stands still, e.g. `batch 7`. */
  readonly what: string;
  readonly why: string;
  /** Epoch ms since when; null when nobody has noted it. */
  readonly since: number | null;
  /** Epoch ms at which it goes on by itself; null when it takes a person, or only the vendor knows. */
  readonly until: number | null;
  /** What a person can do to make it go on sooner, or at all. */
  readonly frees: string;
}

/** For what ends by itself. @param sooner a command that ends it now, where there is one. */
export function byItself(sooner?: string): string {
  const itself = 'nothing, it goes on by itself';
  return sooner === undefined ? itself : `${itself}; to try now: ${sooner}`;
}

/** For what waits for a limit of ours. @param raise a command that makes the limit larger, where that is ours to say. */
export function byItselfOrRaised(raise: string | null): string {
  return raise === null ? byItself() : `${byItself()}; sooner, where the vendor allows more: ${raise}`;
}
