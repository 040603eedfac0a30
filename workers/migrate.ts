/**
 * Entry of the one-shot process that migrates the database to this version: `node dist/workers/migrate.js [--settings
 * F]`.
 */
import { parseArgs } from 'node:util';
import { loadSettings } from '../settings';
import { migrate } from '../store/migrate';

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { settings: { type: 'string' } } });
  const { url } = loadSettings({ path: values.settings }).database;
  if (url === null) throw new Error('no database: set database.url in the settings, or DATABASE_URL');
  await migrate(url.reveal());
}

main().catch((error: unknown) => {
  process.stderr.write(`sluice migrate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
