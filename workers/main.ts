/** Entry of a worker process: `node dist/workers/main.js [--settings sluice.yaml]`. Any number may run. */
import { parseArgs } from 'node:util';
import { logEvent } from '../activities/log/emit';
import { growHeapSlowly } from '../embedded/heap';
import { stateDir } from '../embedded/state-dir';
import { brokenPlugins, loadSettings, SettingsError } from '../settings';
import { serveHealth } from './health-socket';
import { createLog } from './log';
import { installTemporalRuntime, startWorker } from './worker';

async function main(): Promise<void> {
  growHeapSlowly();
  const { values } = parseArgs({ options: { settings: { type: 'string' } } });
  const settings = loadSettings({ path: values.settings, leaveOut: true });
  const log = createLog(settings.log);
  for (const broken of brokenPlugins(settings)) log.error(broken);
  installTemporalRuntime(log);
  const worker = await startWorker({
    settings,
    // Set by whoever runs embedded servers; the settings' own addresses win over them.
    databaseUrl: process.env.SLUICE_EMBEDDED_DATABASE_URL ?? null,
    temporalAddress: process.env.SLUICE_EMBEDDED_TEMPORAL_ADDRESS ?? null,
    log,
    spoolDir: stateDir(process.cwd()).spool,
  });
  const hideHealth = await serveHealth(settings.temporal, () => worker.problems()).catch((error: unknown) => {
    log.warn({ error: String(error) }, 'health checks cannot ask this worker');
    return () => Promise.resolve();
  });
  logEvent(log, 'worker.started', { taskQueue: settings.temporal.taskQueue }, 'worker started');
  // The second one ends it at once: what is in flight is taken up elsewhere, as after a crash.
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      logEvent(log, 'worker.stopping', { signal }, 'worker is finishing what it has begun');
      if (stopping) process.exit(1);
      stopping = true;
      void worker.stop().catch(() => undefined);
    });
  }
  await worker.stopped.finally(hideHealth);
}

main().catch((error: unknown) => {
  const message = error instanceof SettingsError || error instanceof Error ? error.message : String(error);
  process.stderr.write(`sluice worker: ${message}\n`);
  process.exitCode = 1;
});
