/** `sluice pool pause`, `resume`, `unblock` and `reset-limits`: operators' commands to pools. */
import type { Command } from 'commander';
import type { OrderOutcome, OrderReport, UnblockReport } from '../../operations/pools/orders';
import { pausePool, resetLimits, resumePool, unblockLimits } from '../../operations/pools/pools';
import { instantText, pluralText } from '../../operations/time-text';
import { call, contextOf, several } from '../command';
import { blockedLines, poolText } from '../datasets/progress-view';
import { note, print, printJson } from '../output';

interface OrderOptions {
  readonly reason?: string;
  readonly until?: string;
  readonly json?: boolean;
}

interface LimitOptions extends OrderOptions {
  readonly limit?: readonly string[];
}

export function addPoolOrders(pool: Command): void {
  const on = (name: string, description: string) =>
    pool.command(`${name} [pool]`).description(description).option('--json', 'JSON');
  on('pause', pausePool.about)
    .option('--reason <text>', 'why, for whoever wonders', '')
    .option('--until <time>', 'length such as 2h, or an instant (default: until it is resumed)')
    .action(pause);
  on('resume', resumePool.about).action(resume);
  on('unblock', unblockLimits.about)
    .option('--limit <name>', 'only this limit; may be given several times (default: all that wait)', several)
    .option('--reason <text>', 'why, for whoever wonders', '')
    .action(unblock);
  on('reset-limits', resetLimits.about)
    .option('--limit <name>', 'only this limit; may be given several times (default: all)', several)
    .option('--reason <text>', 'why, for whoever wonders', '')
    .action(reset);
}

async function pause(
  pool: string | undefined,
  { json, ...given }: OrderOptions,
  command: Command,
): Promise<void> {
  const report = await call(pausePool, contextOf(command), { pool, ...given });
  show(report, 'pause', json === true);
}

async function resume(pool: string | undefined, { json }: OrderOptions, command: Command): Promise<void> {
  show(await call(resumePool, contextOf(command), { pool }), 'resume', json === true);
}

function show(report: OrderReport, order: Order, json: boolean): void {
  for (const what of report.unreached) note(`Could not be notified: ${what}`);
  if (json) {
    printJson(pausePool.json(report));
    return;
  }
  const now = Date.now();
  for (const outcome of report.outcomes) print(orderText(outcome, order, now));
  const [first] = report.outcomes;
  if (report.stoppedBy !== null) {
    note(
      `These settings are not the ones that the workers go by: there the account stands under ${report.stoppedBy}, which was left as it is. ` +
        `Give the workers' settings file (--settings) to resume that one too.`,
    );
  }
  if (report.blocked.length === 0 || first === undefined) return;
  for (const line of blockedLines(report.blocked)) print(line);
  print(
    `A resume does not end what the vendor has asked for; to end it: npx sluice pool unblock ${first.pool}`,
  );
}

type Order = 'pause' | 'resume';

function orderText({ pool, before, state, pools, freed }: OrderOutcome, order: Order, now: number): string {
  if (state === null) return `${pool}: its workflow was signalled, and acts on it when a worker runs`;
  const wasOpen = order === 'resume' && before?.state === 'closed';
  const untouched = wasOpen && freed.length === 0 ? ' (it was not stopped)' : '';
  const kinds = freed.length === 0 ? '' : `; may be tried again: ${freed.join(', ')}`;
  const found = before?.evidence?.account;
  const stopped =
    pools.length === 0 || wasOpen
      ? ''
      : `; it ${order === 'resume' ? 'stopped' : 'stops'} ${pools.join(', ')}` +
        (order === 'resume' && found ? `, found by account ${found}` : '');
  return `${pool}: ${poolText(state, now)}${untouched}${kinds}${stopped}`;
}

async function unblock(
  pool: string | undefined,
  { limit, reason, json }: LimitOptions,
  command: Command,
): Promise<void> {
  const report = await call(unblockLimits, contextOf(command), { pool, limits: limit, reason });
  noteUnreached(report);
  if (json) printJson(unblockLimits.json(report));
  else printUnblocked(report);
}

async function reset(
  pool: string | undefined,
  { limit, reason, json }: LimitOptions,
  command: Command,
): Promise<void> {
  const report = await call(resetLimits, contextOf(command), { pool, limits: limit, reason });
  noteUnreached(report);
  if (json) {
    printJson(resetLimits.json(report));
    return;
  }
  for (const { name, key } of report.limits) print(`${report.pool}: ${name} was put back (${key})`);
  for (const pool of report.pools) print(`${pool}: its own times were put back`);
  if (report.limits.length + report.pools.length === 0)
    print(`${report.pool}: nothing of it lies in the future`);
  for (const line of blockedLines(report.blocked)) print(line);
  if (report.blocked.length > 0)
    print(`The vendor stated that wait; to end it: npx sluice pool unblock ${report.pool}`);
}

/** Of an order that frees work. */
export function noteUnreached({ unreached }: { readonly unreached: string | null }): void {
  if (unreached === null) return;
  note(`Sleeping work could not be woken, and checks again when the old wait is over: ${unreached}`);
}

function printUnblocked({ pool, ended, items, state }: UnblockReport): void {
  if (ended.length === 0) print(`${pool}: none of its limits waits for a time that the vendor stated`);
  for (const { name, until, because, pools } of ended) {
    const others = pools.filter((other) => other !== pool);
    const shared = others.length === 0 ? '' : `; calls of ${others.join(', ')} go again, too`;
    print(`${pool}: ${name} waits no more, it would have until ${instantText(until)}: ${because}${shared}`);
  }
  if (items > 0) print(`${pluralText(items, 'item')} that had been refused with that wait: due now`);
  if (state.state === 'closed') return;
  print(`${pool} itself is ${poolText(state, Date.now())}; to end that: npx sluice pool resume ${pool}`);
}
