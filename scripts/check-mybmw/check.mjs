/**
 * `npm run check:mybmw`: proves that the simulated MyBMW speaks the real protocol, by a client that nobody here wrote:
 * the Python package bimmer_connected logs in, lists, reads and locks. Needs python3 with venv, and, on the first run, a
 * network on which pip can install that package; it goes into a virtual environment below node_modules/.cache.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PACKAGE = 'bimmer_connected==0.17.*';
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const environment = join(root, 'node_modules', '.cache', 'check-mybmw');
const python = join(environment, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) return;
  process.stderr.write(`${command} ${args.join(' ')}: ${error?.message ?? `exit code ${status}`}\n`);
  process.exit(1);
}

if (spawnSync(python, ['-c', 'import bimmer_connected'], { stdio: 'ignore' }).status !== 0) {
  mkdirSync(dirname(environment), { recursive: true });
  if (!existsSync(python)) run('python3', ['-m', 'venv', environment]);
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', PACKAGE]);
}

const program = join(root, 'dist', 'vendors', 'bmw-mybmw', 'simulator', 'main.js');
const simulator = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
simulator.once('error', (error) => {
  process.stderr.write(`the simulator cannot start: ${error.message}\n`);
  process.exitCode = 1;
});
const { value: line } = await createInterface({ input: simulator.stdout })[Symbol.asyncIterator]().next();
if (line === undefined) {
  process.stderr.write('the simulator has ended before it was ready\n');
  process.exit(1);
}
const { url } = JSON.parse(line);
const { status } = spawnSync(python, [join(here, 'client.py'), url], {
  stdio: ['ignore', 'inherit', 'inherit'],
});
simulator.kill();
process.exitCode = status ?? 1;
