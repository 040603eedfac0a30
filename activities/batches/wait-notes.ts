/** Records what a batch waits for when a page ends: in the database for whoever asks, and as an event. */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { limitWaitText } from '../../quota/limits/limit-wait';
import { nextRetryReason } from '../../store/batches/items';
import { type BatchWait, clearWait, noteWait } from '../../store/batches/waits';
import { readWaitedLimit } from '../../store/permits/limit-waits';
import { PermitWait } from '../gateway/call-errors';
import { logEvent } from '../log/emit';
import { warnOnce } from '../log/warn-once';
import type { PageOutcome } from './types';

interface Deps {
  readonly db: Pool;
  readonly log: Logger;
}

export interface Whose {
  readonly batch: number;
  readonly pool: string;
  readonly items: number;
}

/** What the page's end means for a batch that is to run: nothing of it can go now, or something may. */
function waitAfter(outcome: PageOutcome, items: number): BatchWait | null {
  const { end, counts, detail, queueFull } = outcome;
  if (end !== 'nothing due' || counts.running > 0 || counts.done + counts.failed >= items) return null;
  const until = counts.nextDueAt;
  if (queueFull) {
    const reason = `the vendor's queue of files takes none${detail === '' ? '' : `: ${detail}`}`;
    return { cause: 'queue', subject: '', reason, until };
  }
  if (counts.retry === 0) return null;
  const reason = `${counts.retry} item${counts.retry === 1 ? '' : 's'} to be tried again`;
  return { cause: 'retry', subject: '', reason, until };
}

/** After a page; what cannot be noted is a warning, for the page has done its work. */
export async function notePageEnd(deps: Deps, whose: Whose, outcome: PageOutcome): Promise<void> {
  await note(deps, whose, async () => {
    const wait = waitAfter(outcome, whose.items);
    const answer = wait?.cause === 'retry' ? await nextRetryReason(deps.db, whose.batch) : null;
    return wait === null || answer === null
      ? wait
      : { ...wait, reason: `${wait.reason}; the next one after: ${answer}` };
  });
}

/** After a page that was cut short. */
export async function notePageError(deps: Deps, whose: Whose, error: unknown): Promise<void> {
  await note(deps, whose, async () => {
    // What else ends a page is reported elsewhere: by the pool, or by the workflow's failure.
    if (!(error instanceof PermitWait)) return null;
    const { limit, until, reason, threshold } = error.details;
    const found = reason === undefined ? await readWaitedLimit(deps.db, limit) : null;
    const why = reason ?? (found === null ? `${limit} has no room` : limitWaitText(found));
    return { cause: threshold ? 'threshold' : 'limit', subject: limit, reason: why, until };
  });
}

async function note(
  { db, log }: Deps,
  { batch, pool }: Whose,
  waitOf: () => Promise<BatchWait | null>,
): Promise<void> {
  try {
    const wait = await waitOf();
    if (wait === null) {
      await clearWait(db, batch);
      return;
    }
    const reported = await noteWait(db, pool, batch, wait);
    if (reported !== null) {
      logEvent(
        log,
        'batch.waiting',
        { batch, pool, ...reported },
        `batch ${batch} waits: ${reported.reason}`,
      );
    }
  } catch (error) {
    warnOnce(log, { batch }, error, 'what the batch waits for could not be noted');
  }
}
