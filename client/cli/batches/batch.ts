/** `sluice batch`: texts for every row of a file, one call each, and what became of them. */
import type { Command } from 'commander';
import { setBatchState } from '../../../store/batches/batches';
import { openParts } from '../../../store/batches/parts';
import { isRunning } from '../../../temporal/start-or-attach';
import { batchWorkflowId, cancelSignal, pauseSignal } from '../../../workflows/messages';
import {
  checkOutput,
  chooseBatch,
  exportBatch,
  goOn,
  operatorOf,
  textAccount,
  writeBatch,
} from '../../operations/batches/batch';
import { cancelledFiles } from '../../operations/batches/cancel';
import { withDatabase, withTemporal } from '../../operations/context';
import { countText, pluralText } from '../../operations/time-text';
import { contextOf } from '../command';
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
  batch.command('list').description('every batch').option('--json', 'JSON').action(listAll);
  batch
    .command('show <batch>')
    .description('one batch: what is done, what waits and why')
    .option('--json', 'JSON')
    .action(showOne);
  batch
    .command('pause <batch>')
    .description('begin no more calls until it is resumed')
    .option('--reason <text>', 'why, for whoever wonders', 'by operator')
    .action((name: string, options: ReasonOption, command: Command) =>
      steer(name, command, 'paused', options),
    );
  batch.command('resume <batch>').description('go on').action(resume);
  batch
    .command('cancel <batch>')
    .description('end it; what is answered stays, and resume goes on')
    .option('--reason <text>', 'why, for whoever wonders', 'by operator')
    .action((name: string, options: ReasonOption, command: Command) =>
      steer(name, command, 'cancelled', options),
    );
  addItemCommands(batch);
  batch
    .command('export <batch>')
    .description('write what has ended so far as JSONL; also while it runs')
    .option('--output <file>', 'file; replaced as a whole (default: standard output)')
    .action(exportTo);
}

/** Tells Postgres, which every page obeys within a second, and the workflow when it runs. */
async function steer(
  name: string,
  command: Command,
  state: 'paused' | 'cancelled',
  options: ReasonOption,
): Promise<void> {
  const context = contextOf(command);
  const reason = options.reason ?? 'by operator';
  await withDatabase(context, async (db) => {
    const batch = await chooseBatch(db, name);
    await setBatchState(db, batch.id, state, reason, operatorOf(context.settings, batch));
    await withTemporal(context, async (client) => {
      const id = batchWorkflowId(batch.kind, batch.account, batch.id);
      if (!(await isRunning(client, id))) return;
      await client.workflow.getHandle(id).signal(state === 'paused' ? pauseSignal : cancelSignal, { reason });
    });
    print(`Batch ${batch.id}: ${state}`);
    const files = (await openParts(db, batch.id)).length;
    if (files === 0) return;
    if (state === 'paused') {
      note(
        `${pluralText(files, 'file')} with the vendor stay there: it goes on with them, and resume reads what it has answered.`,
      );
    } else for (const line of await cancelledFiles(db, batch.id)) note(line);
  });
}

async function resume(name: string, _: unknown, command: Command): Promise<void> {
  const context = contextOf(command);
  await withDatabase(context, async (db) => {
    const batch = await chooseBatch(db, name);
    await setBatchState(db, batch.id, 'running', '', operatorOf(context.settings, batch));
    await withTemporal(context, (client) => goOn(client, context.settings, batch));
    print(`Batch ${batch.id}: resumed`);
  });
}

async function exportTo(
  name: string,
  { output }: { readonly output?: string },
  command: Command,
): Promise<void> {
  const context = contextOf(command);
  if (output !== undefined) checkOutput(output);
  await withDatabase(context, async (db) => {
    const batch = await chooseBatch(db, name);
    const { api } = textAccount(context.settings, batch.kind, batch.account);
    const told = (lines: number) => `${countText(lines)} of ${countText(batch.items)} items`;
    if (output === undefined) note(told(await writeBatch(db, api, batch, standardOutput())));
    else print(`${told(await exportBatch(db, api, batch, output))} in ${output}`);
  });
}
