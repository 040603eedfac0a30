/**
 * Bookings of what came back from calls: true costs, many in one statement and one commit, and refusals of a vendor that
 * allows less than it says.
 */
import type { Pool } from 'pg';

/** Books each call's true cost beyond its estimate; `units` may be negative. `departAt`: epoch ms of its permit. */
export async function settleAll(
  db: Pool,
  key: string,
  settles: readonly { readonly units: number; readonly departAt: number }[],
): Promise<void> {
  await db.query({
    name: 'settle_all',
    text: `select settle_units($1, s.units, s.at) from unnest($2::float8[], $3::float8[]) s (units, at)`,
    values: [key, settles.map((s) => s.units), settles.map((s) => s.departAt)],
  });
}

/**
 * A call that departed at `departAt` (epoch ms) was refused under this limit: its bucket is empty, and when no burst
 * explains that, its rate is lowered by a tenth, once for all that was on the way.
 * @returns the rate from now on, units a second; null when it is as before.
 */
export async function lowerRate(db: Pool, key: string, departAt: number): Promise<number | null> {
  const { rows } = await db.query<{ rate: number | null }>('select limit_refused($1, $2) as rate', [
    key,
    departAt,
  ]);
  return rows[0]?.rate ?? null;
}

/**
 * Raises a rate that was lowered by a hundredth of the full rate, ten seconds after the last change or later.
 * @returns the rate from now on, units a second; null when it is as before.
 */
export async function raiseRate(db: Pool, key: string): Promise<number | null> {
  const { rows } = await db.query<{ rate: number | null }>({
    name: 'limit_recover',
    text: 'select limit_recover($1) as rate',
    values: [key],
  });
  return rows[0]?.rate ?? null;
}
