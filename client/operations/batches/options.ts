/**
 * The options of a batch's run: from the command line, else from the environment, checked by the same schema as the
 * settings that they override. Given options are stored with the batch; for the others the account's settings hold.
 */
import type { Command } from 'commander';
import type { z } from 'zod';
import type { RunOptions } from '../../../quota/batches/run-terms';
import { wholePositive } from '../../../vendors/account-fields';
import { batchConcurrency, batchFields } from '../../../vendors/batch-fields';
import { UsageError } from '../errors';

interface RunOption {
  readonly key: keyof RunOptions;
  readonly flag: string;
  readonly value: string | null;
  readonly env: string;
  readonly help: string;
  readonly range: string;
  /** As the field has it; written out, for help should not have to load the schemas of all settings. */
  readonly standard: string;
}

/** In the order in which help shows them. */
const RUN_OPTIONS: readonly RunOption[] = [
  {
    key: 'quotaThreshold',
    flag: '--quota-threshold',
    value: '<share>',
    env: 'QUOTA_THRESHOLD',
    help: 'share of the daily limit at which background work pauses',
    range: 'above 0, up to 1',
    standard: '0.8',
  },
  {
    key: 'dailyLimit',
    flag: '--daily-limit',
    value: '<calls>',
    env: 'DAILY_LIMIT',
    help: 'pause when the account has made so many calls in a day; never raises the account’s',
    range: 'from 1',
    standard: 'none',
  },
  {
    key: 'pauseHours',
    flag: '--pause-duration',
    value: '<time>',
    env: 'PAUSE_DURATION_HOURS',
    help: 'longest pause at the threshold before looking again, hours or 90m, 24h',
    range: '0.001 h to 31 d',
    standard: '24',
  },
  {
    key: 'quotaMonitoring',
    flag: '--quota-monitoring',
    value: null,
    env: 'QUOTA_MONITORING',
    help: 'watch the use of quota: alerts at 60, 80 and 95 %, and a part in concurrency',
    range: 'true or false',
    standard: 'true',
  },
  {
    key: 'logInterval',
    flag: '--log-interval',
    value: '<items>',
    env: 'LOG_INTERVAL',
    help: 'items between two lines of progress in the log',
    range: 'from 1',
    standard: '100',
  },
];

const CONCURRENCY_HELP = 'most calls in flight, 1 to 2000 (default: concurrency.max of the account, 16)';

export function addRunOptions(command: Command): Command {
  command.option('--concurrency <n>', CONCURRENCY_HELP);
  for (const { key, flag, value, env, help, range, standard } of RUN_OPTIONS) {
    const from = `default: the account’s ${key}, else ${standard}`;
    command.option(value === null ? flag : `${flag} ${value}`, `${help} (${range}; ${from}; env ${env})`);
    if (value === null) command.option(flag.replace('--', '--no-'), `do not ${help.split(':')[0]}`);
  }
  return command;
}

/** Options as commander hands them over: `--log-interval` is `logInterval`, and so on. */
export type TypedOptions = Readonly<Record<string, unknown>>;

/** The run's own terms, those only that were given. @throws UsageError that names option, value and range. */
export function readRunOptions(
  typed: TypedOptions,
  env: Readonly<Record<string, string | undefined>>,
): RunOptions {
  const given: [string, unknown][] = [];
  for (const option of RUN_OPTIONS) {
    const name = option.flag.slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    const value = typed[name] ?? (env[option.env] || undefined);
    if (value === undefined) continue;
    const source = typed[name] === undefined ? option.env : option.flag;
    const read = option.value === null ? asFlag(value) : asNumber(value);
    given.push([option.key, checked(source, value, batchFields[option.key].safeParse(read))]);
  }
  return Object.fromEntries(given);
}

/** Most calls in flight; null for the account's. */
export function readConcurrency(text: string | undefined): number | null {
  return text === undefined
    ? null
    : Number(checked('--concurrency', text, batchConcurrency.safeParse(asNumber(text))));
}

/** Most tokens of an answer; null for the model's own limit. */
export function readTokens(text: string | undefined): number | null {
  return text === undefined
    ? null
    : Number(checked('--max-output-tokens', text, wholePositive.safeParse(asNumber(text))));
}

const FLAGS: Readonly<Record<string, boolean>> = {
  ...{ true: true, yes: true, on: true, '1': true },
  ...{ false: false, no: false, off: false, '0': false },
};

function checked(source: string, value: unknown, parsed: z.ZodSafeParseResult<unknown>): unknown {
  if (parsed.success) return parsed.data;
  throw new UsageError(`${source}: "${value}" ${parsed.error.issues[0]?.message ?? 'is not valid'}`);
}

/** Text that is a number as that; anything else is for the schema to judge. */
function asNumber(value: unknown): unknown {
  const text = String(value).trim();
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

function asFlag(value: unknown): unknown {
  return typeof value === 'string' ? (FLAGS[value.trim().toLowerCase()] ?? value) : value;
}
