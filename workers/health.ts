/**
 * Entry of a container's health check: `node dist/workers/health.js [--settings F]`. Asks the worker itself, which
 * checks its own connections to Postgres and Temporal. Ends with 0 when each worker of this task queue that runs here
 * is well, and there is one; otherwise it says on stderr what is wrong.
 */
import { parseArgs } from 'node:util';
import { loadSettings } from '../settings';
import { askWorkers } from './health-socket';

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { settings: { type: 'string' } } });
  const { temporal } = loadSettings({ path: values.settings });
  const workers = await askWorkers(temporal);
  if (workers.length === 0) throw new Error(`no worker of task queue "${temporal.taskQueue}" runs here`);
  const problems = workers.flatMap(({ pid, problems }) => problems.map((what) => `worker ${pid}: ${what}`));
  if (problems.length > 0) throw new Error(problems.join('; '));
}

main().catch((error: unknown) => {
  process.stderr.write(`sluice health: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
