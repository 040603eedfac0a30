import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkNode } from '../../../client/operations/diagnosis/doctor';

const ROOT = join(__dirname, '..', '..', '..');

/** Runs statements with what scripts/bootstrap.mjs exports in scope as `b`; returns what they print. */
function withBootstrap(statements: string): string {
  const script = `import * as b from ${JSON.stringify(join(ROOT, 'scripts', 'bootstrap.mjs'))}; ${statements}`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

describe('preparing a checkout', () => {
  test('Node older than 20.19 is refused in words', () => {
    expect(withBootstrap(`for (const v of ['20.19.0', '22.1.0', '24.0.0']) b.checkNode(v)`)).toBe('');
    expect(
      withBootstrap(`for (const v of ['18.20.4', '20.18.1'])
        try { b.checkNode(v) } catch (error) { console.log(error.message) }`),
    ).toMatch(/needs Node 20\.19 or later; this is Node 18\.20\.4 .*\n.*this is Node 20\.18\.1/);
  });

  test('the oldest Node is the one that package.json names, for doctor as well', () => {
    const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const oldest = `${engines.node.replace('>=', '')}.0`;
    const [major, minor] = oldest.split('.').map(Number) as [number, number];
    const older = `${major}.${minor - 1}.9`;
    const refused = (version: string) =>
      withBootstrap(`try { b.checkNode('${version}') } catch { console.log('refused') }`) !== '';
    expect([oldest, older].map(refused)).toEqual([false, true]);
    expect([oldest, older].map((version) => checkNode(version).result)).toEqual(['ok', 'fail']);
  });

  test('what is installed is what the lock file says', () => {
    expect(withBootstrap('console.log(b.dependenciesAreCurrent())')).toBe('true\n');
  });

  test('the lock file can be installed on every platform', () => {
    const check = join(ROOT, 'scripts', 'complete-lockfile.mjs');
    expect(execFileSync(process.execPath, [check, '--check'], { encoding: 'utf8', stdio: 'pipe' })).toBe('');
  });
});
