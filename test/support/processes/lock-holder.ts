/**
 * Run as a child process: begins a transaction on a connection like those of a worker, runs the statements in it, says
 * `holding`, and leaves it open. The parent freezes it.
 */

import type { ConnectionUse } from '../../../store/connections/session';
import { createPool, inTransaction } from '../../../store/db';

export interface LockHolderOptions {
  readonly databaseUrl: string;
  readonly use: ConnectionUse;
  readonly statements: readonly string[];
}

const { databaseUrl, use, statements } = JSON.parse(process.argv[2] ?? '{}') as LockHolderOptions;
const db = createPool(databaseUrl, { max: 1, use });

void inTransaction(db, async (client) => {
  for (const statement of statements) await client.query(statement);
  process.send?.('holding');
  // Busy with something else for longer than anybody would wait.
  await new Promise((done) => setTimeout(done, 600_000));
}).catch((error: unknown) => process.send?.(String(error)));
