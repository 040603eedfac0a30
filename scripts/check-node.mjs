/**
 * Runs the unit tests and a small `npm start -- --once` with the oldest Node that `engines` allows and with later ones,
 * each as npm brings it: `npm run check:node [-- VERSION…]`. The programs go into the per-user cache, for about 100 MB a
 * version, and are fetched again only when they are missing. The version that runs this is left out: `npm test` has
 * used it already. Takes one to two minutes a version; cleans up.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { BootstrapError, bootstrap, main, ROOT, requireBuilt } from './bootstrap.mjs';

const MINUTE = 60_000;
const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const OLDEST = engines.node.replace(/^>=/, '');
const VERSIONS = [OLDEST, '22', '24'];
const TESTS = [
  'node_modules/jest/bin/jest.js',
  'test/unit',
  '--maxWorkers=2',
  '--silent',
  '--reporters=summary',
];
const DEMO = ['scripts/start.mjs', '--once', '--days', '2', '--no-refusal'];

const say = (line) => process.stderr.write(`${line}\n`);

/** npm's package of the program alone; the package `node` is an install script that fetches the same one. */
function packageName() {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  return `node-${platform}-${process.arch}`;
}

/** The newest program of a version such as `22` or `20.19`, from the cache or by npm, whatever its registry is. */
function findNode(version) {
  const { cacheDir } = requireBuilt('embedded/state-dir.js');
  const name = packageName();
  const folder = join(cacheDir(), 'node', `${version}-${process.platform}-${process.arch}`);
  const windows = process.platform === 'win32';
  const program = join(folder, 'node_modules', name, 'bin', windows ? 'node.exe' : 'node');
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const range = `${name}@${version.includes('.') ? '~' : ''}${version}`;
    say(`Node ${version}: npm install ${range} …`);
    const npm = process.env.npm_execpath;
    const [command, ...before] = npm && /\.c?js$/.test(npm) ? [process.execPath, npm] : ['npm'];
    const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', range];
    try {
      execFileSync(command, [...before, ...args], { timeout: 5 * MINUTE, encoding: 'utf8', stdio: 'pipe' });
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw new BootstrapError(
        `Node ${version} could not be had from npm:\n${error.stderr || error.message}`,
      );
    }
  }
  try {
    return { program, version: execFileSync(program, ['--version'], { encoding: 'utf8' }).trim().slice(1) };
  } catch (error) {
    throw new BootstrapError(`Node ${version} does not run (${program}): ${error.message}`);
  }
}

/** Runs a script with another Node first on the PATH, for what it starts itself. @returns what it wrote, when it failed. */
function runWith(program, args, env) {
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, PATH: `${dirname(program)}${delimiter}${process.env.PATH}`, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const timer = setTimeout(() => child.kill('SIGTERM'), 8 * MINUTE);
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => {
      clearTimeout(timer);
      done({ ok: code === 0, output });
    });
  });
}

async function step(name, program, args, env, expected) {
  const started = Date.now();
  const { ok, output } = await runWith(program, args, env);
  const seconds = Math.round((Date.now() - started) / 1000);
  if (ok && expected.test(output)) {
    say(`${name}: ${expected.exec(output)[0].trim()} (${seconds} s)`);
    return true;
  }
  say(`${name}: FAILED after ${seconds} s\n${output.split('\n').slice(-80).join('\n')}`);
  return false;
}

async function check(wanted) {
  const { program, version } = findNode(wanted);
  const state = mkdtempSync(join(tmpdir(), 'sluice-node-'));
  try {
    const tests = await step(`Node ${version}, unit tests`, program, TESTS, {}, /^Tests: .*$/m);
    const demo = await step(
      `Node ${version}, npm start -- --once`,
      program,
      DEMO,
      { SLUICE_STATE_DIR: join(state, 'state') },
      /complete: 8\/8 windows.*$/m,
    );
    return tests && demo;
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

const isOurs = (version) => `${process.versions.node}.`.startsWith(`${version}.`);

await main(async () => {
  await bootstrap();
  const named = process.argv.slice(2);
  const failed = [];
  for (const version of named.length > 0 ? named : VERSIONS) {
    if (named.length === 0 && isOurs(version)) say(`Node ${version}: runs this check itself; left out.`);
    else if (!(await check(version))) failed.push(version);
  }
  if (failed.length > 0) throw new BootstrapError(`Sluice does not work with Node ${failed.join(', ')}.`);
});
