/** `sluice batch skip` and `sluice batch retry-failed`: items of a batch out, and in again. */
import type { Command } from 'commander';
import { retryFailed, skipItems } from '../../../store/batches/skips';
import { chooseBatch, goOn, operatorOf } from '../../operations/batches/batch';
import { withDatabase, withTemporal } from '../../operations/context';
import { ClientError } from '../../operations/errors';
import { countText, pluralText } from '../../operations/time-text';
import { contextOf } from '../command';
import { note, print } from '../output';

/** Ids that a message names. */
const MOST_NAMED = 10;

function named(ids: readonly string[]): string {
  const more = ids.length - MOST_NAMED;
  return `${ids.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${countText(more)} more` : ''}`;
}

export function addItemCommands(batch: Command): void {
  batch
    .command('skip <batch> <ids...>')
    .description('ask no more for these items; retry-failed takes them in again')
    .option('--reason <text>', 'why, for whoever wonders', 'skipped by operator')
    .action(skip);
  batch
    .command('retry-failed <batch> [ids...]')
    .description('ask again for what has failed or was skipped: all of it, or these items')
    .action(retry);
}

async function skip(
  name: string,
  ids: readonly string[],
  options: { readonly reason: string },
  command: Command,
): Promise<void> {
  const context = contextOf(command);
  await withDatabase(context, async (db) => {
    const batch = await chooseBatch(db, name);
    const changed = operatorOf(context.settings, batch);
    const skipped = await skipItems(db, batch.id, ids, options.reason, changed);
    if ('unknown' in skipped) {
      throw new ClientError(
        `ids: batch ${batch.id} has no item ${named(skipped.unknown)}; an id is a value of the input's first column. Nothing was skipped`,
      );
    }
    const { items, onTheWay, ended } = skipped;
    // The last ones may have been what the batch waits for.
    if (items > 0 && batch.state === 'running') {
      await withTemporal(context, (client) => goOn(client, context.settings, batch));
    }
    print(`Batch ${batch.id}: ${pluralText(items, 'item')} skipped`);
    if (onTheWay > 0) note(`Of these, ${countText(onTheWay)} on the way: an answer that comes is kept.`);
    if (ended.length > 0) note(`Ended before, and left as they were: ${named(ended)}`);
  });
}

async function retry(name: string, ids: readonly string[], _: unknown, command: Command): Promise<void> {
  const context = contextOf(command);
  await withDatabase(context, async (db) => {
    const batch = await chooseBatch(db, name);
    const changed = operatorOf(context.settings, batch);
    const items = await retryFailed(db, batch.id, changed, ids.length === 0 ? null : ids);
    if (items < ids.length) {
      const left = ids.length - items;
      note(
        `${pluralText(left, 'id')} of ${countText(ids.length)} named no item that has failed or was skipped`,
      );
    }
    // A pause is somebody's decision, and ends by resume alone.
    const runs = batch.state === 'running';
    if (items > 0 && runs) await withTemporal(context, (client) => goOn(client, context.settings, batch));
    print(
      `Batch ${batch.id}: ${pluralText(items, 'failed item')} ${items === 1 ? 'is' : 'are'} asked for again`,
    );
    if (items > 0 && !runs) note(`It stays ${batch.state}; to go on: npx sluice batch resume ${batch.id}`);
  });
}
