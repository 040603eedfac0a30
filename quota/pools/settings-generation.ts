/**
 * Decides which settings win when several processes run with different settings files. A process that starts with
 * something new publishes it as a new generation; one that starts with older settings must not overwrite newer ones.
 */

/** What a settings file makes of an account: its pool, organization and limits. */
export interface Definitions {
  /** Equal for equal definitions. */
  readonly digest: string;
  /** When the file was last written, epoch ms; null when there is none. */
  readonly fileMs: number | null;
}

export interface PoolDefinitions extends Definitions {
  /** Key of the account's pool. */
  readonly pool: string;
  /** Names of its limits. */
  readonly limits: readonly string[];
}

export interface Generation extends Definitions {
  readonly generation: number;
}

export type Standing =
  /** They stand already, or are new and become the next generation. */
  | { readonly kind: 'current'; readonly generation: number }
  | { readonly kind: 'publish' }
  /** `generation` is theirs, 0 when they never were one. */
  | { readonly kind: 'older'; readonly generation: number; readonly current: number };

/**
 * @param history of the account, in any order.
 * @param byHand somebody says that these are the right ones, whatever there was before.
 */
export function standingOf(history: readonly Generation[], own: Definitions, byHand: boolean): Standing {
  const newest = history.reduce<Generation | null>(
    (best, one) => (best === null || one.generation > best.generation ? one : best),
    null,
  );
  if (newest === null) return { kind: 'publish' };
  if (newest.digest === own.digest) return { kind: 'current', generation: newest.generation };
  if (byHand) return { kind: 'publish' };
  const before = history
    .filter(({ digest }) => digest === own.digest)
    .reduce((last, { generation }) => Math.max(last, generation), 0);
  // Known and replaced since; or never seen, and from a file that was written before the one that stands.
  const known = before > 0;
  const earlier = own.fileMs !== null && newest.fileMs !== null && own.fileMs < newest.fileMs;
  return known || earlier
    ? { kind: 'older', generation: before, current: newest.generation }
    : { kind: 'publish' };
}
