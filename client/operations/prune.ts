/** Deleting what is older than the settings keep, by hand; workers do so every few hours. */
import { z } from 'zod';
import { PRUNED_KINDS, type PruneCounts, type PrunedKind, prune, type Retention } from '../../store/prune';
import { problem } from './errors';
import { whole } from './fields';
import { operation } from './operation';

export interface Pruned {
  readonly dryRun: boolean;
  readonly counts: PruneCounts;
  readonly retention: Retention;
}

export const pruneOld = operation({
  about: 'delete what is older than the settings keep (retention); workers do so every few hours',
  input: z.strictObject({
    /** Only count. */
    dryRun: z.boolean().default(false),
    /** Ended batches that are older than so many days go, too, with their results. */
    batches: whole(1, 99_999).optional(),
  }),
  json: ({ dryRun, counts, retention }: Pruned) => ({
    dryRun,
    deleted: counts,
    retention: Object.fromEntries(PRUNED_KINDS.map((kind) => [kind, daysOf(kind, retention)])) as Record<
      PrunedKind,
      number | null
    >,
  }),
  /** @param signal ends it between two chunks. */
  run: async (backend, { dryRun, batches }, signal?: AbortSignal): Promise<Pruned> => {
    const retention: Retention = {
      ...backend.settings.retention,
      ...(batches === undefined ? {} : { batchesDays: batches }),
    };
    const options = { dryRun, ...(signal === undefined ? {} : { signal }) };
    const counts = await backend.database((db) => prune(db, retention, options), 'bulk');
    if (counts !== null) return { dryRun, counts, retention };
    throw problem('BUSY', null, 'somebody else is deleting old rows now: a worker, or another command');
  },
});

/** Days after which a kind goes; null when it stays. */
export function daysOf(kind: PrunedKind, retention: Retention): number | null {
  if (kind === 'refusals') return retention.callCountsDays;
  return retention[`${kind}Days`] ?? null;
}
