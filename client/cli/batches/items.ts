/** `sluice batch skip` and `sluice batch retry-failed`: takes items out of a batch, and puts them back. */
import type { Command } from 'commander';
import { namedIds, retryFailedItems, skipItems } from '../../operations/batches/batches';
import { countText, pluralText } from '../../operations/time-text';
import { call, contextOf } from '../command';
import { note, print } from '../output';

export function addItemCommands(batch: Command): void {
  batch
    .command('skip <batch> <ids...>')
    .description(skipItems.about)
    .option('--reason <text>', 'why, for whoever wonders', 'skipped by operator')
    .action(skip);
  batch.command('retry-failed <batch> [ids...]').description(retryFailedItems.about).action(retry);
}

async function skip(
  name: string,
  ids: readonly string[],
  { reason }: { readonly reason: string },
  command: Command,
): Promise<void> {
  const skipped = await call(skipItems, contextOf(command), { batch: name, ids, reason });
  const { batch, items, onTheWay, ended } = skipped;
  print(`Batch ${batch}: ${pluralText(items, 'item')} skipped`);
  if (onTheWay > 0) note(`Of these, ${countText(onTheWay)} on the way: an answer that comes is kept.`);
  if (ended.length > 0) note(`Ended before, and left as they were: ${namedIds(ended)}`);
}

async function retry(name: string, ids: readonly string[], _: unknown, command: Command): Promise<void> {
  const { batch, items, state } = await call(retryFailedItems, contextOf(command), { batch: name, ids });
  if (items < ids.length) {
    const left = ids.length - items;
    note(
      `${pluralText(left, 'id')} of ${countText(ids.length)} named no item that has failed or was skipped`,
    );
  }
  print(`Batch ${batch}: ${pluralText(items, 'failed item')} ${items === 1 ? 'is' : 'are'} asked for again`);
  if (items > 0 && state !== 'running') {
    note(`It stays ${state}; to go on: npx sluice batch resume ${batch}`);
  }
}
