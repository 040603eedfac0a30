/** Activities of batch workflows. Each may be run again at any point. */
import { ApplicationFailure, cancellationSignal, heartbeat } from '@temporalio/activity';
import { FAILURE } from '../../quota/failures';
import { ACTIVITY_SLOTS } from '../../quota/task-queues';
import type { Settings } from '../../settings';
import { type Account, findAccount } from '../../settings/accounts/accounts';
import { type Batch, type BatchState, readBatch, setBatchState } from '../../store/batches/batches';
import { batchEventOf, recordFinished, recordStarted } from '../../store/batches/events';
import { countItems } from '../../store/batches/items';
import { readPace } from '../../store/batches/pace';
import { openParts } from '../../store/batches/parts';
import { toApplicationFailure } from '../gateway/call-errors';
import type { TokenSource } from '../gateway/call-terms';
import { logEvent } from '../log/emit';
import { AlikeWatch } from './alike-watch';
import { BatchApiSweep } from './files/files';
import type { BatchApiDeps } from './files/types';
import { BatchPage, type PageDeps } from './page';
import { PageSlots } from './page-slots';
import type { BatchRef, BatchSnapshot, PageInput, PageOutcome } from './types';
import { notePageEnd, notePageError, type Whose } from './wait-notes';

export interface BatchDeps extends PageDeps, BatchApiDeps {
  readonly settings: Settings;
  readonly keySource: (account: Account) => TokenSource;
}

export type BatchActivities = ReturnType<typeof createBatchActivities>;

export function createBatchActivities(deps: BatchDeps) {
  const slots = new PageSlots(ACTIVITY_SLOTS.texts);
  return {
    /** Works on a batch's items until nothing is due, the time is over or the pool closes. */
    async runBatchPage(input: PageInput): Promise<PageOutcome> {
      const slot = slots.begin();
      let whose: Whose | null = null;
      try {
        const batch = await known(deps, input);
        const account = findAccount(deps.settings, batch.account);
        whose = { batch: batch.id, items: batch.items, pool: account.poolKey };
        const { texts } = account.parts;
        if (!texts) {
          throw new RangeError(`account "${account.name}" is of ${account.vendor.id}, which writes no texts`);
        }
        await reportStart(deps, batch, account);
        const signal = cancellationSignal();
        const ending = AbortSignal.any([signal, deps.stopping, slot.giveUp]);
        const context = { batch, account, auth: deps.keySource(account) };
        if (batch.via === 'batch-api' || (await openParts(deps.db, batch.id)).length > 0) {
          const api = account.parts.textBatches;
          if (!api) throw new RangeError(`account "${account.name}" is of a vendor that takes no files`);
          const sweep = new BatchApiSweep(deps, { ...context, signal, ending, texts, api });
          const outcome = await sweep.run(input.maxMs, heartbeat);
          // Single calls begin when all files have been settled.
          if (batch.via === 'batch-api' || outcome.openParts !== 0) {
            return await reportEnd(deps, batch, account, outcome);
          }
        }
        const [pace, alike] = await Promise.all([readPace(deps.db, batch.id), AlikeWatch.of(deps.db, batch)]);
        const parts = { api: texts, input, pace, alike, onProgress: heartbeat };
        const page = new BatchPage(deps, { ...context, ...parts, signal: ending });
        return await reportEnd(deps, batch, account, await page.run());
      } catch (error) {
        if (whose !== null) await notePageError(deps, whose, error);
        throw toApplicationFailure(asConfiguration(error));
      } finally {
        slot.end();
      }
    },

    async setBatchState(input: BatchRef & { state: BatchState; reason: string }): Promise<void> {
      const { batchId, state, reason } = input;
      const batch = await readBatch(deps.db, batchId);
      const pool = batch === null ? null : poolOf(deps.settings, batch.account);
      await setBatchState(deps.db, batchId, state, reason, { by: 'operator', pool });
      const about = { batch: batchId, pool, by: 'operator', reason, from: batch?.state ?? null };
      logEvent(deps.log, batchEventOf(state), about, `batch ${batchId}: ${state} ${reason}`.trim());
    },

    async readBatchSnapshot(input: BatchRef): Promise<BatchSnapshot> {
      const batch = await known(deps, input).catch((error: unknown) => {
        throw asConfiguration(error);
      });
      const { state, reason, items, kind, account, model, inputName } = batch;
      const [counts, open] = await Promise.all([countItems(deps.db, batch.id), openParts(deps.db, batch.id)]);
      const byFiles = batch.via === 'batch-api' || open.length > 0;
      return { state, reason, items, kind, account, model, inputName, counts, byFiles };
    },
  };
}

async function reportStart(deps: BatchDeps, batch: Batch, { poolKey: pool }: Account): Promise<void> {
  const { id, items, inputName, model, via } = batch;
  const way = via === 'batch-api' ? 'by files' : 'by calls of their own';
  const started = { batch: id, items, reason: `${items} items of ${inputName} for ${model}, ${way}` };
  if (!(await recordStarted(deps.db, pool, started))) return;
  logEvent(deps.log, 'batch.started', { pool, ...started }, `batch ${id}: ${started.reason}`);
}

/** Reports a batch that a page has finished. Done within the page, which is run again should this fail. */
async function reportEnd(
  deps: BatchDeps,
  batch: Batch,
  { poolKey: pool }: Account,
  outcome: PageOutcome,
): Promise<PageOutcome> {
  const { id, items } = batch;
  await notePageEnd(deps, { batch: id, items, pool }, outcome);
  const { done, failed } = outcome.counts;
  if (done + failed < items) return outcome;
  const finished = { batch: id, items, done, failed, reason: `${done} of ${items} done, ${failed} failed` };
  if (await recordFinished(deps.db, pool, finished)) {
    logEvent(deps.log, 'batch.finished', { pool, ...finished }, `batch ${id}: ${finished.reason}`);
  }
  return outcome;
}

/** An account that the settings have lost must not stand in the way of a pause. */
function poolOf(settings: Settings, account: string): string | null {
  return Object.hasOwn(settings.accounts, account) ? findAccount(settings, account).poolKey : null;
}

async function known(deps: BatchDeps, { batchId }: BatchRef) {
  const batch = await readBatch(deps.db, batchId);
  if (!batch) throw new RangeError(`there is no batch ${batchId}`);
  return batch;
}

/** An unknown batch or account does not come right by trying again. */
function asConfiguration(error: unknown): unknown {
  return error instanceof RangeError
    ? ApplicationFailure.nonRetryable(error.message, FAILURE.invalid)
    : error;
}
