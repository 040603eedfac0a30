/** `sluice limit`: limits, and changes to them that hold at once and for every process. */
import type { Command } from 'commander';
import { invalid } from '../../operations/errors';
import {
  type ChangedLimits,
  changeLimit,
  listLimitsOf,
  resetLimit,
  showLimit,
} from '../../operations/pools/limits';
import { amountText } from '../../operations/time-text';
import { call, contextOf } from '../command';
import { print, printJson, table } from '../output';
import { noteUnreached } from './orders';

interface JsonOption {
  readonly json?: boolean;
}

interface ChangeOptions extends JsonOption {
  readonly capacity?: string;
  readonly ratePerSecond?: string;
  readonly mode?: string;
  readonly reason?: string;
}

type Limits = ChangedLimits['limits'];

export function addLimits(program: Command): void {
  const limit = program.command('limit').description('limits, and changes to them while everything runs');
  limit
    .command('list [pool]')
    .description(listLimitsOf.about)
    .option('--json', 'JSON')
    .action(async (pool: string | undefined, options: JsonOption, command: Command) => {
      const found = await call(listLimitsOf, contextOf(command), { pool });
      if (options.json) printJson(listLimitsOf.json(found));
      else print(limitTable(found));
    });
  limit
    .command('show <pool> <limit>')
    .description(showLimit.about)
    .action(async (pool: string, name: string, _options: unknown, command: Command) => {
      printJson(showLimit.json(await call(showLimit, contextOf(command), { pool, limit: name })));
    });
  limit
    .command('set <pool> <limit>')
    .description(changeLimit.about)
    .option('--capacity <n>', 'burst of a bucket, or count a window')
    .option('--rate-per-second <n>', 'of a bucket: units a second')
    .option('--mode <mode>', 'enforce, or shadow: it counts and never waits')
    .option('--reason <text>', 'why; needed')
    .option('--json', 'JSON')
    .action(async (pool: string, name: string, { json, ...typed }: ChangeOptions, command: Command) => {
      const { capacity, ratePerSecond, ...others } = typed;
      const numbers = {
        capacity: amountOf('capacity', capacity),
        ratePerSecond: amountOf('ratePerSecond', ratePerSecond),
      };
      report(await call(changeLimit, contextOf(command), { pool, limit: name, ...others, ...numbers }), json);
    });
  limit
    .command('reset <pool> <limit>')
    .description(resetLimit.about)
    .option('--reason <text>', 'why; needed')
    .option('--json', 'JSON')
    .action(async (pool: string, name: string, { json, reason }: ChangeOptions, command: Command) => {
      report(await call(resetLimit, contextOf(command), { pool, limit: name, reason }), json);
    });
}

function amountOf(field: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const amount = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(amount)) return amount;
  throw invalid(field, `"${text}" must be a number`);
}

function report(changed: ChangedLimits, json: boolean | undefined): void {
  noteUnreached(changed);
  if (json) printJson(changeLimit.json(changed));
  else print(limitTable(changed.limits));
}

function limitTable(limits: Limits): string {
  const rows = limits.map((limit) => [
    limit.key,
    amountText(limit.used),
    amountText(limit.limit),
    limit.ratePerSecond === null ? '' : `${Number(limit.ratePerSecond.toPrecision(3))}/s`,
    limit.mode,
    limit.override === undefined
      ? limit.source
      : `operator ${limit.override.author}: ${limit.override.reason}`,
  ]);
  return table(['limit', 'used', 'of', 'rate', 'mode', 'set by'], rows);
}
