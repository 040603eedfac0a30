import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../../../support/processes/program';

const MODULE = join(ROOT, 'dist', 'client', 'cli', 'processes', 'standstill.js');

/** A program that is watched, with 1 s of patience. */
function watched(code: string) {
  const program = `const isOver = require(${JSON.stringify(MODULE)}).watchForStandstill('vendor test ./x.mjs', 1000); ${code}`;
  return spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 60_000 });
}

test('a function that does not end ends the process, in words and without success', () => {
  const { signal, stderr } = watched('for (;;);');
  expect(signal).toBe('SIGKILL');
  expect(stderr).toContain('vendor test ./x.mjs: a function has not ended for 1 s');
});

test('a process that waits, or whose work is over, is left alone', () => {
  expect(watched('setTimeout(() => isOver(), 2500)')).toMatchObject({ status: 0, stderr: '' });
  expect(watched('')).toMatchObject({ status: 0, stderr: '' });
});
