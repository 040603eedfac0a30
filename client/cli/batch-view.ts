/** `sluice batch list` and `sluice batch show`: how far batches are, and what they wait for. */
import type { Command } from 'commander';
import { runCap } from '../../quota/run-terms';
import { listParts } from '../../store/batch-parts';
import { type Batch, type BatchCounts, countItems, listBatches } from '../../store/batches';
import { listLimits } from '../../store/permits';
import { readPool } from '../../store/pools';
import { chooseBatch, textAccount } from '../lib/batch';
import { withDatabase } from '../lib/context';
import { quotaOf } from '../lib/quota';
import { countText, instantText, whenText } from '../lib/time-text';
import { partJson, partLines } from './batch-way-view';
import { contextOf } from './command';
import { print, printJson, table } from './output';
import { quotaJson, quotaLines } from './quota-view';

export function countsText(batch: Batch, counts: BatchCounts): string {
  const waiting = counts.retry > 0 ? `, ${countText(counts.retry)} to be tried again` : '';
  return `${countText(counts.done)} of ${countText(batch.items)} done, ${countText(counts.failed)} failed${waiting}`;
}

export async function listAll(options: { readonly json?: boolean }, command: Command): Promise<void> {
  await withDatabase(contextOf(command), async (db) => {
    const all = await listBatches(db);
    const rows = await Promise.all(
      all.map(async (batch) => ({ batch, counts: await countItems(db, batch.id) })),
    );
    if (options.json) printJson(rows.map(({ batch, counts }) => batchJson(batch, counts)));
    else if (rows.length === 0) print('No batches.');
    else {
      print(
        table(
          ['batch', 'kind', 'account', 'input', 'items', 'done', 'failed', 'state'],
          rows.map(({ batch, counts }) => [
            String(batch.id),
            batch.kind,
            batch.account,
            batch.inputName,
            countText(batch.items),
            countText(counts.done),
            countText(counts.failed),
            stateText(batch, counts),
          ]),
        ),
      );
    }
  });
}

function stateText(batch: Batch, counts: BatchCounts): string {
  return counts.done + counts.failed >= batch.items ? 'done' : batch.state;
}

function batchJson(batch: Batch, counts: BatchCounts) {
  const { id, kind, account, model, inputName, priority, via, items, reason } = batch;
  const { nextDueAt, ...numbers } = counts;
  return {
    ...{ id, kind, account, model, inputName, priority, via, items, reason },
    state: stateText(batch, counts),
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
    const pool = (await readPool(db, account.poolKey))?.state ?? null;
    const cap = runCap(account.limits, api, batch.options, batch.priority);
    const status = quotaOf(account, await listLimits(db, account.poolKey), cap);
    const parts = await listParts(db, batch.id);
    const { rows: problems } = await db.query<{ reason: string; n: number }>(
      `select left(coalesce(evidence ->> 'reason', 'failed'), 160) as reason, count(*) as n from batch_items
       where batch_id = $1 and state in ('failed', 'retry') group by 1 order by 2 desc limit 10`,
      [batch.id],
    );
    if (options.json) {
      printJson({
        ...batchJson(batch, counts),
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
    print(`${stateText(batch, counts)}: ${countsText(batch, counts)}, ${countText(counts.running)} ${where}`);
    if (batch.reason) print(`Why: ${batch.reason}`);
    if (pool && pool.state !== 'closed') {
      const until = pool.until === null ? 'until it is resumed' : `until ${whenText(pool.until, Date.now())}`;
      print(`Its pool is ${pool.state} ${until}: ${pool.reason}`);
    }
    for (const line of quotaLines(status, Date.now())) print(line);
    if (counts.nextDueAt !== null && counts.retry > 0) print(`Next retry: ${instantText(counts.nextDueAt)}`);
    for (const { reason, n } of problems) print(`  ${countText(n)} × ${reason}`);
    for (const line of partLines(parts)) print(line);
  });
}
