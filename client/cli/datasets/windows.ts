/**
 * `sluice coverage --failed`, `sluice doubts` and `sluice set-aside`: what is missing, doubted or rejected in a
 * dataset, and why.
 */
import type { Command } from 'commander';
import {
  acceptDoubtedHours,
  listDoubts,
  listFailedWindows,
  listSetAsideRows,
} from '../../operations/datasets/completeness/windows';
import { UsageError } from '../../operations/errors';
import { pluralText, spanText, whenText } from '../../operations/time-text';
import { call, contextOf } from '../command';
import { note, print, printJson, table } from '../output';

interface Options {
  readonly account?: string;
  readonly from?: string;
  readonly to?: string;
  readonly json?: boolean;
}

const MOST_ROWS = 1000;
const LONGEST_REASON = 160;

export function addWindows(program: Command): void {
  const common = (command: Command) =>
    command
      .option('--account <name>', 'account, when there are several')
      .option('--from <time>', 'with --to: only this span')
      .option('--to <time>')
      .option('--json', 'JSON');
  common(program.command('doubts <dataset>'))
    .description(listDoubts.about)
    .option('--accept', 'with --from and --to: believe it; the next answer, which is asked for soon, counts')
    .action((dataset: string, { accept, ...options }: Options & { accept?: boolean }, command: Command) =>
      accept ? accepted(dataset, options, command) : showDoubts(dataset, options, command),
    );
  common(program.command('set-aside <dataset>')).description(listSetAsideRows.about).action(showSetAside);
}

const partitionText = (partition: Readonly<Record<string, string>>) => Object.values(partition).join(' ');
const clip = (text: string) => (text.length > LONGEST_REASON ? `${text.slice(0, LONGEST_REASON)}…` : text);

/** `coverage --failed`. */
export async function showFailed(
  dataset: string,
  { json, ...options }: Options,
  command: Command,
): Promise<void> {
  const found = await call(listFailedWindows, contextOf(command), { dataset, ...options });
  const now = Date.now();
  if (json) printJson(listFailedWindows.json(found));
  else if (found.rows.length === 0) print(`No failed windows of ${dataset} of ${found.account}.`);
  else {
    const rows = found.rows.map((window) => [
      spanText(window),
      partitionText(window.partition),
      String(window.tries),
      window.retryAt === null
        ? 'when somebody asks'
        : window.retryAt <= now
          ? 'with the next cycle'
          : whenText(window.retryAt, now),
      clip(window.reason),
    ]);
    print(table(['window', 'series', 'tries', 'next try', 'reason'], rows));
    note(`${pluralText(rows.length, 'failed window')}; npx sluice backfill asks again at once`);
  }
}

async function accepted(dataset: string, { json, ...options }: Options, command: Command): Promise<void> {
  if (options.from === undefined) {
    throw new UsageError('--accept: needs --from and --to; rows will be deleted, so say of which hours');
  }
  const done = await call(acceptDoubtedHours, contextOf(command), { dataset, ...options });
  if (json) printJson(done);
  else if (done.accepted === 0) print(`No hour of ${options.from} to ${options.to} is doubted.`);
  else
    print(
      `${pluralText(done.accepted, 'hour')}: the next answer is believed; the sync asks for it with its next cycle.`,
    );
}

async function showDoubts(dataset: string, { json, ...options }: Options, command: Command): Promise<void> {
  const found = await call(listDoubts, contextOf(command), { dataset, ...options });
  const now = Date.now();
  if (json) printJson(listDoubts.json(found));
  else if (found.rows.length === 0) print(`Nothing of ${dataset} of ${found.account} is doubted.`);
  else {
    const rows = found.rows.map((one) => [
      spanText(one),
      partitionText(one.partition),
      String(one.known),
      String(one.reported),
      String(one.answers),
      whenText(one.firstAt, now),
      one.accepted ? 'accepted: with the next cycle' : whenText(one.recheckAt, now),
    ]);
    print(table(['hours', 'series', 'rows', 'reported', 'answers', 'since', 'next check'], rows));
  }
}

async function showSetAside(dataset: string, { json, ...options }: Options, command: Command): Promise<void> {
  const found = await call(listSetAsideRows, contextOf(command), { dataset, ...options, limit: MOST_ROWS });
  const now = Date.now();
  if (json) printJson(listSetAsideRows.json(found));
  else if (found.rows.length === 0) print(`No row of ${dataset} of ${found.account} was set aside.`);
  else {
    const rows = found.rows.map((row) => [
      whenText(row.setAsideAt, now),
      spanText(row.span),
      partitionText(row.partition),
      clip(row.problem),
    ]);
    print(table(['when', 'document', 'series', 'problem'], rows));
    if (rows.length === MOST_ROWS) note(`the latest ${MOST_ROWS}; --from and --to show others`);
  }
}
