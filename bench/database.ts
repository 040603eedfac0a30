/** A database for one benchmark: on the server of DATABASE_URL, or on an embedded one that is removed afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { removePostgres, startPostgres } from '../embedded/postgres/postgres';
import {
  createTemporaryDatabase,
  dropTemporaryDatabase,
  temporaryDatabaseName,
} from '../store/connections/temporary-database';

/** @param measure false when a bar was missed: the process then ends with exit code 1. */
export async function withBenchDatabase(measure: (databaseUrl: string) => Promise<boolean>): Promise<void> {
  const given = process.env.DATABASE_URL;
  if (given !== undefined) {
    process.exitCode = (await onServer(given, measure)) ? 0 : 1;
    return;
  }
  const dataDir = mkdtempSync(path.join(tmpdir(), 'sluice-bench-'));
  try {
    const server = await startPostgres({ dataDir });
    process.exitCode = (await onServer(server.url, measure)) ? 0 : 1;
  } finally {
    await removePostgres(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function onServer(
  serverUrl: string,
  measure: (databaseUrl: string) => Promise<boolean>,
): Promise<boolean> {
  const name = temporaryDatabaseName('sluice_bench');
  const url = await createTemporaryDatabase(serverUrl, name);
  try {
    return await measure(url);
  } finally {
    await dropTemporaryDatabase(serverUrl, name);
  }
}
