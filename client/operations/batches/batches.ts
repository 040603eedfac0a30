/** Use cases of batches: progress, control of batches and their items, and export of results. */
import type { Writable } from 'node:stream';
import type { Pool } from 'pg';
import { z } from 'zod';
import type { QuotaStatus } from '../../../quota/limits/quota-status';
import type { Standstill } from '../../../quota/pools/standstill';
import { type Batch, setBatchState } from '../../../store/batches/batches';
import { type BatchCounts, countItems, type ItemProblem, itemProblems } from '../../../store/batches/items';
import { type BatchPart, listParts, openParts } from '../../../store/batches/parts';
import * as items from '../../../store/batches/skips';
import { isRunning } from '../../../temporal/start-or-attach';
import { batchWorkflowId, cancelSignal, pauseSignal } from '../../../workflows/messages';
import type { Backend } from '../backend/backend';
import { hasWorker } from '../datasets/work';
import { problem } from '../errors';
import { noteOrder } from '../explain/orders';
import { name, reason } from '../fields';
import { waitJson } from '../json';
import { operation } from '../operation';
import { quotaJson } from '../pools/json';
import { quotaOfBatch } from '../pools/quota';
import { countText, isoOrNull } from '../time-text';
import { chooseBatch, continueBatch, operatorOf, textAccount, writeBatch } from './batch';
import { cancelledFiles } from './cancel';
import { type BatchReport, readBatches, readStanding, type Standing, waitOf } from './wait';

/** A batch's number, also as `#12`. */
export const batch = z.union([z.number().transform(String), z.string()], { error: 'must be a number' });
const chosen = { batch };

export const listBatches = operation({
  about: 'every batch',
  input: z.strictObject({}),
  json: (reports: readonly BatchReport[]) => reports.map(batchJson),
  run: async (backend): Promise<readonly BatchReport[]> => {
    const worked = await hasWorker(backend);
    return backend.database((db) => readBatches(db, backend.settings, Date.now(), worked));
  },
});

export interface BatchDetails extends BatchReport {
  readonly quota: QuotaStatus;
  readonly pool: Standing['pool'];
  /** Why items fail, the most frequent reasons first. */
  readonly problems: readonly ItemProblem[];
  /** The vendor's batches that it went by. */
  readonly parts: readonly BatchPart[];
}

export const showBatch = operation({
  about: 'one batch: what is done, what waits and why',
  input: z.strictObject(chosen),
  json: (details: BatchDetails) => ({
    ...batchJson(details),
    options: details.batch.options,
    quota: quotaJson(details.quota),
    pool: details.pool && { state: details.pool.state, reason: details.pool.reason },
    problems: details.problems,
    vendorBatches: details.parts.map(partJson),
  }),
  run: async (backend, given): Promise<BatchDetails> => {
    const worked = await hasWorker(backend);
    return backend.database(async (db) => {
      const found = await chooseBatch(db, given.batch);
      const counts = await countItems(db, found.id);
      const { account, api } = textAccount(backend.settings, found.kind, found.account);
      const standing = await readStanding(db, account, api, found, worked);
      const now = Date.now();
      const quota = await quotaOfBatch(db, account, api, found, now);
      return {
        batch: found,
        counts,
        wait: waitOf(found, counts, standing, quota, now),
        quota,
        pool: standing.pool,
        problems: await itemProblems(db, found.id),
        parts: await listParts(db, found.id),
      };
    });
  },
});

export const pauseBatch = operation({
  about: 'begin no more calls until it is resumed',
  input: z.strictObject({ ...chosen, reason }),
  run: (backend, given) =>
    backend.database(async (db) => {
      const found = await order(backend, db, given.batch, 'paused', given.reason);
      return { batch: found.id, files: (await openParts(db, found.id)).length };
    }),
});

export const cancelBatch = operation({
  about: 'end it; what is answered stays, and resume goes on',
  input: z.strictObject({ ...chosen, reason }),
  run: (backend, given) =>
    backend.database(async (db) => {
      const found = await order(backend, db, given.batch, 'cancelled', given.reason);
      /** A line for each file of the vendor's that was open. */
      return { batch: found.id, files: await cancelledFiles(db, found.id) };
    }),
});

/** Writes it to Postgres, which every page reads each second, and signals the workflow when it runs. */
async function order(
  backend: Backend,
  db: Pool,
  named: string,
  state: 'paused' | 'cancelled',
  given: string,
): Promise<Batch> {
  const because = given || 'by operator';
  const found = await chooseBatch(db, named);
  const changed = operatorOf(backend.settings, found);
  await setBatchState(db, found.id, state, because, changed);
  if (state === 'paused') {
    const { pool } = changed;
    await noteOrder(backend, { subject: `batch:${found.id}`, pool, paused: { reason: given } });
  }
  await backend.temporal(async (client) => {
    const id = batchWorkflowId(found.kind, found.account, found.id);
    if (!(await isRunning(client, id))) return;
    const signal = state === 'paused' ? pauseSignal : cancelSignal;
    await client.workflow.getHandle(id).signal(signal, { reason: because });
  });
  return found;
}

export const resumeBatch = operation({
  about: 'go on',
  input: z.strictObject(chosen),
  run: (backend, given) =>
    backend.database(async (db) => {
      const found = await chooseBatch(db, given.batch);
      const changed = operatorOf(backend.settings, found);
      await setBatchState(db, found.id, 'running', '', changed);
      await noteOrder(backend, { subject: `batch:${found.id}`, pool: changed.pool, paused: null });
      await backend.temporal((client) => continueBatch(client, backend.settings, found));
      return { batch: found.id };
    }),
});

const ids = z.array(name);
/** Ids that a message names. */
const MOST_NAMED = 10;

export function namedIds(all: readonly string[]): string {
  const more = all.length - MOST_NAMED;
  return `${all.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${countText(more)} more` : ''}`;
}

export const skipItems = operation({
  about: 'ask no more for these items; retry-failed takes them in again',
  input: z.strictObject({ ...chosen, ids: ids.min(1, 'must name an item at least'), reason }),
  run: (backend, given) =>
    backend.database(async (db) => {
      const found = await chooseBatch(db, given.batch);
      const because = given.reason || 'skipped by operator';
      const changed = operatorOf(backend.settings, found);
      const skipped = await items.skipItems(db, found.id, given.ids, because, changed);
      if ('unknown' in skipped) {
        throw problem(
          'NOT_FOUND',
          'ids',
          `batch ${found.id} has no item ${namedIds(skipped.unknown)}; an id is a value of the input's first column. Nothing was skipped`,
        );
      }
      // The last ones may have been what the batch waits for.
      if (skipped.items > 0 && found.state === 'running') {
        await backend.temporal((client) => continueBatch(client, backend.settings, found));
      }
      return { batch: found.id, ...skipped };
    }),
});

export const retryFailedItems = operation({
  about: 'ask again for what has failed or was skipped: all of it, or these items',
  input: z.strictObject({ ...chosen, ids: ids.default([]) }),
  run: (backend, given) =>
    backend.database(async (db) => {
      const found = await chooseBatch(db, given.batch);
      const changed = operatorOf(backend.settings, found);
      const only = given.ids.length === 0 ? null : given.ids;
      const asked = await items.retryFailed(db, found.id, changed, only);
      // A pause is somebody's decision, and ends by resume alone.
      if (asked > 0 && found.state === 'running') {
        await backend.temporal((client) => continueBatch(client, backend.settings, found));
      }
      return { batch: found.id, items: asked, state: found.state };
    }),
});

export const exportBatchItems = operation({
  about: 'write what has ended so far as JSONL; also while it runs',
  input: z.strictObject(chosen),
  /** Writes to `out` and ends it. */
  run: (backend, given, out: Writable) =>
    backend.database(async (db) => {
      const found = await chooseBatch(db, given.batch);
      const { api } = textAccount(backend.settings, found.kind, found.account);
      return { batch: found.id, lines: await writeBatch(db, api, found, out), items: found.items };
    }),
});

/** `done`, `waiting`, or what is wanted of it: `running`, `paused`, `cancelled`. */
export function stateOf(found: Batch, counts: BatchCounts, wait: Standstill | null): string {
  if (counts.done + counts.failed >= found.items) return 'done';
  return found.state === 'running' && wait !== null ? 'waiting' : found.state;
}

export function batchJson({ batch: found, counts, wait }: BatchReport) {
  const { id, kind, account, model, inputName, priority, via, items: total, reason: because } = found;
  const { nextDueAt, ...numbers } = counts;
  return {
    ...{ id, kind, account, model, inputName, priority, via, items: total, reason: because },
    state: stateOf(found, counts, wait),
    waits: waitJson(wait),
    createdAt: isoOrNull(found.createdAt),
    nextDueAt: isoOrNull(nextDueAt),
    ...numbers,
  };
}

function partJson(part: BatchPart) {
  const { id, vendorId, state, status, items: count, bytes, tokens, total, completed, failed, note } = part;
  return {
    part: id,
    vendorBatch: vendorId,
    ...{ state, status, items: count, bytes, tokens },
    counts: { total, completed, failed },
    files: { input: part.fileId, output: part.outputFileId, errors: part.errorFileId },
    createdAt: isoOrNull(part.createdAt),
    expiresAt: isoOrNull(part.expiresAt),
    note,
  };
}
