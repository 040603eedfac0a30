/** `sluice batch list` and `sluice batch show`: how far batches are, and what they wait for. */
import type { Command } from 'commander';
import { listBatches, showBatch, stateOf } from '../../operations/batches/batches';
import type { BatchReport } from '../../operations/batches/wait';
import { countText, instantText, whenText } from '../../operations/time-text';
import { call, contextOf } from '../command';
import { print, printJson, table } from '../output';
import { quotaLines } from '../pools/quota-view';
import { partLines } from './delivery-mode-view';

type Batch = BatchReport['batch'];
type BatchCounts = BatchReport['counts'];
type Standstill = NonNullable<BatchReport['wait']>;

export function countsText(batch: Batch, counts: BatchCounts): string {
  const waiting = counts.retry > 0 ? `, ${countText(counts.retry)} to be tried again` : '';
  return `${countText(counts.done)} of ${countText(batch.items)} done, ${countText(counts.failed)} failed${waiting}`;
}

export async function listAll(options: { readonly json?: boolean }, command: Command): Promise<void> {
  const rows = await call(listBatches, contextOf(command), {});
  const now = Date.now();
  if (options.json) printJson(listBatches.json(rows));
  else if (rows.length === 0) print('No batches.');
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
          stateOf(batch, counts, wait),
          waitText(wait, now),
        ]),
      ),
    );
  }
}

/** Of a vendor's words a line shows the beginning; `batch show` has all of it. */
const MAX_WHY = 100;

/** `until 2026-… (in 3 h): why`. */
function waitText(wait: Standstill | null, now: number): string {
  if (wait === null) return '';
  const why = wait.why.length > MAX_WHY ? `${wait.why.slice(0, MAX_WHY - 1)}…` : wait.why;
  return wait.until === null ? why : `until ${whenText(wait.until, now)}: ${why}`;
}

/** A line for each batch, for whoever looks at everything. */
export function batchLines(reports: readonly BatchReport[], now: number): string[] {
  return reports.map(({ batch, counts, wait }) => {
    const waits = wait === null ? '' : ` ${waitText(wait, now)}`;
    const { id, kind, account } = batch;
    const state = stateOf(batch, counts, wait);
    return `${id}, ${kind} for ${account}: ${countsText(batch, counts)}, ${state}${waits}`;
  });
}

export async function showOne(
  name: string,
  options: { readonly json?: boolean },
  command: Command,
): Promise<void> {
  const details = await call(showBatch, contextOf(command), { batch: name });
  if (options.json) {
    printJson(showBatch.json(details));
    return;
  }
  const { batch, counts, wait, quota, problems, parts } = details;
  const now = Date.now();
  print(`Batch ${batch.id}: ${batch.kind} for ${batch.account}, ${batch.inputName}, model ${batch.model}`);
  const where = batch.via === 'batch-api' ? 'in files' : 'in flight';
  const state = stateOf(batch, counts, wait);
  print(`${state}: ${countsText(batch, counts)}, ${countText(counts.running)} ${where}`);
  const why = wait?.why ?? batch.reason;
  if (why) print(`Why: ${why}`);
  if (wait !== null) {
    if (wait.since !== null) print(`Since: ${whenText(wait.since, now)}`);
    print(`Until: ${wait.until === null ? 'no time is known' : whenText(wait.until, now)}`);
    print(`To do: ${wait.frees}`);
  }
  for (const line of quotaLines(quota, now)) print(line);
  if (counts.nextDueAt !== null && counts.retry > 0) print(`Next retry: ${instantText(counts.nextDueAt)}`);
  for (const { reason, n } of problems) print(`  ${countText(n)} × ${reason}`);
  for (const line of partLines(parts)) print(line);
}
