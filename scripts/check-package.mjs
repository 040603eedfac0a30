/**
 * Packs the project as npm would publish it, installs the tarball in an empty folder and uses it there as a stranger
 * would: what is missing in `files`, or needs a compiler, a checkout or a development dependency, fails here. Takes
 * about two minutes; cleans up.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BootstrapError, bootstrap, main, ROOT } from './bootstrap.mjs';

const MINUTE = 60_000;

/** Another program's: the examples, and a vendor's rules checked from outside. */
const CONSUMER = `
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { checkRules, type VendorRules } from 'sluice/vendor';
import { holdAndRelease } from './client';
import { callAcme } from './permits';

const silent: VendorRules['classify'] = ({ vendor, account, operation }) => ({
  kind: 'ok', evidence: { vendor, account, operation },
});
export const problems: readonly string[] = checkRules({
  id: 'acme', title: 'Acme', limits: [], operations: ['get'], attributes: {}, poolScope: '{account}',
  pool: {} as VendorRules['pool'], retry: {} as VendorRules['retry'], classify: silent, learn: () => [],
});

async function main(): Promise<void> {
  const server = createServer((_, answer) => answer.end('well')).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const answer = await callAcme(String(process.env.DB), \`http://127.0.0.1:\${(server.address() as AddressInfo).port}/\`);
  server.close();
  server.closeAllConnections();
  console.log('call', answer?.status);
  console.log('client', await holdAndRelease('.sluice/demo.yaml', 'amazon/rt-sales'));
  console.log('rules', problems[0]?.includes('no answer came, and it is a success'));
}
main().catch((error: unknown) => { console.error(error); process.exitCode = 1; });
`;

/** Compiles the examples as strict programs resolve them, and runs them beside what `up` has started. */
function useAsLibrary(folder, run) {
  for (const name of ['client.ts', 'permits.ts']) {
    copyFileSync(join(folder, 'node_modules', 'sluice', 'examples', name), join(folder, name));
  }
  writeFileSync(join(folder, 'main.ts'), CONSUMER);
  const tsc = (...args) =>
    run(process.execPath, [
      join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'),
      ...['--strict', '--target', 'es2022', '--types', 'node'],
      ...['--typeRoots', join(ROOT, 'node_modules', '@types')],
      ...args,
    ]);
  tsc('--module', 'esnext', '--moduleResolution', 'bundler', '--skipLibCheck', '--noEmit', 'main.ts');
  // Without the whole client's packages, the declarations themselves have to be right.
  tsc('--module', 'node16', '--moduleResolution', 'node16', '--noEmit', 'permits.ts');
  tsc('--module', 'node16', '--moduleResolution', 'node16', '--skipLibCheck', '--outDir', 'out', 'main.ts');
  const { postgres } = JSON.parse(readFileSync(join(folder, '.sluice', 'instance.json'), 'utf8'));
  const output = run(process.execPath, ['out/main.js'], { env: { ...process.env, DB: postgres.url } });
  // The demo's vendor is gone by now: where work of the demo still asks it, its pool opens.
  if (!/^call 200\n(?:.+ (?:closed|open|half_open)\n)+client INVALID_INPUT from\nrules true$/m.test(output)) {
    throw new BootstrapError(`another program cannot use the package:\n${output}`);
  }
}

/** Installed without what is optional, it says what is missing, and needs nothing of it beside servers of one's own. */
function checkWithoutOptional(tarball, run) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional'];
    run('npm', ['install', ...options, tarball], { cwd: folder });
    const said = spawnSync(join(folder, 'node_modules', '.bin', 'sluice'), ['demo', '--once'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: MINUTE,
    });
    const output = said.stdout + said.stderr;
    if (said.status === 0 || !/embedded Postgres is not installed/.test(output)) {
      throw new BootstrapError(
        `without optional packages, the demo does not say what is missing:\n${output}`,
      );
    }
    if (existsSync(join(folder, '.sluice', 'temporal.db')))
      throw new BootstrapError('the demo that could not run has started a Temporal');
    run(process.execPath, ['-e', "require('sluice/permits'); require('@temporalio/worker')"], {
      cwd: folder,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main(async () => {
  await bootstrap();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
  const run = (command, args, { cwd = folder, timeout = 5 * MINUTE, env = process.env } = {}) => {
    process.stderr.write(`$ ${command} ${args.join(' ')}\n`);
    try {
      return execFileSync(command, args, {
        cwd,
        timeout,
        env,
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
    // A vendor from outside, as its author would have it: beside node_modules, importing the package by its name.
    cpSync(join(folder, 'node_modules', 'sluice', 'examples', 'acme-cars'), join(folder, 'acme-cars'), {
      recursive: true,
    });
    sluice('--settings', 'acme-cars/sluice.yaml', 'settings', 'check');
    sluice('vendor', 'test', './acme-cars/vendor.mjs');
    const demo = sluice('demo', '--once');
    if (!/complete: 120\/120 windows/.test(demo))
      throw new BootstrapError(`the demo did not complete:\n${demo}`);
    sluice('up', '--detach');
    try {
      sluice('doctor');
      useAsLibrary(folder, run);
    } finally {
      sluice('down');
    }
    checkWithoutOptional(join(folder, filename), run);
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
