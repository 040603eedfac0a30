/** A database for the time of a test: an embedded Postgres in a folder that is removed at the end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { removePostgres, startPostgres } from '../../../embedded/postgres/postgres';
import { createPool } from '../../../store/db';
import { migrate } from '../../../store/migrate';

export async function withTemporaryDatabase<T>(work: (db: Pool) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-vendor-test-'));
  const dataDir = join(folder, 'pg');
  try {
    const { url } = await startPostgres({ dataDir, database: 'sluice' });
    await migrate(url);
    const db = createPool(url, { max: 8, applicationName: 'sluice-vendor-test', use: 'work' });
    try {
      return await work(db);
    } finally {
      await db.end();
    }
  } finally {
    await removePostgres(dataDir).catch(() => undefined);
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
