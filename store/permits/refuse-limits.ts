/** Reports a refusal from a caller outside of the gateway, see schema/feedback/report_refused.sql. */
import type { Pool } from 'pg';

/** @returns when calls of these limits may leave again, epoch ms. */
export async function refuseLimits(
  db: Pool,
  keys: readonly string[],
  refusal: { readonly departAt: number; readonly waitMs: number; readonly reason: string },
): Promise<number> {
  const { rows } = await db.query<{ until: number }>('select report_refused($1, $2, $3, $4) as until', [
    keys,
    refusal.departAt,
    refusal.waitMs,
    refusal.reason.slice(0, 500),
  ]);
  return rows[0]?.until ?? Number.NaN;
}
