/** `sluice coverage` and `sluice export`: what a dataset holds, and its rows as files. */
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import type { Command } from 'commander';
import { type Coverage, showCoverage } from '../../operations/datasets/completeness/coverage';
import { exportDataset } from '../../operations/datasets/export';
import { invalid } from '../../operations/errors';
import { countText, lengthText, pluralText, spanText, whenText } from '../../operations/time-text';
import { call, contextOf, several } from '../command';
import { note, print, printJson, standardOutput, table } from '../output';
import { showFailed } from './windows';

interface CoverageOptions {
  readonly account?: string;
  readonly from?: string;
  readonly to?: string;
  readonly device?: readonly string[];
  readonly failed?: boolean;
  readonly json?: boolean;
}

interface ExportOptions {
  readonly account?: string;
  readonly from: string;
  readonly to: string;
  readonly format: string;
  readonly output?: string;
}

export function addCoverage(program: Command): void {
  program
    .command('coverage <dataset>')
    .description('which windows are in, and which are not')
    .option('--account <name>', 'account, when there are several')
    .option('--from <time>', 'with --to: only this span (default: all that the vendor can be asked for)')
    .option('--to <time>')
    .option('--device <id>', 'of a fleet: this device only; may be given several times', several)
    .option('--failed', 'windows that failed: why, how often, and when each is tried again')
    .option('--json', 'JSON')
    .action(show);
  program
    .command('export <dataset>')
    .description('rows as CSV or JSON Lines')
    .option('--account <name>', 'account, when there are several')
    .requiredOption('--from <time>', 'first hour, e.g. 2026-11-01')
    .requiredOption('--to <time>', 'end, not included')
    .option('--format <format>', 'csv or jsonl', 'csv')
    .option('--output <file>', 'file, replaced when it is whole (default: standard output)')
    .action(exportTo);
}

async function show(dataset: string, options: CoverageOptions, command: Command): Promise<void> {
  const { failed, device, json, ...given } = options;
  if (failed) {
    await showFailed(dataset, { ...given, ...(json === undefined ? {} : { json }) }, command);
    return;
  }
  const covered = await call(showCoverage, contextOf(command), { dataset, ...given, devices: device });
  if (json) printJson(showCoverage.json(covered));
  else if (covered.kind === 'live') printFreshness(covered, Date.now());
  else printCoverage(covered, Date.now());
}

/** Of live positions: how fresh they are. */
function printFreshness({ dataset, account, found }: Extract<Coverage, { kind: 'live' }>, now: number): void {
  const { devices, located, oldest, newest, listedAt, readAt } = found;
  const when = (at: number | null) => (at === null ? 'never' : whenText(at, now));
  print(
    `${dataset} of ${account}: ${pluralText(devices, 'device')}, of ${countText(located)} a position is known`,
  );
  print(`Last read: ${when(readAt)}; devices listed: ${when(listedAt)}`);
  print(`Latest positions: newest ${when(newest)}, oldest ${when(oldest)}`);
}

function printCoverage(
  { dataset, account, found, isAudited }: Extract<Coverage, { kind: 'windows' }>,
  now: number,
): void {
  print(`${dataset} of ${account}, ${spanText(found.span)}`);
  const { states } = found;
  print(
    table(
      ['windows', 'done', 'empty so far', 'requested', 'failed', 'missing', 'rows'],
      [
        [
          found.windows,
          states.done,
          states.emptyProvisional,
          states.requested,
          states.failed,
          states.missing,
          found.rows,
        ].map(countText),
      ],
    ),
  );
  if (found.gaps.length === 0) print('No gaps.');
  else {
    print(`${pluralText(found.gaps.length, 'gap')}:`);
    for (const gap of found.gaps.slice(0, 50)) {
      const partition = gap.series === null ? '' : `  ${Object.values(gap.series.partition).join(' ')}`;
      print(`  ${spanText(gap)}  ${lengthText(gap.to - gap.from)}${partition}`);
    }
    if (found.gaps.length > 50) print(`  and ${found.gaps.length - 50} more (--json lists all)`);
  }
  if (states.failed > 0) {
    print(`${pluralText(states.failed, 'failed window')}: why, and when each is tried again, say --failed`);
  }
  if (!isAudited) return;
  const audit = (at: number | null) => (at === null ? 'never' : whenText(at, now));
  print(`Last audits: daily ${audit(found.lastAudit.daily)}, weekly ${audit(found.lastAudit.weekly)}`);
}

async function exportTo(
  dataset: string,
  { output, ...given }: ExportOptions,
  command: Command,
): Promise<void> {
  const context = contextOf(command);
  const write = (out: Writable) => call(exportDataset, context, { dataset, ...given }, out);
  const { rows } = await (output === undefined ? write(standardOutput()) : intoFile(output, write));
  note(`${pluralText(rows, 'row')}${output === undefined ? '' : ` in ${output}`}`);
}

/** The file appears whole or not at all. */
async function intoFile<T>(path: string, work: (writable: Writable) => Promise<T>): Promise<T> {
  const draft = `${path}.${randomBytes(4).toString('hex')}.part`;
  const stream = createWriteStream(draft, { flags: 'wx' });
  try {
    await new Promise<void>((resolve, reject) => {
      stream.once('open', () => resolve());
      stream.once('error', (error) =>
        reject(invalid('output', `${path} cannot be written: ${error.message}`, 'FILE')),
      );
    });
    const result = await work(stream);
    await rename(draft, path);
    return result;
  } catch (error) {
    stream.destroy();
    await rm(draft, { force: true });
    throw error;
  }
}
