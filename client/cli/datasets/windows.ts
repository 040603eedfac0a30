/** `sluice coverage --failed`, `sluice doubts` and `sluice set-aside`: what stands still in a dataset, and why. */
import type { Command } from 'commander';
import { findAccount } from '../../../activities/accounts';
import { chooseSynced, parseSpan } from '../../operations/arguments';
import { type Context, withDatabase } from '../../operations/context';
import {
  acceptDoubted,
  type DatasetOf,
  readDoubted,
  readFailed,
  readSetAside,
} from '../../operations/datasets/windows';
import { UsageError } from '../../operations/errors';
import { operator } from '../../operations/pools/orders';
import { isoOrNull, pluralText, spanText, whenText } from '../../operations/time-text';
import { contextOf } from '../command';
import { note, print, printJson, table } from '../output';

interface Options {
  readonly account?: string;
  readonly from?: string;
  readonly to?: string;
  readonly json?: boolean;
}

/** As far as Postgres's time goes, for what is listed without a span. */
const EVER = { from: 0, to: Date.parse('9999-01-01T00:00:00Z') };
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
    .description(
      'hours of which the vendor has told far fewer rows than are known; these stay until it is sure',
    )
    .option('--accept', 'with --from and --to: believe it; the next answer, which is asked for soon, counts')
    .action(showDoubts);
  common(program.command('set-aside <dataset>'))
    .description('rows of documents that could not be used, and why; the latest first')
    .action(showSetAside);
}

function spanOf({ from, to }: Options): { from: number; to: number } {
  if (from === undefined && to === undefined) return EVER;
  if (from === undefined || to === undefined) {
    throw new UsageError(
      `--${from === undefined ? 'from' : 'to'}: is missing; give both --from and --to, or neither`,
    );
  }
  return parseSpan(from, to);
}

function datasetOf(context: Context, dataset: string, account: string | undefined): DatasetOf {
  return { dataset, account: chooseSynced(context.settings, dataset, account) };
}

const times = (span: { from: number; to: number }) => ({
  from: isoOrNull(span.from),
  to: isoOrNull(span.to),
});
const partitionText = (partition: Readonly<Record<string, string>>) => Object.values(partition).join(' ');
const clip = (text: string) => (text.length > LONGEST_REASON ? `${text.slice(0, LONGEST_REASON)}…` : text);

/** `coverage --failed`. */
export async function showFailed(context: Context, dataset: string, options: Options): Promise<void> {
  const of = datasetOf(context, dataset, options.account);
  const span = spanOf(options);
  const now = Date.now();
  const failed = await withDatabase(context, (db) => readFailed(db, of, span));
  if (options.json) {
    printJson(
      failed.map((window) => ({
        ...times(window),
        partition: window.partition,
        cause: window.cause,
        reason: window.reason,
        tries: window.tries,
        since: isoOrNull(window.since),
        lastTry: isoOrNull(window.failedAt),
        nextTry: isoOrNull(window.retryAt),
      })),
    );
    return;
  }
  if (failed.length === 0) {
    print(`No failed windows of ${dataset} of ${of.account}.`);
    return;
  }
  const rows = failed.map((window) => [
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
  note(`${pluralText(failed.length, 'failed window')}; npx sluice backfill asks again at once`);
}

async function showDoubts(
  dataset: string,
  options: Options & { readonly accept?: boolean },
  command: Command,
): Promise<void> {
  const context = contextOf(command);
  const of = datasetOf(context, dataset, options.account);
  const span = spanOf(options);
  const now = Date.now();
  if (options.accept) {
    if (options.from === undefined) {
      throw new UsageError('--accept: needs --from and --to; rows will be deleted, so say of which hours');
    }
    const { poolKey } = findAccount(context.settings, of.account);
    const order = { ...of, poolKey, by: operator() };
    const hours = await withDatabase(context, (db) => acceptDoubted(db, order, span, now));
    if (options.json) printJson({ accepted: hours });
    else if (hours === 0) print(`No hour of ${spanText(span)} is doubted.`);
    else
      print(
        `${pluralText(hours, 'hour')}: the next answer is believed; the sync asks for it with its next cycle.`,
      );
    return;
  }
  const doubted = await withDatabase(context, (db) => readDoubted(db, of, span));
  if (options.json) {
    printJson(
      doubted.map((one) => ({
        ...times(one),
        partition: one.partition,
        knownRows: one.known,
        toldRows: one.told,
        answers: one.answers,
        since: isoOrNull(one.firstAt),
        lookAgainAt: isoOrNull(one.lookAgainAt),
        accepted: one.accepted,
      })),
    );
    return;
  }
  if (doubted.length === 0) {
    print(`Nothing of ${dataset} of ${of.account} is doubted.`);
    return;
  }
  const rows = doubted.map((one) => [
    spanText(one),
    partitionText(one.partition),
    String(one.known),
    String(one.told),
    String(one.answers),
    whenText(one.firstAt, now),
    one.accepted ? 'accepted: with the next cycle' : whenText(one.lookAgainAt, now),
  ]);
  print(table(['hours', 'series', 'rows', 'told', 'answers', 'since', 'next look'], rows));
}

async function showSetAside(dataset: string, options: Options, command: Command): Promise<void> {
  const context = contextOf(command);
  const of = datasetOf(context, dataset, options.account);
  const rows = await withDatabase(context, (db) => readSetAside(db, of, spanOf(options), MOST_ROWS));
  if (options.json) {
    printJson(
      rows.map((row) => ({
        document: times(row.span),
        partition: row.partition,
        code: row.code,
        problem: row.problem,
        row: row.index < 0 ? null : row.index,
        start: isoOrNull(row.start),
        key: row.key,
        text: row.text,
        at: isoOrNull(row.setAsideAt),
      })),
    );
    return;
  }
  if (rows.length === 0) {
    print(`No row of ${dataset} of ${of.account} was put aside.`);
    return;
  }
  const now = Date.now();
  print(
    table(
      ['when', 'document', 'series', 'problem'],
      rows.map((row) => [
        whenText(row.setAsideAt, now),
        spanText(row.span),
        partitionText(row.partition),
        clip(row.problem),
      ]),
    ),
  );
  if (rows.length === MOST_ROWS) note(`the latest ${MOST_ROWS}; --from and --to show others`);
}
