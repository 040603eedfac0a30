/** Levels of some limits, by their keys: a fleet has thousands of limits, and most queries are about a few. */
import type { Pool } from 'pg';

export interface LimitLevelRow {
  readonly limit: number;
  readonly used: number;
  /** Epoch ms; null when nothing is used. */
  readonly resetsAt: number | null;
}

/** Limits that nothing was ever charged to are left out. */
export async function readLimitLevels(
  db: Pool,
  keys: readonly string[],
): Promise<ReadonlyMap<string, LimitLevelRow>> {
  const { rows } = await db.query<LimitLevelRow & { key: string }>(
    'select key, capacity as "limit", used, resets_at as "resetsAt" from limit_status where key = any($1::text[])',
    [keys],
  );
  return new Map(rows.map(({ key, ...level }) => [key, level]));
}
