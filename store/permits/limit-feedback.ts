/**
 * Books what calls report about limits: true costs, many in one statement and one commit, and refusals by a vendor
 * that allows less than it announces.
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

/** A call that a vendor refused under a limit. */
export interface Refused {
  /** Its departure, epoch ms. */
  readonly departAt: number;
  /** What it was charged. */
  readonly units?: number;
  /** How long it is to wait, ms, as stated by the vendor or modelled; null when nothing is known. */
  readonly waitMs?: number | null;
}

/**
 * A call was refused under this limit: its bucket is empty until the wait is over, and when no burst explains that, its
 * rate is lowered to what was admitted, once for all that was on the way.
 * @returns the rate from now on, units a second; null when it is as before.
 */
export async function lowerRate(db: Pool, key: string, { departAt, units, waitMs }: Refused) {
  const { rows } = await db.query<{ rate: number | null }>(
    'select limit_refused($1, $2, null, $3, $4) as rate',
    [key, departAt, units ?? 1, waitMs ?? null],
  );
  return rows[0]?.rate ?? null;
}

/**
 * Raises a rate that was lowered by a little, a while after the last change.
 * @param departAt of a call that was admitted, epoch ms: one from before the last refusal shows nothing.
 * @returns the rate from now on, units a second; null when it is as before.
 */
export async function raiseRate(db: Pool, key: string, departAt: number | null = null) {
  const { rows } = await db.query<{ rate: number | null }>({
    name: 'limit_recover',
    text: 'select limit_recover($1, null, $2) as rate',
    values: [key, departAt],
  });
  return rows[0]?.rate ?? null;
}
