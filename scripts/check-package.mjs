/**
 * Packs the project as npm would publish it, installs the tarball in an empty folder and uses it there as a stranger
 * would: what is missing in `files`, or needs a compiler, a checkout or a development dependency, fails here. Takes
 * about two minutes; cleans up.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BootstrapError, bootstrap, main, ROOT } from './bootstrap.mjs';

const MINUTE = 60_000;

await main(async () => {
  await bootstrap();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
  const run = (command, args, { cwd = folder, timeout = 5 * MINUTE } = {}) => {
    process.stderr.write(`$ ${command} ${args.join(' ')}\n`);
    try {
      return execFileSync(command, args, {
        cwd,
        timeout,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } catch (error) {
      throw new BootstrapError(
        `${command} ${args.join(' ')} failed:\n${error.stdout ?? ''}${error.stderr ?? error.message}`,
      );
    }
  };
  const sluice = (...args) => run(join(folder, 'node_modules', '.bin', 'sluice'), args);
  try {
    const [{ filename, files }] = JSON.parse(
      run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT }).replace(/^[^[]*/, ''),
    );
    const strays = files.map(({ path }) => path).filter((path) => /(^|\/)(test|bench)\/|\.test\./.test(path));
    if (strays.length > 0)
      throw new BootstrapError(`the package holds what only development needs: ${strays.join(', ')}`);
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', join(folder, filename)]);
    sluice('--help');
    sluice('settings', 'check');
    const demo = sluice('demo', '--once');
    if (!/complete: 120\/120 windows/.test(demo))
      throw new BootstrapError(`the demo did not complete:\n${demo}`);
    sluice('up', '--detach');
    try {
      sluice('doctor');
    } finally {
      sluice('down');
    }
    process.stderr.write(`The package works: ${filename}, ${files.length} files.\n`);
  } finally {
    if (readdirSync(folder).includes('node_modules')) {
      try {
        sluice('down');
      } catch {
        // Nothing runs.
      }
    }
    rmSync(folder, { recursive: true, force: true });
  }
});
