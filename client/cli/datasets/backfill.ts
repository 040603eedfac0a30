/** `sluice backfill` and `sluice audit`: work over a span of a dataset. */
import type { Command } from 'commander';
import { PRIORITIES } from '../../../quota/limits/limit';
import type { Context } from '../../operations/backend/context';
import { type StartedWork, startAudit, startBackfill } from '../../operations/datasets/backfills';
import { followWork } from '../../operations/datasets/follow';
import { failed } from '../../operations/errors';
import { countText, pluralText, spanText } from '../../operations/time-text';
import { awayNotes } from '../away-notes';
import { call, contextOf, several } from '../command';
import { untilInterrupted } from '../interrupt';
import { note, print, printJson, printJsonLine } from '../output';
import { addBackfillRuns } from './backfill-runs';
import { createView } from './progress-view';

export interface SpanOptions {
  readonly account?: string;
  readonly from: string;
  readonly to: string;
  readonly chunk?: string;
  readonly priority?: string;
  readonly json?: boolean;
}

interface StartOptions extends SpanOptions {
  readonly device?: string[];
  readonly wait?: boolean;
}

export function spanCommand(
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

export function withDevices(command: Command): Command {
  return command.option('--device <id>', 'of a fleet: this device only; may be given several times', several);
}

export function addBackfill(program: Command): void {
  const backfill = program
    .command('backfill')
    .description('fetch what is missing of a span: backfill <dataset> --from … --to …')
    .addHelpText('after', '\nOptions of `backfill <dataset>`: npx sluice backfill start --help');
  withDevices(spanCommand(backfill, 'start', startBackfill.about, { isDefault: true }))
    .option('--wait', 'follow it to its end; exit code 1 when windows failed')
    .action(async (dataset: string, { device, wait, json, ...span }: StartOptions, command: Command) => {
      const context = contextOf(command);
      const started = await call(startBackfill, context, { dataset, ...span, devices: device });
      await report(context, 'Backfill', started, { wait, json });
    });
  addBackfillRuns(backfill);
  spanCommand(program, 'audit', startAudit.about)
    .option('--wait', 'follow it to its end; exit code 1 when windows failed')
    .action(async (dataset: string, { wait, json, ...span }: StartOptions, command: Command) => {
      const context = contextOf(command);
      const started = await call(startAudit, context, { dataset, ...span });
      await report(context, 'Audit', started, { wait, json });
    });
}

async function report(
  context: Context,
  what: string,
  started: StartedWork,
  { wait, json }: { readonly wait?: boolean | undefined; readonly json?: boolean | undefined },
): Promise<void> {
  const { workflowId, alreadyRan, workerRuns, work } = started;
  if (!wait) {
    if (json) printJson(startBackfill.json(started));
    else print(`${what} ${spanText(work)} ${alreadyRan ? 'runs already' : 'started'}: ${workflowId}`);
  }
  if (!workerRuns) {
    const { taskQueue } = context.settings.temporal;
    note(
      `No worker asks for work of task queue "${taskQueue}" now; it begins when one runs (npx sluice up).`,
    );
  }
  if (wait) await follow(context, what, started, json === true);
}

async function follow(context: Context, what: string, started: StartedWork, json: boolean): Promise<void> {
  const { workflowId, work } = started;
  const dataset = work.kind === 'fleet' ? work.context.dataset : work.context.dataset.id;
  const title = `${what} of ${dataset} for ${work.context.account.name}, ${spanText(work)}`;
  const view = createView({ json, title });
  const interrupt = untilInterrupted();
  const summary = await followWork(context, started, {
    signal: interrupt.signal,
    onProgress: (progress, etaMs) => view.show(progress, etaMs),
    onAway: awayNotes((line) => view.note(line)),
  }).finally(() => interrupt.done());
  view.end();
  if (summary === null) {
    note(`${what} goes on without this command: ${workflowId}`);
    process.exitCode = 130;
    return;
  }
  if (json) {
    const result = { type: 'result', ...startBackfill.json(started), ...summary };
    printJsonLine(result);
  } else {
    const unit = work.kind === 'fleet' ? 'calls' : 'reports';
    print(
      `${summary.failed > 0 ? 'ended' : 'done'}: ${summary.done}/${summary.chunks} ${unit}, ${countText(summary.rows)} rows, ${summary.failed} failed`,
    );
  }
  for (const problem of summary.problems) note(`  ${problem}`);
  if (summary.failed > 0) throw failed(`${pluralText(summary.failed, 'window')} failed`);
}
