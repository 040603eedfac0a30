/** `sluice batch start` and `sluice batch plan`: their input, checked before anything is called or stored. */
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Pool } from 'pg';
import { voidTerms } from '../../../quota/batches/run-terms';
import { PRIORITIES } from '../../../quota/limits/limit';
import {
  type Batch,
  type BatchCounts,
  countItems,
  createBatch,
  findBatch,
  readBatch,
} from '../../../store/batches/batches';
import { openParts } from '../../../store/batches/parts';
import { duration } from '../../../vendors/account-fields';
import { promptVariables } from '../../../vendors/prompt';
import { growHeapSlowly } from '../../../workers/heap';
import { parsePriority } from '../../operations/arguments';
import { describeChange, takeOver } from '../../operations/batches/again';
import {
  type BatchRequest,
  checkOutput,
  exportBatch,
  goOn,
  requestFor,
  specOf,
  startBatch,
  type TextAccount,
  textAccount,
} from '../../operations/batches/batch';
import { changeDeliveryMode, parseVia } from '../../operations/batches/delivery-mode';
import { checkInput, type InputCheck, readItems } from '../../operations/batches/input';
import { addRunOptions, readConcurrency, readRunOptions, readTokens } from '../../operations/batches/options';
import { checkVariables, readPrompt } from '../../operations/batches/prompt';
import { readStanding, waitOf } from '../../operations/batches/wait';
import { type Context, withDatabase, withTemporal } from '../../operations/context';
import { workerPolls } from '../../operations/datasets/work';
import { ClientError, UsageError } from '../../operations/errors';
import { quotaOfBatch } from '../../operations/pools/quota';
import { countText, instantText } from '../../operations/time-text';
import { contextOf } from '../command';
import { type Interrupt, untilInterrupted } from '../interrupt';
import { note, print, printJson } from '../output';
import { atVendorText } from './delivery-mode-view';
import { type PlanInput, showPlan } from './plan';
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
  readonly onBadRow: string;
  readonly comments: boolean;
  readonly latency: string;
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
    .option('--on-bad-row <what>', 'stop or skip', 'stop')
    .option('--no-comments', 'take lines that begin with # for rows, whatever number of fields they have')
    .option('--latency <range>', 'how long an answer takes, for the plan', '1s..3s');
  return addRunOptions(command);
}

export function addStart(batch: Command): void {
  addWork(batch, 'start', 'load a file and work on it; the same file again goes on where it stood')
    .option('--output <file>', 'JSONL, written at the end of --wait')
    .option('--wait', 'follow it to its end; exit code 1 when items failed')
    .option('--dry-run', 'show three requests and the plan, and call nothing')
    .action(start);
  addWork(batch, 'plan', 'what would bind it and when it would be done; calls and stores nothing')
    .option('--json', 'JSON')
    .action(async (kind: string, options: WorkOptions & { json?: boolean }, command: Command) => {
      const context = contextOf(command);
      await showPlan(context, (await prepare(context, kind, options)).planned, options.json === true);
    });
}

function parseLatency(text: string): { readonly min: number; readonly max: number } {
  const length = duration('milliseconds', { min: 1 });
  const [low = '', high = low, ...more] = text.split('..');
  const [min, max] = [length.safeParse(low), length.safeParse(high)];
  if (more.length === 0 && min.success && max.success && min.data <= max.data) {
    return { min: min.data, max: max.data };
  }
  throw new UsageError(
    `--latency: "${text}" must be a shortest and a longest time such as 1s..3s or 300ms..2s`,
  );
}

interface Prepared {
  readonly planned: PlanInput;
  /** Of the request, what was given and not left to a default: a batch that goes on takes it over. */
  readonly given: {
    readonly options: Partial<BatchRequest['options']>;
    readonly priority?: BatchRequest['priority'];
  };
}

/** Everything that can be wrong is found here, before the first call. */
async function prepare(context: Context, kind: string, options: WorkOptions): Promise<Prepared> {
  const target = textAccount(context.settings, kind, options.account);
  if (options.onBadRow !== 'stop' && options.onBadRow !== 'skip') {
    throw new UsageError(`--on-bad-row: "${options.onBadRow}" must be stop or skip`);
  }
  const latency = parseLatency(options.latency);
  const run = readRunOptions({ ...options }, process.env);
  const maxConcurrency = readConcurrency(options.concurrency);
  const priority = options.priority === undefined ? undefined : parsePriority(options.priority);
  const via = parseVia(options.via, target);
  const request: BatchRequest = {
    kind,
    model: options.model,
    prompt: readPrompt(options.promptFile),
    inputName: basename(options.input),
    options: { maxOutputTokens: readTokens(options.maxOutputTokens), maxConcurrency, ...run },
    priority: priority ?? 'background',
    ...(via === undefined ? {} : { via }),
  };
  const input = await checkInput(options.input, options);
  reportComments(input);
  if (input.items + input.badCount === 0) throw new UsageError(`--input: ${options.input} holds no items`);
  checkVariables(request.prompt, input.columns);
  if (input.items > 1 && promptVariables(request.prompt).length === 0) {
    const columns = input.columns.map((name) => `{{${name}}}`).join(', ');
    note(
      `${options.promptFile} names no column (${columns}): all ${countText(input.items)} items ask the same.`,
    );
  }
  reportBadRows(input, options.onBadRow);
  if (input.items === 0) throw new UsageError(`--input: ${options.input} holds no items`);
  return {
    planned: { target, request, input, latency },
    given: {
      options: { ...(maxConcurrency === null ? {} : { maxConcurrency }), ...run },
      ...(priority === undefined ? {} : { priority }),
    },
  };
}

async function start(kind: string, options: StartOptions, command: Command): Promise<void> {
  growHeapSlowly();
  const context = contextOf(command);
  if (options.output !== undefined) checkOutput(options.output, [options.input, options.promptFile]);
  const { planned, given } = await prepare(context, kind, options);
  const { target, request, input } = planned;
  if (options.dryRun) {
    for (const { variables } of input.first) printJson(requestFor(target.api, request, variables));
    await showPlan(context, planned, false);
    return;
  }
  const spec = specOf(options.account, request, input);
  await withDatabase(context, async (db) => {
    const known = await findBatch(db, spec.digest);
    const again = known && (await takeOver(db, target, known, given));
    const turned = known ? await changeDeliveryMode(db, known, request.via) : [];
    const batch =
      again?.batch ?? (await createBatch(db, spec, readItems(options.input, input.kept, options))).batch;
    for (const line of voidTerms(target.account.limits, batch.options, batch.priority)) note(line);
    await withTemporal(context, async (client) => {
      const workflowId = known
        ? await goOn(client, context.settings, batch)
        : await startBatch(client, context.settings, batch);
      const counts = await countItems(db, batch.id);
      const loaded = known
        ? `goes on: ${countsText(batch, counts)}`
        : `loaded: ${countText(batch.items)} items`;
      print(`Batch ${batch.id} ${loaded} (${workflowId})`);
      for (const change of again?.changes ?? []) print(`  takes over ${describeChange(change)}`);
      for (const line of turned) print(`  ${line}`);
      if (!(await workerPolls(client, context.settings.temporal.taskQueue))) {
        note('No worker runs now; it begins when one does (npx sluice up).');
      }
    });
    if (options.wait) await follow(db, batch, target, options.output);
    else if (options.output) {
      note(`When it is done: npx sluice batch export ${batch.id} --output ${options.output}`);
    }
  });
}

function reportComments({ comments: { count, firstLine } }: InputCheck): void {
  if (count === 0) return;
  const lines = count === 1 ? `line ${firstLine} begins` : `${countText(count)} lines begin`;
  const from = count === 1 ? '' : ` (the first is line ${firstLine})`;
  note(
    `${lines} with # and ${count === 1 ? 'is' : 'are'} left out as a comment${count === 1 ? '' : 's'}${from}; --no-comments makes rows of ${count === 1 ? 'it' : 'them'}.`,
  );
}

function reportBadRows(input: InputCheck, onBadRow: string): void {
  if (input.badCount === 0) return;
  for (const { line, reason } of input.bad) note(`  line ${line}: ${reason}`);
  const more = input.badCount - input.bad.length;
  if (more > 0) note(`  and ${countText(more)} more`);
  if (onBadRow === 'skip') note(`${countText(input.badCount)} bad rows are left out.`);
  else {
    throw new UsageError(
      `--input: ${countText(input.badCount)} bad rows; mend them, or leave them out with --on-bad-row skip`,
    );
  }
}

async function follow(
  db: Pool,
  batch: Batch,
  target: TextAccount,
  output: string | undefined,
): Promise<void> {
  const interrupt = untilInterrupted();
  try {
    await followUntil(interrupt, db, batch, target, output);
  } finally {
    // However it ends: whoever listens on keeps the process alive.
    interrupt.done();
  }
}

async function followUntil(
  interrupt: Interrupt,
  db: Pool,
  batch: Batch,
  target: TextAccount,
  output: string | undefined,
): Promise<void> {
  let shown = '';
  for (;;) {
    const counts = await countItems(db, batch.id);
    const now = await readBatch(db, batch.id);
    const ended = counts.done + counts.failed;
    const waits = (now && (await waitText(db, target, now, counts))) || '';
    const running = waits || atVendorText(await openParts(db, batch.id));
    const said = now?.state === 'running' ? running : `${now?.state}: ${now?.reason}`;
    const state = said === '' ? '' : `; ${said}`;
    const line = `${countsText(batch, counts)}${state}`;
    if (line !== shown) note(line);
    shown = line;
    const over = ended >= batch.items || now?.state === 'cancelled';
    if (over || interrupt.signal.aborted) {
      if (output !== undefined) {
        const lines = await exportBatch(db, target.api, batch, output);
        print(`${countText(lines)} lines in ${output}`);
      }
      if (!over) {
        note(`Batch ${batch.id} goes on without this command.`);
        process.exitCode = 130;
      } else if (ended < batch.items) throw new ClientError(`batch ${batch.id} was cancelled`);
      else if (counts.failed > 0) throw new ClientError(`${countText(counts.failed)} items failed`);
      return;
    }
    await Promise.race([delay(Math.min(2000, 500 + batch.items / 20)), interrupt.promise]);
  }
}

/** What a batch waits for, with the instant and not the time left: the same line is not shown twice. */
async function waitText(db: Pool, target: TextAccount, batch: Batch, counts: BatchCounts): Promise<string> {
  const { account, api } = target;
  const standing = await readStanding(db, account, api, batch, true);
  const now = Date.now();
  const wait = waitOf(batch, counts, standing, await quotaOfBatch(db, account, api, batch, now), now);
  if (wait === null) return '';
  return `${wait.why}, ${wait.until === null ? `to do: ${wait.frees}` : `until ${instantText(wait.until)}`}`;
}
