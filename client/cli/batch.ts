/** `sluice batch`: texts for every row of a file, one call each, and what became of them. */
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Pool } from 'pg';
import { PRIORITIES } from '../../quota/limit';
import {
  type Batch,
  countItems,
  createBatch,
  findBatch,
  readBatch,
  retryFailed,
  setBatchState,
} from '../../store/batches';
import { readPool } from '../../store/pools';
import {
  batchWorkflowId,
  cancelSignal,
  lookSignal,
  pauseSignal,
  resumeSignal,
} from '../../workflows/messages';
import { parseLength, parsePriority } from '../lib/arguments';
import {
  type BatchRequest,
  chooseBatch,
  exportBatch,
  planFor,
  requestFor,
  specOf,
  startBatch,
  type TextAccount,
  textAccount,
} from '../lib/batch';
import { checkInput, type InputCheck, readItems } from '../lib/batch-input';
import { checkVariables, readPrompt } from '../lib/batch-prompt';
import { type Context, withDatabase, withTemporal } from '../lib/context';
import { ClientError, UsageError } from '../lib/errors';
import { countText, lengthText } from '../lib/time-text';
import { isRunning, workerPolls } from '../lib/work';
import { countsText, listAll, showOne } from './batch-view';
import { contextOf } from './command';
import { untilInterrupted } from './interrupt';
import { note, print, printJson, table } from './output';

interface StartOptions {
  readonly account: string;
  readonly input: string;
  readonly output?: string;
  readonly promptFile: string;
  readonly model: string;
  readonly maxOutputTokens?: string;
  readonly concurrency?: string;
  readonly priority: string;
  readonly onBadRow: string;
  readonly latency: string;
  readonly wait?: boolean;
  readonly dryRun?: boolean;
}

interface ReasonOption {
  readonly reason?: string;
}

export function addBatch(program: Command): void {
  const batch = program.command('batch').description('texts for every row of a file, one call each');
  batch
    .command('start <kind>')
    .description('load a file and work on it; the same file again goes on where it stood')
    .requiredOption('--account <name>', 'account, as in the settings')
    .requiredOption('--input <file>', 'CSV: id first; header, quotes, # comments and BOM are understood')
    .requiredOption('--prompt-file <file>', 'the prompt, with {{variables}} that are columns')
    .requiredOption('--model <name>', 'model, e.g. gpt-4.1-mini')
    .option('--output <file>', 'JSONL, written at the end of --wait')
    .option('--max-output-tokens <n>', 'most tokens of an answer')
    .option('--concurrency <n>', 'most calls in flight (default: the account’s)')
    .option('--priority <priority>', PRIORITIES.join(', '), 'background')
    .option('--on-bad-row <what>', 'stop or skip', 'stop')
    .option('--latency <range>', 'how long an answer takes, for the plan', '1s..3s')
    .option('--wait', 'follow it to its end; exit code 1 when items failed')
    .option('--dry-run', 'show three requests and the plan, and call nothing')
    .action(start);
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
  batch.command('retry-failed <batch>').description('ask again for what has failed').action(retry);
  batch
    .command('export <batch>')
    .description('write what has ended so far as JSONL; also while it runs')
    .requiredOption('--output <file>', 'file; replaced as a whole')
    .action(exportTo);
}

function wholeNumber(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new UsageError(`${option}: "${text}" must be a whole number, at least 1`);
}

function parseLatency(text: string): { readonly min: number; readonly max: number } {
  const [low = '', high = low, ...more] = text.split('..');
  const range = { min: parseLength('--latency', low), max: parseLength('--latency', high) };
  if (more.length === 0 && range.min <= range.max) return range;
  throw new UsageError(`--latency: "${text}" must be a shortest and a longest time such as 1s..3s`);
}

async function start(kind: string, options: StartOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const target = textAccount(context.settings, kind, options.account);
  if (options.onBadRow !== 'stop' && options.onBadRow !== 'skip') {
    throw new UsageError(`--on-bad-row: "${options.onBadRow}" must be stop or skip`);
  }
  const latency = parseLatency(options.latency);
  const request: BatchRequest = {
    kind,
    model: options.model,
    prompt: readPrompt(options.promptFile),
    inputName: basename(options.input),
    options: {
      maxOutputTokens: wholeNumber('--max-output-tokens', options.maxOutputTokens),
      maxConcurrency: wholeNumber('--concurrency', options.concurrency),
    },
    priority: parsePriority(options.priority),
  };
  const input = await checkInput(options.input);
  checkVariables(request.prompt, input.columns);
  reportBadRows(input, options.onBadRow);
  if (input.items === 0) throw new UsageError(`--input: ${options.input} holds no items`);
  if (options.dryRun) {
    await dryRun(context, target, request, input, latency);
    return;
  }
  const spec = specOf(options.account, request, input);
  await withDatabase(context, async (db) => {
    const known = await findBatch(db, spec.digest);
    const { batch } = known ? { batch: known } : await createBatch(db, spec, readItems(options.input));
    if (batch.state !== 'running') await setBatchState(db, batch.id, 'running', '');
    await withTemporal(context, async (client) => {
      const workflowId = await startBatch(client, context.settings, batch);
      const counts = await countItems(db, batch.id);
      const loaded = known
        ? `goes on: ${countsText(batch, counts)}`
        : `loaded: ${countText(batch.items)} items`;
      print(`Batch ${batch.id} ${loaded} (${workflowId})`);
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

async function dryRun(
  context: Context,
  target: TextAccount,
  request: BatchRequest,
  input: InputCheck,
  latency: { readonly min: number; readonly max: number },
): Promise<void> {
  for (const { variables } of input.first) printJson(requestFor(target.api, request, variables));
  const now = Date.now();
  // A plan needs no server; with one it starts from what is used now.
  const plan = await withDatabase(context, (db) => planFor(db, target, request, input, latency, now)).catch(
    () => planFor(null, target, request, input, latency, now),
  );
  print(
    `${countText(input.items)} items of some ${countText(plan.tokensPerItem)} tokens each, one call an item.`,
  );
  const rows = plan.constraints.map(({ name, ms }) => [name, Number.isFinite(ms) ? lengthText(ms) : 'never']);
  print(table(['what alone would take', 'time'], rows));
  print(
    `Binding: ${plan.binding}. At the least ${Number.isFinite(plan.ms) ? lengthText(plan.ms) : 'for ever'}.`,
  );
  if (plan.concurrencyNeeded !== null) {
    const max = request.options.maxConcurrency ?? target.api.concurrency.max;
    print(
      `At most ${max} calls are in flight; ${plan.concurrencyNeeded} reach the rate when answers take ${lengthText(latency.max)}.`,
    );
  }
  print('Nothing was called or stored.');
}

async function follow(
  db: Pool,
  batch: Batch,
  target: TextAccount,
  output: string | undefined,
): Promise<void> {
  const interrupt = untilInterrupted();
  let shown = '';
  for (;;) {
    const counts = await countItems(db, batch.id);
    const now = await readBatch(db, batch.id);
    const pool = (await readPool(db, target.account.poolKey))?.state;
    const ended = counts.done + counts.failed;
    const waits = pool && pool.until !== null && pool.until > Date.now() ? `; ${pool.reason}` : '';
    const state = now?.state === 'running' ? waits : `; ${now?.state}: ${now?.reason}`;
    const line = `${countsText(batch, counts)}${state}`;
    if (line !== shown) note(line);
    shown = line;
    const over = ended >= batch.items || now?.state === 'cancelled';
    if (over || interrupt.signal.aborted) {
      interrupt.done();
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
    await setBatchState(db, batch.id, state, reason);
    await withTemporal(context, async (client) => {
      const id = batchWorkflowId(batch.kind, batch.account, batch.id);
      if (!(await isRunning(client, id))) return;
      await client.workflow.getHandle(id).signal(state === 'paused' ? pauseSignal : cancelSignal, { reason });
    });
    print(`Batch ${batch.id}: ${state}`);
  });
}

async function resume(name: string, _: unknown, command: Command): Promise<void> {
  const context = contextOf(command);
  await withDatabase(context, async (db) => {
    const batch = await chooseBatch(db, name);
    await setBatchState(db, batch.id, 'running', '');
    await goOn(context, batch);
    print(`Batch ${batch.id}: resumed`);
  });
}

async function retry(name: string, _: unknown, command: Command): Promise<void> {
  const context = contextOf(command);
  await withDatabase(context, async (db) => {
    const batch = await chooseBatch(db, name);
    const items = await retryFailed(db, batch.id);
    if (items > 0) await goOn(context, batch);
    print(`Batch ${batch.id}: ${countText(items)} failed items are asked for again`);
  });
}

async function goOn(context: Context, batch: Batch): Promise<void> {
  await withTemporal(context, async (client) => {
    const handle = client.workflow.getHandle(await startBatch(client, context.settings, batch));
    await handle.signal(resumeSignal);
    await handle.signal(lookSignal);
  });
}

async function exportTo(name: string, options: { readonly output: string }, command: Command): Promise<void> {
  const context = contextOf(command);
  await withDatabase(context, async (db) => {
    const batch = await chooseBatch(db, name);
    const { api } = textAccount(context.settings, batch.kind, batch.account);
    const lines = await exportBatch(db, api, batch, options.output);
    print(`${countText(lines)} of ${countText(batch.items)} items in ${options.output}`);
  });
}
