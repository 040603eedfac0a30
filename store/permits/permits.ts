/**
 * Permits in Postgres: registering limits, taking permits, and what comes back after a call (true-ups, learned
 * limits, rate backoffs). The database's clock alone decides; the arithmetic is in schema/permits/take_permits.sql.
 */

import type { Pool } from 'pg';
import { limitDefinition } from '../../quota/limits/definition';
import { type LimitInstance, type Priority, priorityOfRank, priorityRank } from '../../quota/limits/limit';
import type { PoolStateName } from '../../quota/pools/state';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';
import type { PermitRecord } from './outside-permits';

export interface PermitRequest {
  /** Pool key, or null for calls that no pool governs (a login). */
  readonly pool: string | null;
  readonly priority: Priority;
  readonly charges: readonly { readonly key: string; readonly units: number }[];
  /** Kept with the permit, in the same commit: see outside-permits.ts. */
  readonly record?: PermitRecord;
}

interface PermitBase {
  readonly poolState: PoolStateName;
  readonly epoch: number;
  /** The organization's epoch; 0 for a pool without one. */
  readonly organizationEpoch: number;
  /** Service failures in a row that the pool has counted: a success is worth reporting when it is not 0. */
  readonly failures: number;
  /** The database's clock at the decision, epoch ms. */
  readonly now: number;
}

export interface GrantedPermit extends PermitBase {
  readonly granted: true;
  /** Database time at which the call may leave, epoch ms; at most `leadMs` ahead of `now`. */
  readonly departAt: number;
  /** This call is the single probe of the half-open pool, or of its organization's. */
  readonly probe: boolean;
}

export interface DeniedPermit extends PermitBase {
  readonly granted: false;
  /** Database time to ask again; null when only an operator can end it; Infinity when it can never be granted. */
  readonly retryAt: number | null;
  /** `pool`, `probe`, or the key of the limit that binds. */
  readonly deniedBy: string;
  /** Key of the pool that denied it, which may be the organization's; null when a limit did. */
  readonly stoppedBy: string | null;
}

export type PermitDecision = GrantedPermit | DeniedPermit;

interface DecisionRow {
  idx: number;
  granted: boolean;
  depart_at: number | null;
  retry_at: number | null;
  denied_by: string | null;
  pool_state: PoolStateName;
  epoch: number;
  probe: boolean;
  failures: number;
  now: number;
  stopped_by?: string | null;
  organization_epoch?: number;
}

/**
 * Makes rows for limits that have none and updates those whose definition changed; keeps what they have counted. A limit
 * that several pools share stays the first one's, and is noted for each. What a newer generation of the settings has
 * written stays.
 * @param generation of the settings; null: only rows that are missing are made. See registerPool.
 */
export async function registerLimits(
  db: Pool,
  pool: string,
  limits: readonly LimitInstance[],
  generation: number | null = 0,
): Promise<void> {
  if (limits.length === 0) return;
  const rows = JSON.stringify(limits.map((l) => ({ key: l.key, pool, ...limitDefinition(l.template) })));
  const keys = limits.map((l) => l.key);
  await inTransaction(db, async (client) => {
    // Rows that are not there yet cannot be locked in any order: whoever makes some does so alone. Otherwise one would hold
    // a row that is there and wait for the one that another is making, who waits for the first.
    await client.query(
      `select pg_advisory_xact_lock(hashtextextended('new limits', 49))
       where (select count(*) from limits where key = any ($1)) < $2`,
      [keys, new Set(keys).size],
    );
    // Locked by a statement of its own: what the next one reads is then as of after the last permit. All of them, for
    // the insertion locks those that stay as they are, too, and everybody locks in the order of keys.
    await client.query('select 1 from limits where key = any ($1) order by key for update', [keys]);
    await client.query(
      `insert into limits as l (key, pool, name, unit, kind, capacity, period_ms, calendar_unit, zone, slack_ms,
                                share_background, share_scheduled, share_live, mode, source, definition, generation)
       select r ->> 'key', r ->> 'pool', r ->> 'name', r ->> 'unit', r ->> 'kind', (r ->> 'capacity')::float8,
              (r ->> 'period_ms')::float8, r ->> 'calendar_unit', r ->> 'zone', (r ->> 'slack_ms')::float8,
              (r ->> 'share_background')::float8, (r ->> 'share_scheduled')::float8,
              coalesce((r ->> 'share_live')::float8, 1), r ->> 'mode', r ->> 'source', r, coalesce($2, 0)
       from (select r from jsonb_array_elements($1::jsonb) r order by r ->> 'key') ordered
       on conflict (key) do update set
         name = excluded.name, unit = excluded.unit, kind = excluded.kind,
         capacity = excluded.capacity, period_ms = excluded.period_ms, calendar_unit = excluded.calendar_unit,
         zone = excluded.zone, slack_ms = excluded.slack_ms, share_background = excluded.share_background,
         share_scheduled = excluded.share_scheduled, share_live = excluded.share_live, mode = excluded.mode, source = excluded.source,
         definition = excluded.definition, generation = excluded.generation,
         -- A bucket keeps its level in units, as far as it holds them. A window of another kind is counted from what is logged, if anything.
         tat = case when l.kind <> excluded.kind then 0
                    when l.kind = 'bucket' and l.tat > now_ms()
                      then now_ms() + least((l.tat - now_ms()) / l.period_ms, excluded.capacity) * excluded.period_ms
                    else l.tat end,
         used = case when l.kind = excluded.kind then l.used
                     when excluded.kind = 'rolling'
                       then (select coalesce(sum(e.units), 0) from limit_events e where e.limit_id = l.id)
                     else 0 end,
         resets_at = case when l.kind = excluded.kind and l.calendar_unit is not distinct from excluded.calendar_unit
                           and l.zone is not distinct from excluded.zone then l.resets_at end
       where l.generation <= $2
         and (l.definition - 'pool' is distinct from excluded.definition - 'pool' or l.generation < $2)`,
      [rows, generation],
    );
    await client.query(
      `insert into pool_limits (pool, limit_key) select $1, k from unnest($2::text[]) k order by k
       on conflict do nothing`,
      [pool, limits.map((l) => l.key)],
    );
  });
}

/**
 * Decides a batch of requests in one round trip and one commit; each request is all-or-nothing.
 * @param leadMs permits may be given this long before they are due; the caller must depart at `departAt`.
 * @param expected what the database's clock should show, epoch ms; NaN when that is not known.
 * @throws an error with code SL003 when that clock shows something else: nothing is granted before moveClock.
 */
export async function takePermits(
  db: Pool,
  requests: readonly PermitRequest[],
  leadMs: number,
  expected = Number.NaN,
): Promise<PermitDecision[]> {
  const payload = requests.map(({ pool, priority, charges, record }) => ({
    ...{ pool, rank: priorityRank(priority), charges, record },
  }));
  const { rows } = await db.query<DecisionRow>({
    ...(requests.some(({ record }) => record !== undefined) ? TAKE_RECORDED : TAKE),
    values: [JSON.stringify(payload), leadMs, Number.isNaN(expected) ? null : expected],
  });
  const decisions: PermitDecision[] = new Array(requests.length);
  for (const row of rows) decisions[row.idx] = toDecision(row);
  return decisions;
}

const TAKE = {
  name: 'take_permits',
  text: 'select * from take_permits($1::jsonb, $2::float8, null, $3::float8)',
};
const TAKE_RECORDED = {
  name: 'take_recorded_permits',
  text: `with d as materialized (${TAKE.text}),
       kept as (
         insert into outside_permits as p (id, pool, terms, depart_at, expires_at, epoch, organization_epoch, probe, failures)
         select r.value #>> '{record,id}', r.value ->> 'pool', r.value #> '{record,terms}', d.depart_at,
                d.depart_at + (r.value #>> '{record,lifeMs}')::float8, d.epoch, d.organization_epoch, d.probe, d.failures
         from d join jsonb_array_elements($1::jsonb) with ordinality r on r.ordinality = d.idx + 1
         where d.granted and r.value -> 'record' is not null
         on conflict (id) do update set depart_at = excluded.depart_at, expires_at = excluded.expires_at,
           epoch = excluded.epoch, organization_epoch = excluded.organization_epoch, probe = excluded.probe,
           failures = excluded.failures)
       select * from d`,
};

/** The shape of a decision row; exported for the model-based tests, which call the function with a time. */
export function toDecision(row: DecisionRow): PermitDecision {
  const base = {
    poolState: row.pool_state,
    epoch: row.epoch,
    organizationEpoch: row.organization_epoch ?? 0,
    failures: row.failures,
    now: row.now,
  };
  return row.granted
    ? { ...base, granted: true, departAt: row.depart_at ?? row.now, probe: row.probe }
    : {
        ...base,
        granted: false,
        retryAt: row.retry_at,
        deniedBy: row.denied_by ?? 'pool',
        stoppedBy: row.stopped_by ?? null,
      };
}

export interface LearnedState {
  readonly key: string;
  readonly ratePerSecond?: number;
  readonly capacity?: number;
  readonly remaining?: number;
  readonly resetMs?: number;
  /**
   * Departure of the call that was answered, epoch ms: a remaining of a calendar window that has turned since is
   * ignored. Default: now.
   */
  readonly asOf?: number;
}

/**
 * Takes over what headers announce. A limit set by hand in settings is only ever lowered; one from the vendor's
 * table is replaced. A lower remaining wins over our count, a higher one is ignored. A new size is reported to operators.
 * @returns true when the limit's size (not merely its level) changed.
 */
export async function learnLimit(db: Pool, learned: LearnedState): Promise<boolean> {
  const { rows } = await db.query<{ changed: boolean }>(
    'select learn_limit($1, $2, $3, $4, $5, $6) as changed',
    [
      learned.key,
      learned.ratePerSecond ?? null,
      learned.capacity ?? null,
      learned.remaining ?? null,
      learned.resetMs ?? null,
      learned.asOf ?? null,
    ],
  );
  const changed = rows[0]?.changed ?? false;
  if (changed) {
    const { rows: sizes } = await db.query<{ pool: string; capacity: number; rate: number | null }>(
      `select pool, capacity, case kind when 'bucket' then 1000 / period_ms end as rate from limits where key = $1`,
      [learned.key],
    );
    for (const { pool, capacity, rate } of sizes) {
      const size = { capacity, ...(rate === null ? {} : { ratePerSecond: rate }) };
      await insertEvent(db, 'limit.learned', pool, { limit: learned.key, ...size });
    }
  }
  return changed;
}

/** One limit as people and programs see it. */
export interface LimitStatus {
  readonly key: string;
  /** Keys of all pools that it holds for. */
  readonly pools: readonly string[];
  readonly name: string;
  readonly unit: 'calls' | 'tokens';
  readonly kind: 'bucket' | 'rolling' | 'calendar' | 'vendor';
  /** Burst or count. */
  readonly limit: number;
  readonly used: number;
  readonly left: number;
  /** Epoch ms at which it is full again; null when it is, or when only the vendor knows. */
  readonly resetsAt: number | null;
  /** Epoch ms before which no call of it leaves, as the vendor stated; null when it does not wait. */
  readonly blockedUntil: number | null;
  /** Epoch ms since when it does; null when it does not wait. */
  readonly blockedSince: number | null;
  /** The answer that began that wait; empty without one. */
  readonly blockedReason: string;
  readonly source: string;
  readonly mode: 'enforce' | 'shadow';
  readonly ratePerSecond: number | null;
  /** Units a second, where refusals have lowered that below what is announced; null or left out where they have not. */
  readonly loweredRate?: number | null;
  /** Units that are kept for more important work. */
  readonly kept?: number;
  /** Priority of calls that wait for it and are served before others; null or left out where there are none. */
  readonly claimedBy?: Priority | null;
  readonly periodMs: number | null;
  readonly grantedCalls: number;
  readonly grantedUnits: number;
  readonly shadowOver: number;
  /** Left out unless an operator has changed it while everything runs (limit-overrides.ts); `at` is ISO 8601. */
  readonly override?: { readonly author: string; readonly reason: string; readonly at: string };
}

/** Limits of one pool (or all), those that it shares with others included, as they stand at the database's time. */
export async function listLimits(db: Pool, pool?: string): Promise<LimitStatus[]> {
  const { rows } = await db.query(
    `select key, array(select p.pool from pool_limits p where p.limit_key = s.key order by 1) as pools, name, unit, kind,
            capacity, used, resets_at, blocked_until, source, mode, ratio_period, granted_calls, granted_units,
            shadow_over, blocked_reason, blocked_since, lowered_rate, override, kept, claimed_by
     from limit_status s
     where $1::text is null or key in (select limit_key from pool_limits where pool = $1) order by key`,
    [pool ?? null],
  );
  return rows.map((r) => ({
    key: r.key,
    pools: r.pools,
    name: r.name,
    unit: r.unit,
    kind: r.kind,
    limit: r.capacity,
    used: r.used,
    left: Math.max(0, r.capacity - r.used),
    resetsAt: r.resets_at,
    blockedUntil: r.blocked_until,
    blockedSince: r.blocked_since,
    blockedReason: r.blocked_reason,
    source: r.source,
    mode: r.mode,
    ratePerSecond: r.kind === 'bucket' ? 1000 / r.ratio_period : null,
    loweredRate: r.lowered_rate,
    kept: r.kept,
    claimedBy: priorityOfRank(r.claimed_by),
    periodMs: r.ratio_period,
    grantedCalls: r.granted_calls,
    grantedUnits: r.granted_units,
    shadowOver: r.shadow_over,
    ...(r.override === null
      ? {}
      : { override: { author: r.override.author, reason: r.override.reason, at: r.override.at } }),
  }));
}

/**
 * Moves a granted permit whose time has passed unused to a new departure, `aheadMs` or more from the database's now.
 * @param pool the pool and epochs it was granted under; null for a permit that no pool governs.
 * @param withinMs the call may leave as much later than the new departure, and is booked at the end of that span.
 * @returns the new departure, or null when the permit is spent and another must be taken: its place was given to
 * others, a limit waits, or the pool's state is another.
 */
export async function restampPermit(
  db: Pool,
  charges: PermitRequest['charges'],
  grantedAt: number,
  aheadMs: number,
  pool: { readonly key: string; readonly epoch: number; readonly organizationEpoch?: number } | null = null,
  withinMs = 0,
): Promise<number | null> {
  const { rows } = await db.query<{ later: number | null }>(
    'select restamp_permit($1::text[], $2::float8[], $3, $4, $5, $6, null, $7, $8) as later',
    [
      charges.map((c) => c.key),
      charges.map((c) => c.units),
      grantedAt,
      aheadMs,
      pool?.key ?? null,
      pool?.epoch ?? null,
      pool?.organizationEpoch ?? null,
      withinMs,
    ],
  );
  return rows[0]?.later ?? null;
}

/**
 * Gives back what a permit for `grantedAt` has taken of windows that count: it is certain that its call was not sent.
 * Windows that have turned since, and buckets, which refill by themselves, are left.
 */
export async function returnUnused(
  db: Pool,
  charges: PermitRequest['charges'],
  grantedAt: number,
): Promise<void> {
  await db.query('select return_unused($1::text[], $2::float8[], $3)', [
    charges.map((c) => c.key),
    charges.map((c) => c.units),
    grantedAt,
  ]);
}

/** Informs the limits that a call granted for `grantedAt` may have arrived as late as `arrivedAt`, epoch ms. */
export async function reportLateArrival(
  db: Pool,
  charges: PermitRequest['charges'],
  grantedAt: number,
  arrivedAt: number,
): Promise<void> {
  await db.query('select late_arrival($1::text[], $2::float8[], $3, $4)', [
    charges.map((c) => c.key),
    charges.map((c) => c.units),
    grantedAt,
    arrivedAt,
  ]);
}

/**
 * Moves every time that is waited for with the database's clock, which was seen to step. Of several processes that have
 * seen the same step, one does it.
 * @param lastGood until when the clock was right, on the clock as it was, epoch ms.
 */
export async function moveClock(
  db: Pool,
  { step, lastGood }: { readonly step: number; readonly lastGood: number },
): Promise<void> {
  await db.query('select clock_stepped($1, $2)', [step, lastGood]);
}
