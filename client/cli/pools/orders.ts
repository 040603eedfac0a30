/** `sluice pool pause`, `resume` and `unblock`: what operators order. */
import type { Command } from 'commander';
import { parseUntil } from '../../operations/arguments';
import { choosePool, choosePoolAccount } from '../../operations/choose';
import {
  type OrderOutcome,
  type OrderReport,
  orderPool,
  type PoolOrder,
  resetPoolLimits,
  type UnblockReport,
  unblockPool,
} from '../../operations/pools/orders';
import { instantText, isoOrNull, pluralText } from '../../operations/time-text';
import { contextOf } from '../command';
import { blockedLines, poolText } from '../datasets/progress-view';
import { note, print, printJson } from '../output';

interface JsonOption {
  readonly json?: boolean;
}

interface PauseOptions extends JsonOption {
  readonly reason: string;
  readonly until?: string;
}

interface UnblockOptions extends JsonOption {
  readonly limit: readonly string[];
  readonly reason: string;
}

export function addPoolOrders(pool: Command): void {
  pool
    .command('pause [pool]')
    .description('stop every call of a pool')
    .option('--reason <text>', 'why, for whoever wonders', '')
    .option('--until <time>', 'length such as 2h, or an instant (default: until it is resumed)')
    .option('--json', 'JSON')
    .action((name: string | undefined, options: PauseOptions, command: Command) =>
      order(name, options, command, (now) => ({
        type: 'pause',
        reason: options.reason,
        until: options.until === undefined ? null : parseUntil(options.until, now),
      })),
    );
  pool
    .command('resume [pool]')
    .description(
      'let calls go again, those of its organization too when that is held; the first one is a probe',
    )
    .option('--json', 'JSON')
    .action((name: string | undefined, options: JsonOption, command: Command) =>
      order(name, options, command, () => ({ type: 'resume' })),
    );
  pool
    .command('unblock [pool]')
    .description('end the waits that the vendor has asked for of its limits (Retry-After), before their time')
    .option(
      '--limit <name>',
      'only this limit; may be given several times (default: all that wait)',
      (name: string, before: readonly string[]) => [...before, name],
      [],
    )
    .option('--reason <text>', 'why, for whoever wonders', '')
    .option('--json', 'JSON')
    .action(unblock);
  pool
    .command('reset-limits [pool]')
    .description("put back times of its limits that lie in the future of the database's clock")
    .option(
      '--limit <name>',
      'only this limit; may be given several times (default: all)',
      (name: string, before: readonly string[]) => [...before, name],
      [],
    )
    .option('--reason <text>', 'why, for whoever wonders', '')
    .option('--json', 'JSON')
    .action(reset);
}

async function reset(name: string | undefined, options: UnblockOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const account = choosePoolAccount(context.settings, name);
  const report = await resetPoolLimits(context, account, { names: options.limit, reason: options.reason });
  if (report.unreached !== null) {
    note(
      `Work that sleeps could not be told, and looks again when the old wait is over: ${report.unreached}`,
    );
  }
  if (options.json) {
    const { pool, limits, pools, unreached } = report;
    printJson({ pool, limits: limits.map(({ key, name }) => ({ key, name })), pools, unreached });
    return;
  }
  for (const { name, key } of report.limits) print(`${report.pool}: ${name} was put back (${key})`);
  for (const pool of report.pools) print(`${pool}: its own times were put back`);
  if (report.limits.length + report.pools.length === 0)
    print(`${report.pool}: nothing of it lies in the future`);
  for (const line of blockedLines(report.blocked)) print(line);
  if (report.blocked.length > 0)
    print(`That is the vendor's word; to end it: npx sluice pool unblock ${report.pool}`);
}

async function order(
  name: string | undefined,
  options: JsonOption,
  command: Command,
  make: (now: number) => PoolOrder,
): Promise<void> {
  const context = contextOf(command);
  const choice = choosePool(context.settings, name);
  const now = Date.now();
  const given = make(now);
  const report = await orderPool(context, choice, given);
  for (const what of report.unreached) note(`Could not be told: ${what}`);
  if (options.json) {
    printJson(orderJson(report));
    return;
  }
  for (const outcome of report.outcomes) print(orderText(outcome, given, now));
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

function orderText({ pool, before, state, pools }: OrderOutcome, given: PoolOrder, now: number): string {
  if (state === null) return `${pool}: its workflow was told and will see to it when a worker runs`;
  const untouched = given.type === 'resume' && before?.state === 'closed' ? ' (it was not stopped)' : '';
  const found = before?.evidence?.account;
  const stopped =
    pools.length === 0 || untouched !== ''
      ? ''
      : `; it ${given.type === 'resume' ? 'stopped' : 'stops'} ${pools.join(', ')}` +
        (given.type === 'resume' && found ? `, found by account ${found}` : '');
  return `${pool}: ${poolText(state, now)}${untouched}${stopped}`;
}

function orderJson({ outcomes, blocked, unreached, stoppedBy }: OrderReport) {
  const [first, organization] = outcomes.map(({ pool, before, state, pools }) => ({
    pool,
    before: before?.state ?? null,
    state: state?.state ?? null,
    until: isoOrNull(state?.until ?? null),
    reason: state?.reason ?? null,
    pools,
  }));
  return {
    ...first,
    organization: organization ?? null,
    blockedLimits: blocked.map(({ name, key, blockedUntil, blockedReason }) => ({
      name,
      key,
      until: isoOrNull(blockedUntil),
      reason: blockedReason,
    })),
    unreached,
    stoppedBy,
  };
}

async function unblock(name: string | undefined, options: UnblockOptions, command: Command): Promise<void> {
  const context = contextOf(command);
  const account = choosePoolAccount(context.settings, name);
  const report = await unblockPool(context, account, { names: options.limit, reason: options.reason });
  if (report.unreached !== null) {
    note(
      `Work that sleeps could not be told, and looks again when the old wait is over: ${report.unreached}`,
    );
  }
  if (options.json) printJson(unblockJson(report));
  else printUnblocked(report);
}

function printUnblocked({ pool, ended, items, state }: UnblockReport): void {
  if (ended.length === 0) print(`${pool}: no limit of it waits at the vendor's word`);
  for (const { name, until, because, pools } of ended) {
    const others = pools.filter((other) => other !== pool);
    const shared = others.length === 0 ? '' : `; calls of ${others.join(', ')} go again, too`;
    print(`${pool}: ${name} waits no more, it would have until ${instantText(until)}: ${because}${shared}`);
  }
  if (items > 0) print(`${pluralText(items, 'item')} that had been refused with that wait: due now`);
  if (state.state === 'closed') return;
  print(`${pool} itself is ${poolText(state, Date.now())}; to end that: npx sluice pool resume ${pool}`);
}

function unblockJson({ pool, ended, items, state, unreached }: UnblockReport) {
  return {
    pool,
    ended: ended.map(({ name, key, pools, until, because }) => ({
      name,
      key,
      pools,
      until: isoOrNull(until),
      because,
    })),
    items,
    state: state.state,
    unreached,
  };
}
