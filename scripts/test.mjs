/**
 * `npm test`: prepares the checkout, finds a Temporal CLI while progress can be shown, and runs jest: first all tests
 * side by side, then those that judge the instants of calls (`*.alone.test.ts`), for which every millisecond that
 * another test takes from them looks like a fault of ours: one by one. A few that fail side by side are run once more by
 * themselves, and named (`second-run.mjs`).
 * Tests that take minutes to prove by chance what others prove by construction (`*.long.test.ts`) run with SLUICE_LONG=1
 * only, as in CI. Arguments are jest's; with any other than `--coverage` it runs once, with just these.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { become, bootstrap, main, ROOT, requireBuilt } from './bootstrap.mjs';
import { filesToRunAgain } from './second-run.mjs';

const JEST = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
const ALONE = '\\.alone\\.test\\.ts$';
const ONLY_LONG = '\\.long\\.test\\.ts$';

let interrupted = false;

/** Time for what was interrupted to end by itself, ms. */
const GRACE_MS = 5000;

/** Runs jest in a process group of its own, which a signal to this process ends; resolves with its exit code. */
async function jest(args) {
  const child = spawn(process.execPath, [JEST, ...args], { stdio: 'inherit', detached: true });
  const signalAll = (signal) => {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // None of them is left.
    }
  };
  const pass = (signal) => {
    interrupted = true;
    signalAll(signal);
  };
  process.on('SIGINT', pass).on('SIGTERM', pass);
  try {
    const [code] = await once(child, 'close');
    if (interrupted) {
      // Jest's workers may outlive it in the middle of a test.
      await delay(GRACE_MS);
      signalAll('SIGKILL');
    }
    return code ?? 1;
  } finally {
    process.off('SIGINT', pass).off('SIGTERM', pass);
  }
}

/** @returns jest's exit code, and the files that have passed by themselves only. */
async function sideBySide(args) {
  // Not under the name of a run's own folders: of those, whatever has no owner is removed.
  const folder = mkdtempSync(join(tmpdir(), 'sluice-second-run-'));
  try {
    const report = join(folder, 'report.json');
    const code = await jest([...args, '--json', '--outputFile', report]);
    const again = code === 0 || interrupted ? [] : filesToRunAgain(report);
    if (again.length === 0) return { code, byThemselves: [] };
    say(`Failed beside the others, and run once more by themselves:\n${listed(again)}`);
    const second = await jest(['--runInBand', '--runTestsByPath', ...again]);
    return { code: second, byThemselves: second === 0 ? again : [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const listed = (files) => files.map((file) => `  ${relative(ROOT, file)}`).join('\n');
const say = (text) => process.stderr.write(`\n${text}\n`);

await main(async () => {
  await bootstrap();
  const { findTemporalBinary } = requireBuilt('embedded/temporal/binary.js');
  await findTemporalBinary({ log: (line) => process.stderr.write(`${line}\n`) });
  process.chdir(ROOT);
  const args = process.argv.slice(2);
  if (args.some((arg) => arg !== '--coverage')) {
    become(JEST, args);
    return;
  }
  const notNow = process.env.SLUICE_LONG === '1' ? [ALONE] : [ALONE, ONLY_LONG];
  const { code, byThemselves } = await sideBySide([
    ...args,
    '--testPathIgnorePatterns',
    '/node_modules/',
    ...notNow,
  ]);
  if (interrupted) {
    process.exitCode = code || 1;
    return;
  }
  say('Now the tests that need the processors for themselves.');
  const alone = await jest(['--runInBand', '--testPathPatterns', ALONE]);
  if (byThemselves.length > 0) {
    say(`Passed by themselves only, and are to be mended for it:\n${listed(byThemselves)}`);
  }
  process.exitCode = code || alone;
});
