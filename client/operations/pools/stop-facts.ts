/** Who or what stops a pool, for an answer that refuses a call because of it. */
import { isBlocked } from '../../../quota/pools/pool';
import { lastOrder } from '../../../store/explain/evidence';
import { readPool } from '../../../store/pools/pools';
import type { Backend } from '../backend/backend';
import type { StopFacts } from '../errors';

/** @returns null for a pool that is open again meanwhile, or that is not known. */
export function stopFacts(backend: Backend, pool: string): Promise<StopFacts | null> {
  return backend.database(async (db) => {
    const record = await readPool(db, pool);
    if (record === null || !isBlocked(record.state, Date.now())) return null;
    const { state, since, reason, cause } = record.state;
    const order = cause === 'operator' ? await lastOrder(db, pool) : null;
    return { pool, state, since, reason: order?.reason || reason, by: order?.by ?? null };
  });
}
