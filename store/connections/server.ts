/** What a Postgres server reports of itself. */
import type { Pool } from 'pg';

export interface ServerFacts {
  /** Its clock, epoch ms. */
  readonly now: number;
  readonly version: string;
}

export async function readServer(db: Pool): Promise<ServerFacts> {
  const { rows } = await db.query<ServerFacts>(
    `select extract(epoch from clock_timestamp())::float8 * 1000 as now, current_setting('server_version') as version`,
  );
  const [facts] = rows;
  if (facts === undefined) throw new Error('Postgres has answered with no row');
  return facts;
}
