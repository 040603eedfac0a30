/** `sluice pools`, `sluice pool show` and `sluice events`. */
import type { Command } from 'commander';
import type { StoredEvent } from '../../../store/events/events';
import type { LimitStatus } from '../../../store/permits/permits';
import { listEventsOf, listPools, showPool } from '../../operations/pools/pools';
import type { PoolReport } from '../../operations/pools/report';
import {
  amountText,
  countText,
  instantText,
  pluralText,
  relativeText,
  whenText,
} from '../../operations/time-text';
import { call, contextOf } from '../command';
import { blockedLines, organizationText, poolText, sinceText, stopLines } from '../datasets/progress-view';
import { note, print, printJson, table } from '../output';
import { addPoolOrders } from './orders';
import { quotaLines } from './quota-view';
import { limitEventText, limitLines, printSpending, printSpendingLine } from './spending-view';

interface JsonOption {
  readonly json?: boolean;
}

export function addPools(program: Command): void {
  program
    .command('pools')
    .description('every quota pool: state, until when and why, and what is left')
    .option('--json', 'JSON')
    .action(printPools);
  const pool = program.command('pool').description('one quota pool');
  pool
    .command('show [pool]')
    .description('state, limits, who spent what share in the last hour and day, and calls a minute')
    .option('--json', 'JSON')
    .action(printPool);
  addPoolOrders(pool);
  program
    .command('events')
    .description('what happened to pools and limits, newest first')
    .option('--pool <pool>', 'only of this pool')
    .option('--limit <n>', 'how many', '50')
    .option('--json', 'JSON')
    .action(showEvents);
}

async function printPools(options: JsonOption, command: Command): Promise<void> {
  const reports = await call(listPools, contextOf(command), {});
  const now = Date.now();
  if (options.json) {
    printJson(listPools.json(reports));
    return;
  }
  if (reports.length === 0) note('The settings have no accounts, so there are no pools.');
  for (const report of reports) {
    print(
      `${report.pool}: ${poolText(report.state, now)}${organizationText(report.organization)}${sinceText(report.state)}`,
    );
    for (const line of stopLines(report.stops, now)) print(`  ${line}`);
    printLimits(report, now);
    printQuota(report, now);
    printSpendingLine(report);
  }
}

async function printPool(name: string | undefined, options: JsonOption, command: Command): Promise<void> {
  const report = await call(showPool, contextOf(command), { pool: name });
  const now = Date.now();
  if (options.json) {
    printJson(showPool.json(report));
    return;
  }
  print(`${report.pool}: ${poolText(report.state, now)}${organizationText(report.organization)}`);
  if (report.client !== null) print(`The vendor knows this deployment as ${report.client}`);
  const { since, strikes, hint } = report.state;
  if (since > 0) print(`Since ${whenText(since, now)}${strikes > 0 ? `, strikes: ${strikes}` : ''}`);
  if (hint) print(`Hint: ${hint}`);
  for (const line of stopLines(report.stops, now)) print(line);
  printLimits(report, now);
  printQuota(report, now);
  printSpending(report);
  if (report.calls.some((c) => c.verdict !== 'ok')) {
    print('Answers of the last hour:');
    const rows = report.calls.map((c) => [c.operation, c.caller, c.verdict, countText(c.calls)]);
    print(table(['operation', 'caller', 'verdict', 'calls'], rows));
  }
}

function printLimits(report: PoolReport, now: number): void {
  const rows = limitLines(report.limits).map(({ title, limit }) => [
    title,
    amountText(limit.used),
    amountText(limit.left),
    amountText(limit.limit),
    limit.resetsAt === null ? '-' : `full ${relativeText(limit.resetsAt, now)}`,
    limit.blockedUntil === null ? '-' : `waits until ${instantText(limit.blockedUntil)}`,
    limit.mode === 'shadow' ? `${sourceText(limit)} (${shadowText(limit)})` : sourceText(limit),
  ]);
  print(table(['  limit', 'used', 'left', 'of', 'resets', 'blocked', 'source'], rows.map(indent)));
  for (const line of blockedLines(report.limits)) print(`  ${line}`);
}

function printQuota({ quota }: PoolReport, now: number): void {
  for (const line of quotaLines(quota, now)) print(`  ${line}`);
}

/** Headers, or whatever else in the vendor's answers shows a limit's size. */
const sourceText = ({ source }: LimitStatus) => (source === 'header' ? "the vendor's answers" : source);

/** A limit that only watches shows what it would have stopped. */
const shadowText = ({ shadowOver }: LimitStatus) =>
  shadowOver === 0 ? 'shadow' : `shadow, ${pluralText(shadowOver, 'call')} over`;

const indent = ([first = '', ...rest]: string[]) => [`  ${first}`, ...rest];

async function showEvents(
  options: JsonOption & { readonly pool?: string; readonly limit: string },
  command: Command,
): Promise<void> {
  const { json, ...given } = options;
  const events = await call(listEventsOf, contextOf(command), given);
  if (json) {
    printJson(listEventsOf.json(events));
    return;
  }
  if (events.length === 0) print('No events.');
  else {
    const rows = events.map((e) => [
      instantText(e.at),
      e.kind,
      e.pool ?? '-',
      limitEventText(e.kind, e.data) ?? callsEventText(e) ?? `${detailText(e.data)}${foundText(e)}`,
    ]);
    print(table(['time', 'event', 'pool', 'detail'], rows));
  }
}

/** Whose call found an organization's limit: the pool's name does not say. */
function foundText({ kind, pool, data }: StoredEvent): string {
  const account = (data.evidence as { account?: unknown } | null | undefined)?.account;
  const isOrganization = pool?.split('/')[1] === 'organization';
  return kind === 'pool.held' && isOrganization && account ? ` found by account ${String(account)}` : '';
}

/** Which kind of calls has stopped, the vendor's message, and until when; or that it goes on. */
function callsEventText({ kind, data }: StoredEvent): string | null {
  const { operation, subject, code, message, until } = data;
  const calls = `${String(operation)} of ${String(subject)}`;
  if (kind === 'calls.resumed') return `${calls} is accepted again`;
  if (kind !== 'calls.stopped') return null;
  const shown = [code, message && `"${String(message)}"`].filter(Boolean).join(' ');
  const end = typeof until === 'number' ? `; tried again at ${instantText(until)}` : '';
  return `${calls} is refused${shown && `: ${shown}`}${end}`;
}

function detailText(data: Readonly<Record<string, unknown>>): string {
  const { reason, until, cause, batch, by, from, level, used, capacity, limit } = data;
  if (typeof level === 'string' && typeof used === 'number' && typeof capacity === 'number') {
    const share = Math.round((100 * used) / capacity);
    return `${level}: ${amountText(used)} of ${amountText(capacity)} used (${share} %) of ${String(limit)}`;
  }
  const named = typeof batch === 'number' ? `batch ${batch}` : null;
  const shown = typeof reason === 'string' && reason !== '' ? reason : null;
  const who = typeof by === 'string' && typeof from === 'string' ? `(by ${by}, was ${from})` : null;
  const parts = [
    named !== null && shown !== null ? `${named}: ${shown}` : (shown ?? (who && named)),
    who,
    typeof until === 'number' ? `until ${instantText(until)}` : null,
    typeof cause === 'string' ? `(${cause})` : null,
  ].filter((part) => part !== null);
  return parts.length > 0 ? parts.join(' ') : JSON.stringify(data);
}
