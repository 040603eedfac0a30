/** `sluice coverage` and `sluice export`: what is there, and out with it. */
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import type { Command } from 'commander';
import { fleetKindOf } from '../../../settings';
import { listSeries } from '../../../store/datasets/datasets';
import { exportRows } from '../../../store/datasets/export';
import { chooseDataset, parseFormat, parseSpan } from '../../operations/arguments';
import { withDatabase } from '../../operations/context';
import { type DatasetCoverage, readCoverage, wholeSpan } from '../../operations/datasets/coverage';
import { ClientError, UsageError } from '../../operations/errors';
import { countText, isoOrNull, lengthText, pluralText, spanText, whenText } from '../../operations/time-text';
import { contextOf } from '../command';
import { exportFleetRows, fleetCoverage } from '../fleet/fleet';
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
    .option(
      '--device <id>',
      'of a fleet: this device only; may be given several times',
      (id: string, before: readonly string[]) => [...before, id],
      [] as readonly string[],
    )
    .option('--failed', 'windows that failed: why, how often, and when each is tried again')
    .option('--json', 'JSON')
    .action(showCoverage);
  program
    .command('export <dataset>')
    .description('rows as CSV or JSON Lines')
    .option('--account <name>', 'account, when there are several')
    .requiredOption('--from <time>', 'first hour, e.g. 2026-11-01')
    .requiredOption('--to <time>', 'end, not included')
    .option('--format <format>', 'csv or jsonl', 'csv')
    .option('--output <file>', 'file, replaced when it is whole (default: standard output)')
    .action(exportDataset);
}

async function showCoverage(dataset: string, options: CoverageOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const now = Date.now();
  if ((options.from === undefined) !== (options.to === undefined)) {
    throw new UsageError(
      `--${options.from === undefined ? 'from' : 'to'}: is missing; give both --from and --to, or neither`,
    );
  }
  if (options.failed) {
    await showFailed(context, dataset, options);
    return;
  }
  if (fleetKindOf(dataset) !== null) {
    const fleet = await fleetCoverage(context, dataset, options);
    if (fleet === null) return;
    if (options.json) printJson(coverageJson(fleet.found));
    else printCoverage(dataset, fleet.account, fleet.found, now);
    return;
  }
  const chosen = chooseDataset(context.settings, dataset, options.account);
  if (options.device?.length) throw new UsageError(`--device: does not apply to ${dataset}`);
  const span =
    options.from === undefined || options.to === undefined
      ? wholeSpan(chosen, now)
      : parseSpan(options.from, options.to);
  const found = await withDatabase(context, (db) => readCoverage(db, chosen, span, now));
  if (options.json) printJson(coverageJson(found));
  else printCoverage(dataset, chosen.account.name, found, now);
}

function coverageJson(found: DatasetCoverage) {
  const times = (span: { from: number; to: number }) => ({
    from: isoOrNull(span.from),
    to: isoOrNull(span.to),
  });
  const audits = (audit: DatasetCoverage['lastAudit']) => ({
    daily: isoOrNull(audit.daily),
    weekly: isoOrNull(audit.weekly),
  });
  return {
    ...times(found.span),
    windows: found.windows,
    done: found.done,
    rows: found.rows,
    gaps: found.gaps.map((gap) => ({ ...times(gap), partition: gap.series?.partition ?? null })),
    states: found.states,
    lastAudit: audits(found.lastAudit),
    series: found.series.map((one) => ({
      partition: one.series.partition,
      windows: one.windows,
      done: one.done + one.emptyProvisional,
      rows: one.rows,
      gaps: one.gaps.length,
      lastAudit: audits(one.lastAudit),
    })),
  };
}

function printCoverage(dataset: string, account: string, found: DatasetCoverage, now: number): void {
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
  // A fleet's past is not audited.
  if (fleetKindOf(dataset) !== null) return;
  const audit = (at: number | null) => (at === null ? 'never' : whenText(at, now));
  print(`Last audits: daily ${audit(found.lastAudit.daily)}, weekly ${audit(found.lastAudit.weekly)}`);
}

async function exportDataset(dataset: string, options: ExportOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const span = parseSpan(options.from, options.to);
  const format = parseFormat(options.format, ['csv', 'jsonl']);
  const { output } = options;
  const told = (rows: number) =>
    note(`${pluralText(rows, 'row')}${output === undefined ? '' : ` in ${output}`}`);
  if (fleetKindOf(dataset) !== null) {
    const { account } = options;
    const request = { span, format, ...(account === undefined ? {} : { account }) };
    told(
      await exportFleetRows(context, dataset, request, (work) =>
        output === undefined ? work(standardOutput()) : intoFile(output, work),
      ),
    );
    return;
  }
  const chosen = chooseDataset(context.settings, dataset, options.account);
  const rows = await withDatabase(
    context,
    async (db) => {
      const series = await listSeries(db, { dataset, account: chosen.account.name });
      if (series.length === 0) {
        throw new ClientError(
          `nothing of ${dataset} was ever fetched for ${chosen.account.name}: start with npx sluice backfill ${dataset} …`,
        );
      }
      const request = { dataset: chosen.dataset, series: series.map((one) => one.id), span, format };
      return options.output === undefined
        ? exportRows(db, request, standardOutput())
        : intoFile(options.output, (writable) => exportRows(db, request, writable));
    },
    'bulk',
  );
  told(rows);
}

/** The file appears whole or not at all. */
async function intoFile<T>(path: string, work: (writable: Writable) => Promise<T>): Promise<T> {
  const draft = `${path}.${randomBytes(4).toString('hex')}.part`;
  const stream = createWriteStream(draft, { flags: 'wx' });
  try {
    await new Promise<void>((resolve, reject) => {
      stream.once('open', () => resolve());
      stream.once('error', (error) =>
        reject(new ClientError(`--output: ${path} cannot be written: ${error.message}`)),
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
