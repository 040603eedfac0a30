/**
 * Real servers for tests. One Postgres and one Temporal dev server serve a whole jest run, started by the
 * first test that needs one and stopped by global-teardown. Each test file works in a database and on task
 * queues of its own. Tests that kill servers start private ones with startPostgres and startTemporal.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Client } from 'pg';
import { withLock } from '../../../embedded/lock';
import { startPostgres } from '../../../embedded/postgres/postgres';
import type { SearchAttributeType } from '../../../embedded/temporal/ready';
import { type RunningTemporal, startTemporal } from '../../../embedded/temporal/temporal';
import {
  createTemporaryDatabase,
  dropTemporaryDatabase,
  temporaryDatabaseName,
  urlOfDatabase,
} from '../../../store/connections/temporary-database';
import { migrate } from '../../../store/migrate';
import { postgresFolder, runFolder, temporalFile } from '../run/run-folder';

export { temporaryFolder } from '../run/run-folder';

const TEMPLATE = 'sluice_template';

async function administer<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Nobody kills the shared server: it need not be safe against a power cut. Tests that kill one have one of their own. */
const NOT_DURABLE = { fsync: 'off', full_page_writes: 'off' };

/** `postgres://…/postgres` of the run's shared server. `SLUICE_TEST_PG_URL` names one to use in its place. */
export async function testPostgresUrl(): Promise<string> {
  const given = process.env.SLUICE_TEST_PG_URL;
  if (given) return given;
  const server = await startPostgres({
    dataDir: postgresFolder(runFolder()),
    database: 'postgres',
    settings: NOT_DURABLE,
  });
  return server.url;
}

/** A migrated database to copy from: copying takes tens of milliseconds, migrating takes more each year. */
async function ensureTemplate(url: string): Promise<string> {
  const name = process.env.SLUICE_TEST_PG_URL ? `${TEMPLATE}_${process.ppid}` : TEMPLATE;
  return withLock(join(runFolder(), 'template.lock'), () =>
    administer(url, async (client) => {
      const found = await client.query('select 1 from pg_database where datname = $1', [name]);
      if (found.rowCount !== 0) return name;
      await client.query(`drop database if exists ${name}_unfinished`);
      await client.query(`create database ${name}_unfinished`);
      await migrate(urlOfDatabase(url, `${name}_unfinished`));
      await client.query(`alter database ${name}_unfinished rename to ${name}`);
      return name;
    }),
  );
}

export interface TestDatabase {
  /** Connection string of an empty, migrated database that nobody else uses. */
  readonly url: string;
  /** Removes it, ending whatever is still connected. Optional: the server goes away with the run. */
  drop(): Promise<void>;
}

/** A database of one's own. `migrated: false` leaves it without any table. */
export async function testDatabase(options: { readonly migrated?: boolean } = {}): Promise<TestDatabase> {
  const url = await testPostgresUrl();
  const template = options.migrated === false ? 'template1' : await ensureTemplate(url);
  const name = temporaryDatabaseName('test');
  return {
    url: await createTemporaryDatabase(url, name, template),
    drop: () => dropTemporaryDatabase(url, name),
  };
}

/** The run's shared Temporal dev server, namespace `default`. Missing search attributes are added. */
export async function testTemporal(
  searchAttributes: Readonly<Record<string, SearchAttributeType>> = {},
): Promise<RunningTemporal> {
  const dbFile = temporalFile(runFolder());
  return startTemporal({ dbFile, logFile: `${dbFile}.log`, searchAttributes });
}

/** A name nobody else uses: for task queues, workflow ids and namespaces. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}

/** Whether `uniqueName` is in it, as it stands or in another name made of it. */
export function isUnique(name: string): boolean {
  return /-[0-9a-f]{12}(?![0-9a-z])/.test(name);
}
