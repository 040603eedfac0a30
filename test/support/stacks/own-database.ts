/** A database that a test file has for itself, from before its first test until after its last. */
import type { Pool } from 'pg';
import { createPool } from '../../../store/db';
import { type TestDatabase, testDatabase } from './embedded';

export interface OwnDatabaseOptions {
  /** Connections at a time. */
  readonly max: number;
  /** False: commits are not waited for, because nothing outlives the run. Only with one connection. */
  readonly durable?: boolean;
}

/** To be called once in a test file: it sets up and tears down by itself. `use` gets the pool, and the database's URL, before the first test. */
export function ownDatabase(
  { max, durable = true }: OwnDatabaseOptions,
  use: (db: Pool, url: string) => void,
): void {
  let database: TestDatabase;
  let db: Pool;

  beforeAll(async () => {
    database = await testDatabase();
    db = createPool(database.url, { max });
    if (!durable) await db.query('set synchronous_commit = off');
    use(db, database.url);
  });

  afterAll(async () => {
    await db?.end();
    await database?.drop();
  });
}
