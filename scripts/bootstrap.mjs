/**
 * Makes a checkout runnable: Node's version, dependencies, build. Plain Node without dependencies, because it
 * runs before there are any. Progress goes to stderr, so that a command's own output stays clean. Each step is
 * skipped when its result is up to date, which takes well under a tenth of a second.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname, extname, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const require = createRequire(import.meta.url);
const checkout = require('./checkout.cjs');
const { LOCK_FILES, readJson, SOURCE_FOLDERS, STAMP } = checkout;
export const { buildIsCurrent, COMMAND_LINE, DIST, ROOT } = checkout;

/** What the workflow bundle is made of; dependency-cruiser keeps workflows from importing anything else. */
const BUNDLE_FOLDERS = ['workflows', 'quota'];
/** One for each way of storing failures: encrypting workers have a converter in theirs, see temporal/failure-converter.ts. */
const BUNDLES = [
  { file: join(DIST, 'workflow-bundle.js'), options: {} },
  {
    file: join(DIST, 'workflow-bundle-encrypting.js'),
    options: { failureConverterPath: join(DIST, 'temporal', 'failure-converter.js') },
  },
];
const HEARTBEAT_MS = 10_000;

const say = (line) => process.stderr.write(`${line}\n`);

/** An expected failure: its message is all there is to show. */
export class BootstrapError extends Error {}

export function checkNode(version) {
  const problem = checkout.checkNode(version);
  if (problem !== null) throw new BootstrapError(problem);
}

/** The beginning and the end of a long output: programs differ in where they say what is wrong. */
function excerpt(output) {
  const lines = output.trim().split('\n');
  return lines.length <= 40 ? lines.join('\n') : [...lines.slice(0, 20), '…', ...lines.slice(-20)].join('\n');
}

/** Runs a program, showing that it is alive; throws its output when it fails. */
async function runStep(what, command, args) {
  const started = Date.now();
  say(`${what} …`);
  const heartbeat = setInterval(() => {
    say(`${what} … ${Math.round((Date.now() - started) / 1000)} s`);
  }, HEARTBEAT_MS);
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  // Ended with us, or it would go on writing into a checkout that the next command prepares.
  const interrupt = (signal) => {
    child.kill(signal);
    // npm finishes what it does first; an interrupted installation is recognised and made again anyway.
    setTimeout(() => child.kill('SIGKILL'), 2_000).unref();
    child.once('close', () => process.exit(signal === 'SIGINT' ? 130 : 143));
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    const code = await new Promise((done, fail) => {
      child.once('error', (error) => fail(new BootstrapError(`${what} failed: ${error.message}`)));
      child.once('close', done);
    });
    if (code !== 0) throw new BootstrapError(`${what} failed:\n${excerpt(output)}`);
  } finally {
    clearInterval(heartbeat);
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

/** One bootstrap of a checkout at a time; a lock whose owner is dead is taken over. */
async function withBootstrapLock(work) {
  const file = join(ROOT, '.sluice', 'bootstrap.lock');
  mkdirSync(dirname(file), { recursive: true, mode: 0o711 });
  for (let reported = false; ; ) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = Number(readJson(file));
    if (owner > 0 && !isRunning(owner)) {
      rmSync(file, { force: true });
    } else if (!reported && owner > 0) {
      say(`Process ${owner} is preparing this checkout; waiting.`);
      reported = true;
    }
    await delay(100);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/**
 * True when node_modules holds what package-lock.json says. npm writes what it installed into
 * `node_modules/.package-lock.json` as its last step, so an interrupted installation does not pass.
 */
export function dependenciesAreCurrent() {
  // A build that was made with both files as they are has compared them.
  return checkout.readStamp()?.dependencies === checkout.locksAsTheyAre() || dependenciesMatch();
}

function dependenciesMatch() {
  const [wanted, installed] = LOCK_FILES.map((file) => readJson(join(ROOT, file))?.packages);
  if (!installed || !wanted) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const found = installed[path];
    // Packages for other platforms are left out.
    if (found === undefined)
      return entry.optional === true || entry.devOptional === true || entry.peer === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

export async function ensureDependencies() {
  if (dependenciesAreCurrent()) return;
  await withBootstrapLock(async () => {
    if (dependenciesAreCurrent()) return;
    const args = ['ci', '--no-audit', '--no-fund', '--include=dev'];
    const npm = process.env.npm_execpath;
    try {
      if (npm && /\.c?js$/.test(npm))
        await runStep('Installing dependencies', process.execPath, [npm, ...args]);
      else await runStep('Installing dependencies', 'npm', args);
    } catch (error) {
      if (!(error instanceof BootstrapError)) throw error;
      throw new BootstrapError(
        `${error.message}\nThe npm registry has to be reachable for this step (npm config get registry).`,
      );
    }
  });
}

function* filesUnder(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else if (entry.isFile()) yield path;
  }
}

const isTypeScript = (file) => extname(file) === '.ts';
const isDeclaration = (file) => file.endsWith('.d.ts');

const sourceFiles = () => checkout.sourceFiles().map((file) => join(ROOT, file));

const outputOf = (file) => join(DIST, relative(ROOT, file)).replace(/\.ts$/, '.js');

async function compile(sources) {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const expected = sources.filter((file) => isTypeScript(file) && !isDeclaration(file)).map(outputOf);
  const run = () =>
    runStep('Building', process.execPath, [tsc, '-p', 'tsconfig.build.json', '--pretty', 'false']);
  await run();
  // tsc believes its own record and does not check whether its output is still there.
  if (!expected.every((file) => existsSync(file))) {
    rmSync(join(DIST, '.tsbuildinfo'), { force: true });
    await run();
  }
}

/** What a removed source file has left in dist would still be run: a migration, for one. */
function removeLeftovers(sources) {
  const wanted = new Set(
    sources.map((file) => (isTypeScript(file) ? outputOf(file) : join(DIST, relative(ROOT, file)))),
  );
  for (const folder of SOURCE_FOLDERS) {
    for (const file of filesUnder(join(DIST, folder))) {
      if (!wanted.has(file.replace(/\.js\.map$/, '.js'))) rmSync(file);
    }
  }
}

/** Everything that is not TypeScript (SQL, go.mod, dashboard pages) lies in dist beside its code. */
function copyAssets(sources) {
  for (const file of sources) {
    if (isTypeScript(file)) continue;
    const target = join(DIST, relative(ROOT, file));
    mkdirSync(dirname(target), { recursive: true });
    rmSync(target, { force: true });
    copyFileSync(file, target);
  }
}

function bundleFingerprint() {
  const hash = createHash('sha256');
  const inputs = BUNDLE_FOLDERS.flatMap((folder) => [...filesUnder(join(DIST, folder))].sort());
  const converter = join(DIST, 'temporal', 'failure-converter.js');
  for (const file of [...inputs, converter, join(ROOT, 'package-lock.json')]) {
    if (/\.(js|json)$/.test(file)) {
      hash.update(`${relative(ROOT, file)}\n`).update(readFileSync(file));
    }
  }
  return hash.digest('hex');
}

/** Bundled once here and not at every worker's start. */
async function bundleWorkflows() {
  const workflowsPath = join(DIST, 'workflows', 'index.js');
  if (!existsSync(workflowsPath)) return;
  say('Bundling workflows …');
  const { bundleWorkflowCode, DefaultLogger } = require('@temporalio/worker');
  for (const { file, options } of BUNDLES) {
    const logger = new DefaultLogger('WARN');
    const { code } = await bundleWorkflowCode({ workflowsPath, logger, ...options });
    writeFileSync(`${file}.new`, code);
    renameSync(`${file}.new`, file);
  }
}

async function bundleCommandLine() {
  say('Bundling the command line …');
  const bundle = await import('./bundle.mjs');
  await bundle.bundleCommandLine(ROOT, DIST);
}

export async function ensureBuild() {
  if (buildIsCurrent()) return;
  await withBootstrapLock(async () => {
    if (buildIsCurrent()) return;
    const sources = sourceFiles();
    const stamp = {
      sources: checkout.sourcesAsTheyAre(checkout.sourceFiles()),
      bundle: checkout.readStamp()?.bundle,
    };
    rmSync(STAMP, { force: true });
    await compile(sources);
    copyAssets(sources);
    removeLeftovers(sources);
    const bundle = bundleFingerprint();
    if (bundle !== stamp.bundle || !BUNDLES.every(({ file }) => existsSync(file))) await bundleWorkflows();
    await bundleCommandLine();
    const dependencies = dependenciesMatch() ? checkout.locksAsTheyAre() : null;
    writeFileSync(STAMP, JSON.stringify({ ...stamp, bundle, dependencies }));
  });
}

/** The types of what other programs import, see library/. Only a package needs them. */
export async function buildDeclarations() {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  await runStep('Writing type declarations', process.execPath, [
    tsc,
    '-p',
    'tsconfig.types.json',
    '--pretty',
    'false',
  ]);
}

export async function bootstrap() {
  checkNode();
  await ensureDependencies();
  await ensureBuild();
}

/** Goes on as another program in this same process, so that signals and exit codes need no forwarding. */
export function become(program, args) {
  process.argv = [process.argv[0], program, ...args];
  Module.runMain(program);
}

/** Runs a script's body; an expected failure is shown as its message, anything else with its stack. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    const expected = error instanceof BootstrapError || error?.name === 'EmbeddedError';
    say(expected ? error.message : String(error?.stack ?? error));
    process.exitCode = 1;
  }
}

export function requireBuilt(path) {
  return require(join(DIST, path));
}
