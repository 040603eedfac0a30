/** The options of a batch's run: from the command line, else from the environment. The use case checks them. */
import type { Command } from 'commander';
import type { RunOptions } from '../../../quota/batches/run-terms';
import { runTermFields } from '../../operations/batches/request';
import { UsageError } from '../../operations/errors';

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
    help: 'longest pause at the threshold before checking again, hours or 90m, 24h',
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

/**
 * The terms that were given, by field: as typed, else as the environment has them; empty is not set.
 * @throws UsageError for a value of the environment, under the name that it has there.
 */
export function givenRunTerms(
  typed: TypedOptions,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, unknown>> {
  const given: [string, unknown][] = [];
  for (const { key, flag, value, env: name } of RUN_OPTIONS) {
    const option = typed[flag.slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())];
    const inherited = env[name];
    if (option !== undefined) given.push([key, option]);
    else if (inherited) given.push([key, checked(key, name, value === null ? asFlag(inherited) : inherited)]);
  }
  return Object.fromEntries(given);
}

function checked(key: keyof RunOptions, name: string, value: unknown): unknown {
  const parsed = runTermFields[key].safeParse(value);
  if (parsed.success) return value;
  throw new UsageError(`${name}: "${value}" ${parsed.error.issues[0]?.message ?? 'is not valid'}`);
}

const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'yes', 'on', '1'].map((word) => [word, true] as const),
  ...['false', 'no', 'off', '0'].map((word) => [word, false] as const),
]);

function asFlag(text: string): unknown {
  return FLAGS.get(text.trim().toLowerCase()) ?? text;
}
