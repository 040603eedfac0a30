/**
 * What operators change of limits while everything runs. A change stands over the settings of every process until it is
 * reset (schema/limits/limits_overridden.sql); each is a row that stays, so the rows are the history.
 */
import type { Pool } from 'pg';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';
import { jsonText } from '../storable';

export interface LimitChange {
  /** Burst, or count a window. */
  readonly capacity?: number | undefined;
  /** Of a bucket: ms a unit. */
  readonly period_ms?: number | undefined;
  readonly mode?: 'enforce' | 'shadow' | undefined;
}

export interface LimitOverride {
  readonly id: number;
  readonly pool: string;
  readonly name: string;
  /** Null: all limits of that name in the pool. */
  readonly key: string | null;
  readonly change: LimitChange;
  readonly author: string;
  readonly reason: string;
  /** Epoch ms. */
  readonly at: number;
  /** Epoch ms; null while it stands. */
  readonly endedAt: number | null;
  readonly endedBy: string | null;
}

export interface OverrideOrder {
  readonly pool: string;
  readonly name: string;
  readonly key: string | null;
  readonly author: string;
  readonly reason: string;
}

const COLUMNS = `id, pool, name, key, change, author, reason, at, ended_at as "endedAt", ended_by as "endedBy"`;

/** Rows that an override is of. */
const AFFECTED = `name = $2 and (key = $3 or $3 is null
  and (pool = $1 or key in (select limit_key from pool_limits where pool = $1)))`;

/** One at a time, in front of the limits' rows. */
const LOCK = `select pg_advisory_xact_lock(hashtextextended('limit overrides', 46))`;

/** What is not named in `change` stays as the override before had it. @returns it, and how many rows have it. */
export function overrideLimit(
  db: Pool,
  order: OverrideOrder,
  change: LimitChange,
): Promise<{ readonly override: LimitOverride; readonly rows: number }> {
  return inTransaction(db, async (client) => {
    await client.query(LOCK);
    const { rows: before } = await client.query<{ change: LimitChange }>(
      `update limit_overrides set ended_at = clock_timestamp(), ended_by = $4
       where pool = $1 and name = $2 and key is not distinct from $3 and ended_at is null returning change`,
      [order.pool, order.name, order.key, order.author],
    );
    const whole = { ...before[0]?.change, ...change };
    const { rows } = await client.query<LimitOverride>(
      `insert into limit_overrides (pool, name, key, change, author, reason)
       values ($1, $2, $3, $4, $5, $6) returning ${COLUMNS}`,
      [order.pool, order.name, order.key, jsonText(whole), order.author, order.reason],
    );
    const [override] = rows;
    if (override === undefined) throw new Error('an override was inserted and is not there');
    const applied = await apply(client, order);
    const { author: by, reason, name: limit, key } = order;
    await insertEvent(client, 'limit.changed', order.pool, { limit, key, change: whole, by, reason });
    return { override, rows: applied };
  });
}

/** Back to what the settings say. @returns how many rows; null when there was no override. */
export function resetOverride(db: Pool, order: OverrideOrder): Promise<number | null> {
  return inTransaction(db, async (client) => {
    await client.query(LOCK);
    const { rowCount } = await client.query(
      `update limit_overrides set ended_at = clock_timestamp(), ended_by = $4
       where pool = $1 and name = $2 and key is not distinct from $3 and ended_at is null`,
      [order.pool, order.name, order.key, order.author],
    );
    if (rowCount === 0) return null;
    const applied = await apply(client, order);
    const { author: by, reason, name: limit, key } = order;
    await insertEvent(client, 'limit.restored', order.pool, { limit, key, by, reason });
    return applied;
  });
}

/** The trigger puts what stands now over what the settings say. */
async function apply(client: Pick<Pool, 'query'>, { pool, name, key }: OverrideOrder): Promise<number> {
  await client.query(`select 1 from limits where ${AFFECTED} order by key for update`, [pool, name, key]);
  const { rowCount } = await client.query(
    `update limits set definition = definition, capacity = (definition ->> 'capacity')::float8,
       period_ms = (definition ->> 'period_ms')::float8, mode = definition ->> 'mode', source = definition ->> 'source',
       tat = case when kind = 'bucket' and tat > now_ms()
         then now_ms() + least((tat - now_ms()) / period_ms, (definition ->> 'capacity')::float8) * (definition ->> 'period_ms')::float8
         else tat end
     where ${AFFECTED}`,
    [pool, name, key],
  );
  return rowCount ?? 0;
}

/** Newest first. @param standing those alone that hold now. */
export async function listOverrides(
  db: Pool,
  {
    pool,
    name,
    standing,
  }: { readonly pool: string | null; readonly name: string | null; readonly standing: boolean },
): Promise<LimitOverride[]> {
  const { rows } = await db.query<LimitOverride>(
    `select ${COLUMNS} from limit_overrides
     where ($1::text is null or pool = $1) and ($2::text is null or name = $2) and (not $3 or ended_at is null)
     order by id desc limit 1000`,
    [pool, name, standing],
  );
  return rows;
}
