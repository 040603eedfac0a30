/** `sluice vendor test`: whether a vendor keeps to what holds for all of them. Exit code 1 when it does not. */
import type { Command } from 'commander';
import type { Check } from '../../vendors/conformance/check';
import { UsageError } from '../operations/errors';
import { testVendors } from '../operations/vendors/test';
import { print, printJson } from './output';

interface TestOptions {
  readonly json?: boolean;
  readonly seed: string;
  readonly answers: string;
  readonly jobs: boolean;
}

export function addVendorTest(program: Command): void {
  program
    .command('vendor')
    .description('vendors of this installation and from outside')
    .command('test')
    .argument('<vendor>', 'a module such as ./my-vendor.mjs, a package, or the id of a vendor')
    .description('run the conformance suite over a vendor and its simulator; exit code 1 when it fails')
    .option('--seed <n>', 'seed of the answers that are made up', '1')
    .option('--answers <n>', 'how many are made up for each operation', '300')
    .option('--no-jobs', 'leave out what takes an embedded Postgres')
    .option('--json', 'JSON')
    .action(run);
}

async function run(named: string, options: TestOptions): Promise<void> {
  const reports = await testVendors(named, process.cwd(), {
    seed: number(options.seed, '--seed', 0),
    answers: number(options.answers, '--answers', 1),
    jobs: options.jobs,
  });
  const failed = reports.some(({ checks }) => checks.some(({ result }) => result === 'fail'));
  if (options.json) printJson(reports);
  else for (const { vendor, title, checks } of reports) printReport(`${title} (${vendor})`, checks);
  if (failed) process.exitCode = 1;
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
