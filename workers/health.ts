/**
 * Entry of a container's health check: `node dist/workers/health.js [--settings F]`. Ends with 0 when both servers
 * that a worker needs answer within a few seconds; otherwise it says on stderr which one does not.
 */
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { loadSettings } from '../settings';
import { connectionConfig } from '../store/db';
import { connectClient } from './temporal-connection';

const TIMEOUT_MS = 4_000;

async function checkDatabase(url: string): Promise<void> {
  const client = new Client({
    ...connectionConfig(url, 'sluice-health'),
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('select 1');
  } finally {
    await client.end();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { settings: { type: 'string' } } });
  const settings = loadSettings({ path: values.settings });
  const { url } = settings.database;
  if (url === null) throw new Error('no database: set database.url in the settings, or DATABASE_URL');
  await checkDatabase(url.reveal()).catch((error: unknown) => fail('Postgres', error));
  await connectClient(settings, null, undefined, TIMEOUT_MS)
    .then((connected) => connected.close())
    .catch((error: unknown) => fail(`Temporal at ${settings.temporal.address}`, error));
}

function fail(server: string, error: unknown): never {
  throw new Error(`${server} does not answer: ${error instanceof Error ? error.message : String(error)}`);
}

main().catch((error: unknown) => {
  process.stderr.write(`sluice health: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
