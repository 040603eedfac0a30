/**
 * `npm run check:api`: searches for requests to which the API answers with a fault of its own, or with something that its
 * OpenAPI document does not say. Schemathesis, a Python package, makes them from the document; they go to an API with
 * servers of its own in a temporary folder, and accounts whose vendor does not answer. Needs python3 with venv, and, on
 * the first run, a network for pip. Takes a minute or two; further arguments are Schemathesis's.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = 'schemathesis==4.32.*';
/** Held open for as long as the caller likes, and one that starts processes. */
const LEFT_OUT = ['followEvents', 'runDoctor'];

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const environment = join(root, 'node_modules', '.cache', 'check-api');
const programs = join(environment, process.platform === 'win32' ? 'Scripts' : 'bin');
const folder = mkdtempSync(join(tmpdir(), 'sluice-check-api-'));

function run(command, args, stdout = 'inherit') {
  const done = spawnSync(command, args, {
    cwd: folder,
    env: { ...process.env, SLUICE_CHECK_SECRET: 'of-nobody' },
    stdio: ['ignore', stdout, 'inherit'],
    encoding: 'utf8',
  });
  if (done.error) throw done.error;
  return done;
}

function must(command, args, stdout) {
  const { status, stdout: said } = run(command, args, stdout);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${status}`);
  return said;
}

const sluice = (...args) => [join(root, 'bin', 'sluice.cjs'), ...args];

try {
  if (!existsSync(join(programs, 'schemathesis'))) {
    mkdirSync(dirname(environment), { recursive: true });
    must('python3', ['-m', 'venv', environment]);
    must(join(programs, 'python'), ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', PACKAGE]);
  }
  for (const file of ['sluice.yaml', 'schemathesis.toml']) copyFileSync(join(here, file), join(folder, file));
  must(process.execPath, sluice('up', '--detach'));
  const { api } = JSON.parse(must(process.execPath, sluice('status', '--json'), 'pipe'));
  const { status } = run(join(programs, 'schemathesis'), [
    ...['run', `${api.url}/api/openapi.json`, '--workers', '2', '--phases', 'coverage,fuzzing'],
    ...['--max-examples', '15', '--continue-on-failure', '--request-timeout', '20', '--warnings', 'off'],
    ...['--suppress-health-check', 'all'],
    ...LEFT_OUT.flatMap((id) => ['--exclude-operation-id', id]),
    ...process.argv.slice(2),
  ]);
  process.exitCode = status ?? 1;
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  run(process.execPath, sluice('down'));
  rmSync(folder, { recursive: true, force: true });
}
