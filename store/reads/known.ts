/** What is stored of a vehicle, for people. */
import type { Pool } from 'pg';
import type { ReadFailure } from './reads';

export interface KnownRead {
  readonly read: string;
  readonly params: Readonly<Record<string, string | number>>;
  /** Epoch ms; null: never. */
  readonly answeredAt: number | null;
  readonly values: number;
  readonly failures: number;
  readonly failure: ReadFailure | null;
  readonly failedAt: number | null;
  readonly retryAt: number | null;
}

export async function knownReads(db: Pool, account: string, vehicleId: string): Promise<KnownRead[]> {
  const { rows } = await db.query<KnownRead>(
    `select read, params::json as params, answered_at as "answeredAt", failures, failure, failed_at as "failedAt",
            retry_at as "retryAt", (select count(*) from read_values v where v.read_id = r.id) as values
     from reads r where account = $1 and vehicle_id = $2 order by read collate "C", params collate "C"`,
    [account, vehicleId],
  );
  return rows;
}

/** Pages that have come of answers that are under way, of all reads of an account. */
export async function pagesUnderWay(db: Pool, account: string): Promise<number> {
  const { rows } = await db.query<{ pages: number }>(
    `select coalesce(sum((progress->>'pages')::int), 0)::int as pages from reads where account = $1`,
    [account],
  );
  return rows[0]?.pages ?? 0;
}
