/** Starts a batch again: it continues, and takes over the options and items that are new. */
import type { Pool } from 'pg';
import { type Batch, type BatchOptions, changeBatch, setBatchState } from '../../../store/batches/batches';
import type { TextAccount } from './batch';

export interface GivenAgain {
  readonly options: Partial<BatchOptions>;
  readonly priority?: Batch['priority'];
}

export interface Change {
  readonly name: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Stores what was given and differs, and lets the batch run. */
export async function takeOver(
  db: Pool,
  { account }: TextAccount,
  known: Batch,
  given: GivenAgain,
): Promise<{ readonly batch: Batch; readonly changes: readonly Change[] }> {
  const changes = changesOf(known, given);
  const batch = (changes.length === 0 ? null : await changeBatch(db, known.id, given)) ?? known;
  if (batch.state !== 'running') {
    await setBatchState(db, batch.id, 'running', '', { by: 'start', pool: account.poolKey });
  }
  return { batch, changes };
}

export function changesOf(known: Batch, { options, priority }: GivenAgain): Change[] {
  const changes = (Object.keys(options) as (keyof BatchOptions)[])
    .map((name) => ({ name, before: known.options[name] ?? null, after: options[name] }))
    .filter(({ before, after }) => before !== after);
  if (priority === undefined || priority === known.priority) return changes;
  return [...changes, { name: 'priority', before: known.priority, after: priority }];
}

/** `maxConcurrency 50 (was the account's)`. */
export function describeChange({ name, before, after }: Change): string {
  return `${name} ${String(after)} (was ${before === null ? 'the account’s' : String(before)})`;
}
