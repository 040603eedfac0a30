/** Bookings of what came back from many calls of one limit, in one statement and one commit. */
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
