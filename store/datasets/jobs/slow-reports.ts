/** Reports that the vendor takes unusually long to make. */
import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../../db';

/**
 * Reports a slow report as an event: once at `firstMs` of age, and each time its age has doubled, whichever worker polls.
 * @param ageMs since the request. @param record writes the event, in the same transaction.
 */
export async function recordSlow(
  db: Pool,
  id: number,
  ageMs: number,
  firstMs: number,
  record: (client: PoolClient) => Promise<void>,
): Promise<void> {
  if (ageMs < firstMs) return;
  await inTransaction(db, async (client) => {
    const { rowCount } = await client.query(
      'update jobs set slow_reported_ms = $2 where id = $1 and coalesce(2 * slow_reported_ms, $3) <= $2',
      [id, ageMs, firstMs],
    );
    if (rowCount === 1) await record(client);
  });
}
