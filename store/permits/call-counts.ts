/**
 * Calls by minute, operation, caller and verdict: "who spent what". Buffered; a crash loses at most a second's. How long
 * they are kept: prune.ts.
 */
import type { Pool } from 'pg';
import { MINUTE_MS } from '../../quota/durations';
import type { VerdictKind } from '../../quota/verdict';

interface Counted {
  readonly pool: string;
  readonly minute: number;
  readonly operation: string;
  readonly caller: string;
  readonly verdict: string;
  calls: number;
}

export class CallCounter {
  private counts = new Map<string, Counted>();
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly db: Pool,
    private readonly onError: (error: unknown) => void = () => undefined,
  ) {}

  count(pool: string, operation: string, caller: string, verdict: string): void {
    const minute = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
    const id = JSON.stringify([pool, minute, operation, caller, verdict]);
    const entry = this.counts.get(id) ?? { pool, minute, operation, caller, verdict, calls: 0 };
    entry.calls++;
    this.counts.set(id, entry);
    this.timer ??= setTimeout(() => {
      void this.flush().catch(this.onError);
    }, 1000).unref();
  }

  /** Writes what has been counted. Called by itself every second, and at shutdown. */
  async flush(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    const rows = [...this.counts.values()];
    this.counts = new Map();
    if (rows.length === 0) return;
    await this.db.query(
      `insert into call_counts as c (pool, minute, operation, caller, verdict, calls)
       select r ->> 'pool', to_timestamp((r ->> 'minute')::float8 / 1000), r ->> 'operation', r ->> 'caller',
              r ->> 'verdict', (r ->> 'calls')::bigint
       from (select r from jsonb_array_elements($1::jsonb) r order by r::text) ordered
       on conflict (pool, minute, operation, caller, verdict) do update set calls = c.calls + excluded.calls`,
      [JSON.stringify(rows)],
    );
  }
}

export interface CallCount {
  readonly operation: string;
  readonly caller: string;
  readonly verdict: string;
  readonly calls: number;
}

/** Calls of a pool since `sinceMs` (epoch ms), by operation, caller and verdict. */
export async function readCallCounts(db: Pool, pool: string, sinceMs: number): Promise<CallCount[]> {
  const { rows } = await db.query<CallCount>(
    `select operation, caller, verdict, sum(calls)::int8 as calls from call_counts
     where pool = $1 and minute >= to_timestamp($2::float8 / 1000)
     group by 1, 2, 3 order by 1, 2, 3`,
    [pool, sinceMs],
  );
  return rows;
}

/** Calls of a pool that ended with this verdict, as far back as counts are kept. */
export async function countCalls(db: Pool, pool: string, verdict: VerdictKind): Promise<number> {
  const { rows } = await db.query<{ calls: number }>(
    `select coalesce(sum(calls), 0)::int8 as calls from call_counts where pool = $1 and verdict = $2`,
    [pool, verdict],
  );
  return Number(rows[0]?.calls ?? 0);
}

export interface MinuteCount {
  readonly pool: string;
  /** Start of the minute, epoch ms. */
  readonly minute: number;
  readonly operation: string;
  readonly caller: string;
  readonly calls: number;
}

/** Calls of some pools minute by minute, from the minute that holds `sinceMs` (epoch ms) on. */
export async function readMinuteCounts(
  db: Pool,
  pools: readonly string[],
  sinceMs: number,
): Promise<MinuteCount[]> {
  const { rows } = await db.query<MinuteCount>(
    `select pool, minute, operation, caller, sum(calls)::int8 as calls from call_counts
     where pool = any ($1) and minute >= date_trunc('minute', to_timestamp($2::float8 / 1000))
     group by 1, 2, 3, 4 order by 2, 1, 3, 4`,
    [pools, sinceMs],
  );
  return rows;
}

export interface CallTotals {
  readonly pool: string;
  readonly verdict: string;
  readonly calls: number;
}

/** All calls that are kept, by pool and verdict. */
export async function readCallTotals(db: Pool): Promise<CallTotals[]> {
  const { rows } = await db.query<CallTotals>(
    'select pool, verdict, sum(calls)::int8 as calls from call_counts group by 1, 2 order by 1, 2',
  );
  return rows;
}
