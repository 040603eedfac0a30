/** `sluice backfill`, `sluice audit` and `sluice plan backfill`: work over a span of a dataset. */
import type { Command } from 'commander';
import { PRIORITIES } from '../../../quota/limits/limit';
import { fleetKindOf } from '../../../settings';
import {
  checkAskable,
  chooseDataset,
  parseChunk,
  parseLength,
  parsePriority,
  parseSpan,
} from '../../operations/arguments';
import { type Context, withDatabase, withTemporal } from '../../operations/context';
import { type BackfillPlan, planBackfill } from '../../operations/datasets/plan';
import { type SpanWork, startSpanWork, workerPolls } from '../../operations/datasets/work';
import { ClientError, UsageError } from '../../operations/errors';
import { follow } from '../../operations/follow';
import {
  amountText,
  countText,
  isoOrNull,
  lengthText,
  pluralText,
  spanText,
  whenText,
} from '../../operations/time-text';
import { contextOf } from '../command';
import { backfillFleet, type FleetSpanOptions, planFleetBackfill } from '../fleet/fleet';
import { untilInterrupted } from '../interrupt';
import { note, print, printJson, table } from '../output';
import { addBackfillRuns } from './backfill-runs';
import { createView } from './progress-view';

interface SpanOptions {
  readonly account?: string;
  readonly from: string;
  readonly to: string;
  readonly chunk?: string;
  readonly priority?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
}

function spanCommand(
  parent: Command,
  name: string,
  description: string,
  how: { readonly isDefault?: boolean } = {},
): Command {
  return parent
    .command(`${name} <dataset>`, how)
    .description(description)
    .option('--account <name>', 'account, when there are several')
    .requiredOption('--from <time>', 'first hour, e.g. 2026-11-01 or 2026-11-01T06:00Z')
    .requiredOption('--to <time>', 'end, not included')
    .option('--chunk <length>', 'span of one report, e.g. 6h or 14d (default: the settings)')
    .option('--priority <priority>', `${PRIORITIES.join(', ')} (default: the settings)`)
    .option('--json', 'JSON');
}

function withDevices(command: Command): Command {
  return command.option(
    '--device <id>',
    'of a fleet: this device only; may be given several times',
    (id: string, before: readonly string[]) => [...before, id],
    [] as readonly string[],
  );
}

/** Options that are for other kinds of datasets. */
function refuse(dataset: string, given: Readonly<Record<string, unknown>>): void {
  for (const [option, value] of Object.entries(given)) {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    throw new UsageError(`${option}: does not apply to ${dataset}`);
  }
}

export function addBackfill(program: Command): void {
  const backfill = program
    .command('backfill')
    .description('fetch what is missing of a span: backfill <dataset> --from … --to …')
    .addHelpText('after', '\nOptions of `backfill <dataset>`: npx sluice backfill start --help');
  withDevices(spanCommand(backfill, 'start', 'fetch what is missing of a span', { isDefault: true }))
    .option('--wait', 'follow it to its end; exit code 1 when windows failed')
    .action((dataset: string, options: SpanOptions & FleetSpanOptions, command: Command) => {
      if (fleetKindOf(dataset) !== null) return backfillFleet(contextOf(command), dataset, options);
      refuse(dataset, { '--device': options.device });
      return startWork(contextOf(command), dataset, options, 'backfill');
    });
  addBackfillRuns(backfill);
  spanCommand(program, 'audit', 'fetch a span again, for the vendor may have restated it')
    .option('--wait', 'follow it to its end; exit code 1 when windows failed')
    .action((dataset: string, options: SpanOptions, command: Command) =>
      startWork(contextOf(command), dataset, options, 'daily_audit'),
    );
  const plan = program.command('plan').description('what a piece of work would cost, before any call');
  withDevices(
    spanCommand(plan, 'backfill', 'calls, the limit that binds, and when it would be done', {
      isDefault: true,
    }),
  )
    .option(
      '--report-time <range>',
      'how long the vendor takes over a report, e.g. 15s..5m (default: measured)',
    )
    .option('--device-count <n>', 'of a fleet: as if it had so many devices, of which nothing is there')
    .action(
      (
        dataset: string,
        options: SpanOptions & FleetSpanOptions & { reportTime?: string },
        command: Command,
      ) => {
        if (fleetKindOf(dataset) !== null) {
          refuse(dataset, { '--report-time': options.reportTime });
          return planFleetBackfill(contextOf(command), dataset, options);
        }
        refuse(dataset, { '--device': options.device, '--device-count': options.deviceCount });
        return showPlan(contextOf(command), dataset, options);
      },
    );
}

function checked(context: Context, dataset: string, options: SpanOptions, now: number) {
  const chosen = chooseDataset(context.settings, dataset, options.account);
  const span = checkAskable(chosen, parseSpan(options.from, options.to), now);
  const chunkHours = parseChunk(chosen, options.chunk);
  const priority = options.priority === undefined ? null : parsePriority(options.priority);
  return { chosen, span, chunkHours, priority };
}

async function startWork(
  context: Context,
  dataset: string,
  options: SpanOptions,
  purpose: SpanWork['purpose'],
): Promise<void> {
  const since = Date.now();
  const { chosen, span, chunkHours, priority } = checked(context, dataset, options, since);
  const account = chosen.account.name;
  const work: SpanWork = { dataset, account, purpose, ...span, chunkHours, priority };
  const what = purpose === 'backfill' ? 'Backfill' : 'Audit';
  await withTemporal(context, async (client) => {
    const { handle, alreadyRan } = await startSpanWork(client, context.settings, work);
    const { taskQueue } = context.settings.temporal;
    const polled = await workerPolls(client, taskQueue);
    const workflow = { workflowId: handle.workflowId, alreadyRan, workerRuns: polled };
    if (!options.wait) {
      if (options.json) printJson(workflow);
      else
        print(`${what} ${spanText(span)} ${alreadyRan ? 'runs already' : 'started'}: ${handle.workflowId}`);
    }
    if (!polled) {
      note(
        `No worker asks for work of task queue "${taskQueue}" now; it begins when one runs (npx sluice up).`,
      );
    }
    if (!options.wait) return;
    const title = `${what} of ${dataset} for ${account}, ${spanText(span)}`;
    const view = createView({ json: options.json === true, title });
    const interrupt = untilInterrupted();
    const summary = await withDatabase(context, (db) =>
      follow(handle, {
        db,
        watched: { context: chosen, span, chunkHours, since },
        everyMs: 1000,
        signal: interrupt.signal,
        onProgress: (progress, etaMs) => view.show(progress, etaMs),
      }),
    ).finally(() => interrupt.done());
    view.end();
    if (summary === null) {
      note(`${what} goes on without this command: ${handle.workflowId}`);
      process.exitCode = 130;
      return;
    }
    if (options.json)
      process.stdout.write(`${JSON.stringify({ type: 'result', ...workflow, ...summary })}\n`);
    else {
      print(
        `${summary.failed > 0 ? 'ended' : 'done'}: ${summary.done}/${summary.chunks} reports, ${countText(summary.rows)} rows, ${summary.failed} failed`,
      );
    }
    for (const problem of summary.problems) note(`  failed: ${problem}`);
    if (summary.failed > 0) throw new ClientError(`${pluralText(summary.failed, 'window')} failed`);
  });
}

/** `15s..5m`, or one length for both. */
export function parseReportTime(text: string): { readonly min: number; readonly max: number } {
  const [low = '', high = low, ...more] = text.split('..');
  const range = { min: parseLength('--report-time', low), max: parseLength('--report-time', high) };
  if (more.length === 0 && range.min <= range.max) return range;
  throw new UsageError(`--report-time: "${text}" must be a shortest and a longest time such as 15s..5m`);
}

async function showPlan(
  context: Context,
  dataset: string,
  options: SpanOptions & { reportTime?: string },
): Promise<void> {
  const now = Date.now();
  const { chosen, span, chunkHours, priority } = checked(context, dataset, options, now);
  const reportMs = options.reportTime === undefined ? null : parseReportTime(options.reportTime);
  const plan = await withDatabase(context, (db) =>
    planBackfill(db, chosen, { ...span, chunkHours, priority, reportMs }, now),
  );
  if (options.json) printJson(planJson(plan, now));
  else printPlan(plan, now);
}

function planJson(plan: BackfillPlan, now: number) {
  return {
    chunks: plan.chunks,
    priority: plan.priority,
    calls: plan.callsByOperation,
    binding: plan.binding,
    earliestFinish: isoOrNull(plan.earliestFinish),
    latestFinish: isoOrNull(plan.latestFinish),
    earliestMs: plan.earliestFinish - now,
    latestMs: plan.latestFinish - now,
    reportMs: plan.reportMs,
    reportSource: plan.reportSource,
    pausedUntil: isoOrNull(plan.pausedUntil),
    held: plan.held,
    limits: plan.limits.map(({ name, used, left, share }) => ({ name, used, left, share })),
  };
}

function printPlan(plan: BackfillPlan, now: number): void {
  if (plan.chunks === 0) {
    print('Nothing is missing: 0 reports, 0 calls.');
    return;
  }
  print(`${pluralText(plan.chunks, 'report')}, at priority ${plan.priority}:`);
  print(
    table(
      ['operation', 'calls', 'left now', 'limit'],
      Object.entries(plan.callsByOperation).map(([operation, calls]) => {
        const limit = plan.limits.find((l) => l.operations !== '*' && l.operations.includes(operation));
        return [
          operation,
          calls.min === calls.max
            ? countText(calls.max)
            : `${countText(calls.min)} to ${countText(calls.max)}`,
          limit === undefined ? '-' : amountText(limit.left),
          limit === undefined ? 'none known' : windowText(limit.window),
        ];
      }),
    ),
  );
  const source = { given: 'as given', measured: 'measured over past reports', usual: 'as is usual' }[
    plan.reportSource
  ];
  print(`A report takes ${lengthText(plan.reportMs.min)} to ${lengthText(plan.reportMs.max)}, ${source}.`);
  if (plan.binding) {
    const alone = lengthText(plan.binding.waitMs);
    print(`Binding: ${plan.binding.limit}, which alone takes ${alone} over its calls.`);
  } else print('No limit makes it wait.');
  if (plan.held) print('The pool is held: nothing goes until an operator resumes it. Counted as if now:');
  if (plan.pausedUntil !== null) print(`The pool is paused until ${whenText(plan.pausedUntil, now)}.`);
  if (Number.isFinite(plan.latestFinish)) {
    print(`Done between ${whenText(plan.earliestFinish, now)} and ${whenText(plan.latestFinish, now)}.`);
  } else print('When it is done cannot be said: the vendor alone knows when a limit resets.');
}

function windowText(window: BackfillPlan['limits'][number]['window']): string {
  switch (window.kind) {
    case 'token-bucket':
      return `${Math.round(window.ratePerSecond * 10_000) / 10_000} a second, ${window.burst} at once`;
    case 'spacing':
      return `one each ${lengthText(window.ms)}`;
    case 'rolling':
      return `${window.count} in any ${lengthText(window.ms)}`;
    case 'calendar':
      return `${window.count} a ${window.per} (${window.zone})`;
    case 'vendor-reset':
      return `${window.count} until the vendor resets`;
  }
}
