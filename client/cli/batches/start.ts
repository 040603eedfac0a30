/** `sluice batch start` and `sluice batch plan`: what was typed becomes the input of a use case, and its result text. */
import type { Command } from 'commander';
import { growHeapSlowly } from '../../../embedded/heap';
import { PRIORITIES } from '../../../quota/limits/limit';
import type { Context } from '../../operations/backend/context';
import { describeChange } from '../../operations/batches/again';
import { checkOutput, intoWholeFile } from '../../operations/batches/batch';
import { exportBatchItems } from '../../operations/batches/batches';
import { type BatchProgress, followBatch } from '../../operations/batches/follow';
import { planBatch, type StartedBatch, startBatch } from '../../operations/batches/start';
import { ClientError } from '../../operations/errors';
import { countText, instantText } from '../../operations/time-text';
import { awayNotes } from '../away-notes';
import { call, contextOf } from '../command';
import { untilInterrupted } from '../interrupt';
import { note, print, printJson } from '../output';
import { atVendorText, deliveryChangeText } from './delivery-mode-view';
import { inputLines, voidTermLines } from './input-view';
import { printPlan } from './plan';
import { addRunOptions, givenRunTerms } from './run-options';
import { countsText } from './view';

interface WorkOptions {
  readonly account: string;
  readonly input: string;
  readonly promptFile: string;
  readonly model: string;
  readonly maxOutputTokens?: string;
  readonly concurrency?: string;
  readonly priority?: string;
  readonly via?: string;
  readonly onBadRow?: string;
  readonly comments: boolean;
  readonly latency?: string;
}

interface StartOptions extends WorkOptions {
  readonly output?: string;
  readonly wait?: boolean;
  readonly dryRun?: boolean;
}

function addWork(parent: Command, name: string, description: string): Command {
  const command = parent
    .command(`${name} <kind>`)
    .description(description)
    .requiredOption('--account <name>', 'account, as in the settings')
    .requiredOption(
      '--input <file>',
      'CSV by , ; tab or |: id first; header, quotes, # comments, sep= and BOM are understood',
    )
    .requiredOption('--prompt-file <file>', 'the prompt, with {{variables}} that are columns')
    .requiredOption('--model <name>', 'model, e.g. gpt-4.1-mini')
    .option('--max-output-tokens <n>', 'most tokens of an answer (from 1; default: the model’s own limit)')
    .option('--priority <priority>', `${PRIORITIES.join(', ')} (default: background)`)
    .option(
      '--via <mode>',
      'responses: a call an item; batch-api: by files, within a day and cheaper (default: responses; for a batch that goes on, its present mode)',
    )
    .option('--on-bad-row <what>', 'stop or skip (default: stop)')
    .option('--no-comments', 'take lines that begin with # for rows, whatever number of fields they have')
    .option('--latency <range>', 'how long an answer takes, for the plan (default: 1s..3s)');
  return addRunOptions(command);
}

export function addStart(batch: Command): void {
  addWork(batch, 'start', startBatch.about)
    .option('--output <file>', 'JSONL, written at the end of --wait')
    .option('--wait', 'follow it to its end; exit code 1 when items failed')
    .option('--dry-run', 'show three requests and the plan, and call nothing')
    .action(start);
  addWork(batch, 'plan', planBatch.about).option('--json', 'JSON').action(plan);
}

/** What was typed, by the fields of the use cases. */
function requestOf(kind: string, options: WorkOptions) {
  const { account, input, promptFile, model, maxOutputTokens, priority, via, onBadRow, comments } = options;
  return {
    ...{ kind, account, input, promptFile, model, maxOutputTokens, priority, via, onBadRow, comments },
    maxConcurrency: options.concurrency,
    ...givenRunTerms({ ...options }, process.env),
  };
}

async function plan(
  kind: string,
  options: WorkOptions & { readonly json?: boolean },
  command: Command,
): Promise<void> {
  const { latency } = options;
  const planned = await call(planBatch, contextOf(command), { ...requestOf(kind, options), latency });
  for (const line of inputLines(planned.input, options.promptFile)) note(line);
  for (const line of voidTermLines(command, planned.voidTerms)) note(line);
  if (options.json) printJson(planBatch.json(planned));
  else printPlan(planned);
}

async function start(kind: string, options: StartOptions, command: Command): Promise<void> {
  growHeapSlowly();
  const context = contextOf(command);
  const { output, latency } = options;
  if (output !== undefined) checkOutput(output, [options.input, options.promptFile]);
  const request = requestOf(kind, options);
  if (options.dryRun) {
    const planned = await call(planBatch, context, { ...request, latency });
    for (const line of inputLines(planned.input, options.promptFile)) note(line);
    for (const one of planned.requests) printJson(one);
    for (const line of voidTermLines(command, planned.voidTerms)) note(line);
    printPlan(planned);
    return;
  }
  const started = await call(startBatch, context, request);
  for (const line of inputLines(started.input, options.promptFile)) note(line);
  for (const line of voidTermLines(command, started.voidTerms)) note(line);
  printStarted(started);
  const { batch } = started;
  if (options.wait) await follow(context, batch, output);
  else if (output) note(`When it is done: npx sluice batch export ${batch.id} --output ${output}`);
}

function printStarted({
  batch,
  counts,
  workflowId,
  goesOn,
  workerRuns,
  changes,
  delivery,
}: StartedBatch): void {
  const loaded = goesOn ? `goes on: ${countsText(batch, counts)}` : `loaded: ${countText(batch.items)} items`;
  print(`Batch ${batch.id} ${loaded} (${workflowId})`);
  for (const change of changes) print(`  takes over ${describeChange(change)}`);
  if (delivery !== null) print(`  ${deliveryChangeText(delivery)}`);
  if (!workerRuns) note('No worker runs now; it begins when one does (npx sluice up).');
}

async function follow(
  context: Context,
  batch: StartedBatch['batch'],
  output: string | undefined,
): Promise<void> {
  const interrupt = untilInterrupted();
  let shown = '';
  const onProgress = (progress: BatchProgress) => {
    const line = progressText(progress);
    if (line !== shown) note(line);
    shown = line;
  };
  try {
    const last = await followBatch(context, batch, {
      onProgress,
      onAway: awayNotes(),
      signal: interrupt.signal,
    });
    if (output !== undefined) {
      const { lines } = await intoWholeFile(output, (out) =>
        call(exportBatchItems, context, { batch: batch.id }, out),
      );
      print(`${countText(lines)} lines in ${output}`);
    }
    conclude(batch, last);
  } finally {
    // However it ends: whoever listens on keeps the process alive.
    interrupt.done();
  }
}

function conclude({ id }: StartedBatch['batch'], last: BatchProgress | null): void {
  if (last === null || !last.over) {
    note(`Batch ${id} goes on without this command.`);
    process.exitCode = 130;
    return;
  }
  const { batch, counts } = last;
  if (counts.done + counts.failed < batch.items) throw new ClientError(`batch ${id} was cancelled`);
  if (counts.failed > 0) throw new ClientError(`${countText(counts.failed)} items failed`);
}

/** With the instant that it waits for and not the time left: the same line is not shown twice. */
function progressText({ batch, counts, wait, parts }: BatchProgress): string {
  let state = `${batch.state}: ${batch.reason}`;
  if (batch.state === 'running') {
    const until = wait?.until ?? null;
    state =
      wait === null
        ? atVendorText(parts)
        : `${wait.why}, ${until === null ? `to do: ${wait.frees}` : `until ${instantText(until)}`}`;
  }
  return `${countsText(batch, counts)}${state === '' ? '' : `; ${state}`}`;
}
