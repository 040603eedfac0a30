/** `sluice batch list` and `sluice batch show`: how far batches are, and what they wait for. */
import type { Command } from 'commander';
import type { Standstill } from '../../../quota/pools/standstill';
import { type Batch, type BatchCounts, countItems } from '../../../store/batches/batches';
import { listParts } from '../../../store/batches/parts';
import { chooseBatch, textAccount } from '../../operations/batches/batch';
import { type BatchReport, readBatches, readStanding, waitOf } from '../../operations/batches/wait';
import { withDatabase } from '../../operations/context';
import { hasWorker } from '../../operations/datasets/work';
import { quotaJson } from '../../operations/pools/json';
import { quotaOfBatch } from '../../operations/pools/quota';
import { countText, instantText, isoOrNull, whenText } from '../../operations/time-text';
import { contextOf } from '../command';
import { print, printJson, table } from '../output';
import { quotaLines } from '../pools/quota-view';
import { partJson, partLines } from './way-view';

export function countsText(batch: Batch, counts: BatchCounts): string {
  const waiting = counts.retry > 0 ? `, ${countText(counts.retry)} to be tried again` : '';
  return `${countText(counts.done)} of ${countText(batch.items)} done, ${countText(counts.failed)} failed${waiting}`;
}

export async function listAll(options: { readonly json?: boolean }, command: Command): Promise<void> {
  const context = contextOf(command);
  await withDatabase(context, async (db) => {
    const now = Date.now();
    const rows = await readBatches(db, context.settings, now, await hasWorker(context));
    if (options.json) {
      printJson(rows.map(({ batch, counts, wait }) => batchJson(batch, counts, wait)));
    } else if (rows.length === 0) print('No batches.');
    else {
      print(
        table(
          ['batch', 'kind', 'account', 'input', 'items', 'done', 'failed', 'state', 'waits'],
          rows.map(({ batch, counts, wait }) => [
            String(batch.id),
            batch.kind,
            batch.account,
            batch.inputName,
            countText(batch.items),
            countText(counts.done),
            countText(counts.failed),
            stateText(batch, counts, wait),
            waitText(wait, now),
          ]),
        ),
      );
    }
  });
}

/** `done`, `waiting`, or what is wanted of it: `running`, `paused`, `cancelled`. */
function stateText(batch: Batch, counts: BatchCounts, wait: Standstill | null = null): string {
  if (counts.done + counts.failed >= batch.items) return 'done';
  return batch.state === 'running' && wait !== null ? 'waiting' : batch.state;
}

/** Of a vendor's words a line shows the beginning; `batch show` has all of it. */
const MAX_WHY = 100;

/** `until 2026-… (in 3 h): why`. */
function waitText(wait: Standstill | null, now: number): string {
  if (wait === null) return '';
  const why = wait.why.length > MAX_WHY ? `${wait.why.slice(0, MAX_WHY - 1)}…` : wait.why;
  return wait.until === null ? why : `until ${whenText(wait.until, now)}: ${why}`;
}

function waitJson(wait: Standstill | null) {
  return wait && { ...wait, since: isoOrNull(wait.since), until: isoOrNull(wait.until) };
}

/** Batches that have not ended, a line each, for whoever looks at everything. */
export function openBatchLines(reports: readonly BatchReport[], now: number): string[] {
  return openBatches(reports).map(({ batch, counts, wait }) => {
    const waits = wait === null ? '' : ` ${waitText(wait, now)}`;
    const { id, kind, account } = batch;
    const state = stateText(batch, counts, wait);
    return `${id}, ${kind} for ${account}: ${countsText(batch, counts)}, ${state}${waits}`;
  });
}

export function openBatchesJson(reports: readonly BatchReport[]) {
  return openBatches(reports).map(({ batch, counts, wait }) => batchJson(batch, counts, wait));
}

function openBatches(reports: readonly BatchReport[]): readonly BatchReport[] {
  return reports.filter(
    ({ batch, counts }) => batch.state !== 'cancelled' && counts.done + counts.failed < batch.items,
  );
}

function batchJson(batch: Batch, counts: BatchCounts, wait: Standstill | null) {
  const { id, kind, account, model, inputName, priority, via, items, reason } = batch;
  const { nextDueAt, ...numbers } = counts;
  return {
    ...{ id, kind, account, model, inputName, priority, via, items, reason },
    state: stateText(batch, counts, wait),
    waits: waitJson(wait),
    createdAt: new Date(batch.createdAt).toISOString(),
    nextDueAt: nextDueAt === null ? null : new Date(nextDueAt).toISOString(),
    ...numbers,
  };
}

export async function showOne(
  name: string,
  options: { readonly json?: boolean },
  command: Command,
): Promise<void> {
  const context = contextOf(command);
  await withDatabase(context, async (db) => {
    const batch = await chooseBatch(db, name);
    const counts = await countItems(db, batch.id);
    const { account, api } = textAccount(context.settings, batch.kind, batch.account);
    const standing = await readStanding(db, account, api, batch, await hasWorker(context));
    const { pool } = standing;
    const now = Date.now();
    const status = await quotaOfBatch(db, account, api, batch, now);
    const wait = waitOf(batch, counts, standing, status, now);
    const parts = await listParts(db, batch.id);
    const { rows: problems } = await db.query<{ reason: string; n: number }>(
      `select left(regexp_replace(coalesce(evidence ->> 'reason', 'failed'), ', request [^ )]+\\)$', ')'), 160) as reason,
              count(*) as n from batch_items
       where batch_id = $1 and state in ('failed', 'retry') group by 1 order by 2 desc limit 10`,
      [batch.id],
    );
    if (options.json) {
      printJson({
        ...batchJson(batch, counts, wait),
        options: batch.options,
        quota: quotaJson(status),
        pool: pool && { state: pool.state, reason: pool.reason },
        problems,
        vendorBatches: parts.map(partJson),
      });
      return;
    }
    print(`Batch ${batch.id}: ${batch.kind} for ${batch.account}, ${batch.inputName}, model ${batch.model}`);
    const where = batch.via === 'batch-api' ? 'in files' : 'in flight';
    const state = stateText(batch, counts, wait);
    print(`${state}: ${countsText(batch, counts)}, ${countText(counts.running)} ${where}`);
    const why = wait?.why ?? batch.reason;
    if (why) print(`Why: ${why}`);
    if (wait !== null) {
      if (wait.since !== null) print(`Since: ${whenText(wait.since, now)}`);
      print(`Until: ${wait.until === null ? 'no time is known' : whenText(wait.until, now)}`);
      print(`To do: ${wait.frees}`);
    }
    for (const line of quotaLines(status, now)) print(line);
    if (counts.nextDueAt !== null && counts.retry > 0) print(`Next retry: ${instantText(counts.nextDueAt)}`);
    for (const { reason, n } of problems) print(`  ${countText(n)} × ${reason}`);
    for (const line of partLines(parts)) print(line);
  });
}
