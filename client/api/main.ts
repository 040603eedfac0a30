/** Entry of an API process: `node dist/client/api/main.js [--settings sluice.yaml] [--host H] [--port P]`. Any number may run. */
import { parseArgs } from 'node:util';
import { loadContext } from '../operations/backend/context';
import { messageOf } from '../operations/errors';
import { apiPort, parseHost } from '../operations/processes/api-process';
import { serveApi } from './serve';

/** What is not answered by then is cut off, ms. */
const STOP_MS = 30_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      settings: { type: 'string' },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string' },
    },
  });
  const context = loadContext({ settings: values.settings });
  const server = await serveApi(context, {
    host: parseHost(values.host),
    port: await apiPort(context.settings, values.port, (line) => process.stderr.write(`${line}\n`)),
    logLevel: context.settings.log.level,
  });
  process.stdout.write(`API at ${server.url}/api/v1, reference at ${server.url}/api/docs\n`);
  // The second one ends it at once.
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      setTimeout(() => process.exit(1), STOP_MS).unref();
      server.close().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`sluice api: ${messageOf(error)}\n`);
  process.exitCode = 1;
});
