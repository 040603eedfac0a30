import { Command } from 'commander';
import { z } from 'zod';
import { addRunOptions, givenRunTerms } from '../../../../../client/cli/batches/run-options';
import { errorText } from '../../../../../client/cli/fields';
import { changesOf, describeChange } from '../../../../../client/operations/batches/again';
import { givenTerms, requestFields, runTermFields } from '../../../../../client/operations/batches/request';
import { OperationError } from '../../../../../client/operations/errors';
import { checkInput } from '../../../../../client/operations/operation';
import type { Batch } from '../../../../../store/batches/batches';
import { batchFields } from '../../../../../vendors/batch-fields';

/** What a use case takes of it; errors name options, as the command line does. */
function inWords<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    throw new Error(errorText(error, addRunOptions(new Command('start')).option('--max-output-tokens <n>')));
  }
}

function readRunOptions(given: Readonly<Record<string, unknown>>, env: Readonly<Record<string, string>>) {
  return inWords(() => givenTerms(checkInput(z.strictObject(runTermFields), givenRunTerms(given, env))));
}

const { maxConcurrency, maxOutputTokens } = requestFields;
const inFlight = z.strictObject({ maxConcurrency, maxOutputTokens });
const readConcurrency = (given?: string) =>
  inWords(() => checkInput(inFlight, { maxConcurrency: given }).maxConcurrency);
const readTokens = (given: string) =>
  inWords(() => checkInput(inFlight, { maxOutputTokens: given }).maxOutputTokens);

/** As commander reads a command line. */
function typed(...args: string[]) {
  const command = addRunOptions(new Command('start').exitOverride());
  return command.parse(args, { from: 'user' }).opts();
}

const ALL = [
  ...[
    '--quota-threshold',
    '0.9',
    '--daily-limit',
    '5000',
    '--pause-duration',
    '90m',
    '--no-quota-monitoring',
  ],
  ...['--log-interval', '7'],
];

test('each option is read in its unit, and nothing that was not given', () => {
  expect(readRunOptions(typed(...ALL), {})).toEqual({
    quotaThreshold: 0.9,
    dailyLimit: 5000,
    pauseHours: 1.5,
    quotaMonitoring: false,
    logInterval: 7,
  });
  expect(readRunOptions(typed(), {})).toEqual({});
  expect(readRunOptions(typed('--quota-monitoring', '--pause-duration', '24'), {})).toEqual({
    quotaMonitoring: true,
    pauseHours: 24,
  });
});

test('help names the values that hold when nothing is given', () => {
  const help = addRunOptions(new Command('start')).helpInformation().replace(/\s+/g, ' ');
  for (const [key, field] of Object.entries(batchFields)) {
    expect(help).toContain(
      `default: the account’s ${key}, else ${field.safeParse(undefined).data ?? 'none'};`,
    );
  }
});

test('the environment stands in for what is not typed; what is typed wins; empty is not set', () => {
  const env = { QUOTA_THRESHOLD: '0.5', DAILY_LIMIT: '10', QUOTA_MONITORING: 'off', LOG_INTERVAL: '' };
  expect(readRunOptions(typed('--daily-limit', '20'), env)).toEqual({
    quotaThreshold: 0.5,
    dailyLimit: 20,
    quotaMonitoring: false,
  });
  expect(readRunOptions(typed(), { PAUSE_DURATION_HOURS: '24h', QUOTA_MONITORING: '1' })).toEqual({
    pauseHours: 24,
    quotaMonitoring: true,
  });
});

test.each([
  [['--quota-threshold', '1.5'], '--quota-threshold: "1.5" must be a share above 0 and up to 1'],
  [['--quota-threshold', '0'], '--quota-threshold: "0" must be a share above 0 and up to 1'],
  [['--quota-threshold', 'most'], '--quota-threshold: "most" must be a share above 0 and up to 1'],
  [['--daily-limit', '0'], '--daily-limit: "0" must be a whole number, at least 1'],
  [['--daily-limit', '2.5'], '--daily-limit: "2.5" must be a whole number, at least 1'],
  [['--pause-duration', 'soon'], '--pause-duration: "soon" must be a number of hours from 0.001 to 744'],
  [['--pause-duration', '32d'], '--pause-duration: "32d" must be a number of hours from 0.001 to 744'],
  [['--log-interval', '-1'], '--log-interval: "-1" must be a whole number, at least 1'],
])('%j is refused: %s', (args, message) => {
  expect(() => readRunOptions(typed(...args), {})).toThrow(message);
});

test('a value of the environment is refused under its name', () => {
  expect(() => readRunOptions({}, { DAILY_LIMIT: 'none' })).toThrow('DAILY_LIMIT: "none" must be');
  expect(() => readRunOptions({}, { QUOTA_MONITORING: 'maybe' })).toThrow(
    'QUOTA_MONITORING: "maybe" must be true or false',
  );
});

test('calls in flight and tokens have their ranges too', () => {
  expect([readConcurrency(undefined), readConcurrency('2000'), readTokens('1')]).toEqual([
    undefined,
    2000,
    1,
  ]);
  expect(() => readConcurrency('2001')).toThrow('--concurrency: "2001" must be at most 2000');
  expect(() => readConcurrency('x')).toThrow('--concurrency: "x" must be a whole number, at least 1');
  expect(() => readTokens('0')).toThrow('--max-output-tokens: "0" must be a whole number, at least 1');
});

test('help says default, range and environment name of each', () => {
  const help = addRunOptions(new Command('start')).helpInformation().replace(/\s+/g, ' ');
  for (const [flag, standard, env] of [
    ['--quota-threshold <share>', '0.8', 'QUOTA_THRESHOLD'],
    ['--daily-limit <calls>', 'none', 'DAILY_LIMIT'],
    ['--pause-duration <time>', '24', 'PAUSE_DURATION_HOURS'],
    ['--quota-monitoring', 'true', 'QUOTA_MONITORING'],
    ['--log-interval <items>', '100', 'LOG_INTERVAL'],
  ]) {
    const shown = help.slice(help.indexOf(`${flag} `));
    expect(shown).toMatch(new RegExp(`else ${standard}; env ${env}\\)`));
  }
  expect(help).toContain('--no-quota-monitoring');
});

test('a batch that goes on takes over what was given and differs, and says what it was', () => {
  const known = {
    options: { maxOutputTokens: 1, maxConcurrency: null, dailyLimit: 9 },
    priority: 'background',
  };
  const changes = changesOf(known as Batch, {
    options: { maxConcurrency: 50, dailyLimit: 9, quotaThreshold: 0.9 },
    priority: 'interactive',
  });
  expect(changes.map(describeChange)).toEqual([
    'maxConcurrency 50 (was the account’s)',
    'quotaThreshold 0.9 (was the account’s)',
    'priority interactive (was background)',
  ]);
  expect(changesOf(known as Batch, { options: {}, priority: 'background' })).toEqual([]);
});
