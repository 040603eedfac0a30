/** When limits have room again, from their rows as they stand. Changes nothing. */
import type { Pool } from 'pg';

/** Of those limits that are enforced the one that has room for a person's call last, and when, epoch ms. */
export async function lastWithRoom(
  db: Pool,
  keys: readonly string[],
): Promise<{ readonly key: string; readonly at: number; readonly now: number } | null> {
  const { rows } = await db.query<{ key: string; at: number; now: number }>(
    `select l.key, limit_ready_at(l, 1, 3::smallint, n.t) as at, n.t as now
     from limits l cross join lateral (select now_ms() as t) n
     where l.key = any ($1::text[]) and l.mode = 'enforce' order by at desc, l.key limit 1`,
    [keys],
  );
  return rows[0] ?? null;
}
