/** `sluice vendor test`: whether vendors keep to what holds for all of them. Exit code 1 when one does not. */
import type { Command } from 'commander';
import type { Check } from '../../../vendors/conformance/check';
import { UsageError } from '../../operations/errors';
import { TestServers } from '../../operations/vendors/servers';
import { testVendors } from '../../operations/vendors/test';
import { untilInterrupted } from '../interrupt';
import { note, print, printJson } from '../output';
import { watchForStandstill } from './standstill';

interface TestOptions {
  readonly json?: boolean;
  readonly seed: string;
  readonly answers: string;
  readonly jobs: boolean;
  readonly postgres?: string;
  readonly temporal?: string;
}

export function addVendorTest(program: Command): void {
  program
    .command('vendor')
    .description('vendors of this installation and from outside')
    .command('test')
    .argument('<vendor...>', 'modules such as ./my-vendor.mjs, packages, or ids of vendors')
    .description('run the conformance suite over vendors and their simulators; exit code 1 when it fails')
    .option('--seed <n>', 'seed of the answers that are made up', '1')
    .option('--answers <n>', 'how many are made up for each operation', '300')
    .option('--no-jobs', 'leave out what takes a Postgres: jobs, quotas, kills')
    .option('--postgres <url>', 'a Postgres to make a database in, instead of an embedded one')
    .option('--temporal <host:port>', 'a Temporal to work with, instead of an embedded one')
    .option('--json', 'JSON')
    .action(run);
}

async function run(named: readonly string[], options: TestOptions): Promise<void> {
  const seed = number(options.seed, '--seed', 0);
  const answers = number(options.answers, '--answers', 1);
  const servers = options.jobs ? new TestServers(options) : null;
  const interrupt = untilInterrupted();
  const isJudged = expectReport();
  const isOver = watchForStandstill(`vendor test ${named.join(' ')}`);
  try {
    const tested = testVendors(named, process.cwd(), { seed, answers, servers });
    const reports = await Promise.race([tested, interrupt.promise]);
    if (!reports) {
      // What is under way fails once its servers end, which nobody has to hear.
      tested.catch(() => undefined);
      process.exitCode = 130;
      return;
    }
    const failed = reports.some(({ checks }) => checks.some(({ result }) => result === 'fail'));
    if (options.json) printJson(reports);
    else for (const { vendor, title, checks } of reports) printReport(`${title} (${vendor})`, checks);
    if (failed) process.exitCode = 1;
  } finally {
    isJudged();
    await isOver();
    await servers?.close();
    const { aborted } = interrupt.signal;
    interrupt.done();
    if (aborted) process.exit(130);
  }
}

/**
 * A vendor or a simulator that ends the process, or that answers nothing and holds nothing open, would end it with success.
 * @returns to be called when there is a report, or an error that is printed.
 */
function expectReport(): () => void {
  const onExit = (code: number) => {
    if (code !== 0) return;
    note('A vendor or its simulator has ended the process before there was a report: nothing is proved.');
    process.exitCode = 1;
  };
  process.once('exit', onExit);
  return () => process.off('exit', onExit);
}

function printReport(title: string, checks: readonly Check[]): void {
  print(title);
  for (const { name, result, problems } of checks) {
    print(`  ${result.padEnd(4)}  ${name}`);
    for (const problem of problems) print(`          ${problem}`);
  }
  const count = (wanted: Check['result']) => checks.filter(({ result }) => result === wanted).length;
  print(`${count('ok')} hold, ${count('fail')} fail, ${count('skip')} could not be tried`);
}

function number(text: string, option: string, min: number): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= min) return value;
  throw new UsageError(`${option}: "${text}" must be a whole number, at least ${min}`);
}
