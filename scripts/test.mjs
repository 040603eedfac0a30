/**
 * `npm test`: prepares the checkout, finds a Temporal CLI while progress can be shown, and runs jest: first all tests
 * side by side, then those that judge the instants of calls (`*.alone.test.ts`), for which every millisecond that
 * another test takes from them looks like a fault of ours: one by one.
 * Tests that take minutes to prove by chance what others prove by construction (`*.long.test.ts`) run with SLUICE_LONG=1
 * only, as in CI. Arguments are jest's; with any other than `--coverage` it runs once, with just these.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { become, bootstrap, main, ROOT, requireBuilt } from './bootstrap.mjs';

const JEST = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
const ALONE = '\\.alone\\.test\\.ts$';
const ONLY_LONG = '\\.long\\.test\\.ts$';

let interrupted = false;

/** Runs jest in a process of its own; resolves with its exit code. */
function jest(args) {
  const child = spawn(process.execPath, [JEST, ...args], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to every process; a signal to this one alone is passed on.
  const onInterrupt = () => {
    interrupted = true;
  };
  const onTerminate = () => {
    interrupted = true;
    child.kill('SIGTERM');
  };
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate);
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => {
      process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate);
      done(code ?? 1);
    });
  });
}

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
  const sideBySide = await jest([...args, '--testPathIgnorePatterns', '/node_modules/', ...notNow]);
  if (interrupted) {
    process.exitCode = sideBySide || 1;
    return;
  }
  process.stderr.write('\nNow the tests that need the processors for themselves.\n');
  const alone = await jest(['--runInBand', '--testPathPatterns', ALONE]);
  process.exitCode = sideBySide || alone;
});
