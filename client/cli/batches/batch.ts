/** `sluice batch`: one call for each row of a file, and the resulting texts. */
import type { Writable } from 'node:stream';
import type { Command } from 'commander';
import { checkOutput, intoWholeFile } from '../../operations/batches/batch';
import {
  cancelBatch,
  exportBatchItems,
  listBatches,
  pauseBatch,
  resumeBatch,
  showBatch,
} from '../../operations/batches/batches';
import { countText, pluralText } from '../../operations/time-text';
import { call, contextOf } from '../command';
import { note, print, standardOutput } from '../output';
import { addItemCommands } from './items';
import { addStart } from './start';
import { listAll, showOne } from './view';

interface ReasonOption {
  readonly reason?: string;
}

export function addBatch(program: Command): void {
  const batch = program.command('batch').description('texts for every row of a file, one call each');
  addStart(batch);
  batch.command('list').description(listBatches.about).option('--json', 'JSON').action(listAll);
  batch.command('show <batch>').description(showBatch.about).option('--json', 'JSON').action(showOne);
  batch
    .command('pause <batch>')
    .description(pauseBatch.about)
    .option('--reason <text>', 'why, for whoever wonders', 'by operator')
    .action(pause);
  batch.command('resume <batch>').description(resumeBatch.about).action(resume);
  batch
    .command('cancel <batch>')
    .description(cancelBatch.about)
    .option('--reason <text>', 'why, for whoever wonders', 'by operator')
    .action(cancel);
  addItemCommands(batch);
  batch
    .command('export <batch>')
    .description(exportBatchItems.about)
    .option('--output <file>', 'file; replaced as a whole (default: standard output)')
    .action(exportTo);
}

async function pause(name: string, { reason }: ReasonOption, command: Command): Promise<void> {
  const { batch, files } = await call(pauseBatch, contextOf(command), { batch: name, reason });
  print(`Batch ${batch}: paused`);
  if (files === 0) return;
  note(
    `${pluralText(files, 'file')} with the vendor stay there: it goes on with them, and resume reads what it has answered.`,
  );
}

async function cancel(name: string, { reason }: ReasonOption, command: Command): Promise<void> {
  const { batch, files } = await call(cancelBatch, contextOf(command), { batch: name, reason });
  print(`Batch ${batch}: cancelled`);
  for (const line of files) note(line);
}

async function resume(name: string, _: unknown, command: Command): Promise<void> {
  const { batch } = await call(resumeBatch, contextOf(command), { batch: name });
  print(`Batch ${batch}: resumed`);
}

async function exportTo(
  name: string,
  { output }: { readonly output?: string },
  command: Command,
): Promise<void> {
  const context = contextOf(command);
  if (output !== undefined) checkOutput(output);
  const write = (out: Writable) => call(exportBatchItems, context, { batch: name }, out);
  const { lines, items } = await (output === undefined
    ? write(standardOutput())
    : intoWholeFile(output, write));
  const written = `${countText(lines)} of ${countText(items)} items`;
  if (output === undefined) note(written);
  else print(`${written} in ${output}`);
}
