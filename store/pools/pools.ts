/**
 * Pools in Postgres: the block that every caller meets. Transitions are the pure ones of quota/pools/pool.ts, applied
 * under a lock, so that a 429 stops all workers at their next permit even when Temporal is down.
 */
import type { Pool, PoolClient } from 'pg';
import type { CallKind } from '../../quota/pools/narrow-refusal';
import { isBlocked, transition } from '../../quota/pools/pool';
import type {
  HoldCause,
  PoolEvent,
  PoolOrganization,
  PoolPolicy,
  PoolState,
  PoolStateName,
} from '../../quota/pools/state';
import type { Evidence } from '../../quota/verdict';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';
import { clearKindStops } from '../permits/call-kinds';
import { unregisteredPool } from '../permits/permit-errors';
import { GRANT_FINGERPRINT } from '../secrets/grants';
import { jsonText } from '../storable';

interface PoolRow {
  key: string;
  state: PoolStateName;
  until_ms: number | null;
  since_ms: number;
  reason: string;
  strikes: number;
  failures: number;
  epoch: number;
  evidence: Evidence | null;
  hint: string | null;
  cause: HoldCause | null;
  short_waits: number;
  probe_until: number;
  policy: PoolPolicy;
}

export interface PoolRecord {
  readonly key: string;
  readonly state: PoolState;
  readonly policy: PoolPolicy;
  /** Epoch ms until which the probe that has left is waited for; null while none has. */
  readonly probeUntil: number | null;
}

const COLUMNS =
  'key, state, until_ms, since_ms, reason, strikes, failures, epoch, evidence, hint, cause, short_waits, probe_until, policy';

/**
 * Makes the pool's row if there is none, and brings its policy and organization up to date, unless a newer generation of
 * the settings has written them. Never changes its state.
 * @param organization what it is stopped with; null for none, undefined to leave that as it is.
 * @param generation of the settings, see settings-generations.ts; null for a process that has no say in what stands, such
 * as the command line: then only rows that are missing are made.
 */
export async function registerPool(
  db: Pool,
  key: string,
  policy: PoolPolicy,
  organization?: PoolOrganization | null,
  generation: number | null = 0,
): Promise<void> {
  // Before the pool's own: one never names an organization that is not there.
  if (organization) await registerPool(db, organization.key, organization.policy, undefined, generation);
  await db.query(
    `insert into pools as p (key, policy, since_ms, organization, generation)
     values ($1, $2, now_ms(), $3, coalesce($5, 0))
     on conflict (key) do update set policy = excluded.policy, generation = excluded.generation,
       organization = case when $4 then excluded.organization else p.organization end
     where p.generation <= $5 and (p.policy, p.generation) is distinct from (excluded.policy, excluded.generation)
        or p.generation <= $5 and $4 and p.organization is distinct from excluded.organization`,
    [key, jsonText(policy), organization?.key ?? null, organization !== undefined, generation],
  );
}

/** A pool's record and its organization's, as far as they have rows: whichever stops it, `stopping` of the two says. */
export async function readStoppingPools(db: Pool, key: string): Promise<PoolRecord[]> {
  const { rows } = await db.query<PoolRow>(
    `select ${COLUMNS} from pools
     where key = $1 or key = (select organization from pools where key = $1) order by key`,
    [key],
  );
  return rows.map(toRecord);
}

/** Key of the organization that stops this pool with others, as it stands; undefined for a pool without a row. */
export async function organizationOfPool(db: Pool, key: string): Promise<string | null | undefined> {
  const { rows } = await db.query<{ organization: string | null }>(
    'select organization from pools where key = $1',
    [key],
  );
  return rows[0]?.organization;
}

/** Those of these pools that have a row. */
export async function readPools(db: Pool, keys: readonly string[]): Promise<PoolRecord[]> {
  const { rows } = await db.query<PoolRow>(`select ${COLUMNS} from pools where key = any ($1) order by key`, [
    keys,
  ]);
  return rows.map(toRecord);
}

/** Keys of the pools that an organization's limit stops, as far as they have been used. */
export async function poolsOf(db: Pool, organization: string): Promise<string[]> {
  const { rows } = await db.query<{ key: string }>(
    'select key from pools where organization = $1 order by key',
    [organization],
  );
  return rows.map(({ key }) => key);
}

export async function readPool(db: Pool, key: string): Promise<PoolRecord | null> {
  const { rows } = await db.query<PoolRow>(`select ${COLUMNS} from pools where key = $1`, [key]);
  return rows[0] ? toRecord(rows[0]) : null;
}

/** Epoch ms until which a half-open pool's probe is waited for; null when none is out. */
export async function readProbe(db: Pool, key: string): Promise<number | null> {
  const { rows } = await db.query<{ probe_until: number }>(
    `select probe_until from pools where key = $1 and state = 'half_open' and probe_until > now_ms()`,
    [key],
  );
  return rows[0]?.probe_until ?? null;
}

export interface PoolChange {
  readonly before: PoolState;
  readonly after: PoolState;
  /** True when the state, its end or its reason changed: worth reporting to the workflow and the log. */
  readonly changed: boolean;
  /** Kinds of calls that a resume lets be tried again, which were stopped for themselves. */
  readonly freed: readonly CallKind[];
}

/**
 * Applies one event in a transaction of its own. Concurrent events are serialised by the row's lock; late ones are
 * recognised by their epoch. Takers that decided before the lock are in flight; those after see the new state.
 * @throws Error when the pool is not registered.
 */
export async function applyPoolEvent(db: Pool, key: string, event: PoolEvent): Promise<PoolChange> {
  return inTransaction(db, async (client) => {
    const row = await lockPool(client, key);
    const before = toRecord(row).state;
    const after = transition(before, event, row.policy, row.now);
    if (after !== before) await writeState(client, key, after);
    const isOrdered = event.type === 'resume' && before.state !== 'half_open';
    const freed = isOrdered ? await vouchFor(client, key, before) : [];
    const changed =
      after.state !== before.state || after.until !== before.until || after.reason !== before.reason;
    if (changed) {
      await insertEvent(client, `pool.${after.state}`, key, {
        from: before.state,
        cause: event.type,
        until: after.until,
        reason: after.reason,
        strikes: after.strikes,
        evidence: after.evidence,
        hint: after.hint,
      });
    }
    return { before, after, changed, freed };
  });
}

/**
 * Whoever resumes vouches for the account: what it was refused for may be tried, with a token of its own. A pool that was
 * open, and whose calls had access, keeps its token, for this may be the same order for the second time; so does one that somebody has logged in to
 * since it was held.
 */
async function vouchFor(client: PoolClient, key: string, before: PoolState): Promise<readonly CallKind[]> {
  const freed = await clearKindStops(client, key);
  if (before.state === 'closed' && freed.every(({ refusedFor }) => refusedFor !== 'access')) return freed;
  await client.query(
    `update tokens set refused_reason = null, refused_at = null, key_id = null, nonce = null, ciphertext = null,
       expires_at = null
     where account = $1 and (lease_until is null or lease_until < clock_timestamp())
       and not (fingerprint = $3 and refused_reason is null and updated_at >= to_timestamp($2::float8 / 1000))`,
    [key, before.since, GRANT_FINGERPRINT],
  );
  return freed;
}

/**
 * Writes back a state that the pool workflow remembers when Postgres has lost it. The stronger block wins: a
 * running pause in Postgres is never replaced by an earlier end. A row that only waits for the workflow's state takes it as it is.
 * @returns the state that now holds.
 */
export async function restorePool(
  db: Pool,
  key: string,
  remembered: PoolState,
  policy: PoolPolicy,
): Promise<PoolState> {
  await registerPool(db, key, policy, undefined, null);
  return inTransaction(db, async (client) => {
    const row = await lockPool(client, key);
    const stored = toRecord(row).state;
    const behind = stored.epoch < remembered.epoch;
    const awaited = stored.state === 'held' && stored.cause === 'lost-row';
    if (!behind || !(awaited || isBlocked(remembered, row.now))) return stored;
    // What was learned since the loss may be the longer block; it gets the epoch that follows what is remembered.
    const longer = !awaited && isBlocked(stored, row.now) && endOf(stored) > endOf(remembered);
    const restored = longer ? { ...stored, epoch: remembered.epoch + 1 } : remembered;
    await writeState(client, key, restored);
    return restored;
  });
}

/**
 * The pool's row, locked, with the database's time. The advisory lock comes first: takers hold it shared, so a block
 * waits for those who decided before it and stops those after.
 */
async function lockPool(client: PoolClient, key: string): Promise<PoolRow & { readonly now: number }> {
  await client.query('select pg_advisory_xact_lock(hashtextextended($1, 41))', [key]);
  const { rows } = await client.query<PoolRow & { now: number }>(
    `select ${COLUMNS}, now_ms() as now from pools where key = $1 for update`,
    [key],
  );
  const row = rows[0];
  if (!row) throw unregisteredPool(key);
  return row;
}

/** Epoch ms at which a block ends by itself. */
function endOf(state: PoolState): number {
  return state.until ?? Number.POSITIVE_INFINITY;
}

async function writeState(client: PoolClient, key: string, s: PoolState): Promise<void> {
  await client.query(
    `update pools set state = $2, until_ms = $3, since_ms = $4, reason = $5, strikes = $6, failures = $7,
            epoch = $8, evidence = $9, hint = $10, cause = $11, short_waits = $12, probe_until = 0 where key = $1`,
    [
      key,
      s.state,
      s.until,
      s.since,
      s.reason,
      s.strikes,
      s.failures,
      s.epoch,
      s.evidence === null ? null : jsonText(s.evidence),
      s.hint,
      s.cause ?? null,
      s.shortWaits ?? 0,
    ],
  );
}

function toRecord(row: PoolRow): PoolRecord {
  return {
    key: row.key,
    policy: row.policy,
    probeUntil: row.state === 'half_open' && row.probe_until > 0 ? row.probe_until : null,
    state: {
      state: row.state,
      until: row.until_ms,
      since: row.since_ms,
      reason: row.reason,
      strikes: row.strikes,
      failures: row.failures,
      epoch: row.epoch,
      evidence: row.evidence,
      hint: row.hint,
      ...(row.cause === null ? {} : { cause: row.cause }),
      ...(row.short_waits === 0 ? {} : { shortWaits: row.short_waits }),
    },
  };
}

const LOST_ROW = 'its row was lost: waiting for what its workflow remembers';

/** More than a workflow task takes whose worker has just died, ms. */
const LOST_ROW_HOLD_MS = 30_000;

/**
 * Makes the row of a pool that has been lost, held until its workflow has spoken, or half a minute when it does not;
 * one that is there is left as it is.
 * @returns the state that now holds.
 */
export async function holdLostPool(db: Pool, key: string, policy: PoolPolicy): Promise<PoolState> {
  await db.query(
    `insert into pools (key, policy, state, since_ms, until_ms, reason, cause)
     values ($1, $2, 'held', now_ms(), now_ms() + $3::float8, $4, 'lost-row')
     on conflict (key) do nothing`,
    [key, jsonText(policy), LOST_ROW_HOLD_MS, LOST_ROW],
  );
  const record = await readPool(db, key);
  if (!record) throw new Error(`pool "${key}" vanished while it was made`);
  return record.state;
}

/**
 * Lets another probe go: the answer to the one that was out said nothing about the pool (its token was refused, say), nor about its
 * organization.
 */
export async function releaseProbe(
  db: Pool,
  key: string,
  epoch: number,
  organizationEpoch: number | null = null,
): Promise<void> {
  await db.query(
    // In the order of keys, as takers lock them.
    `with released as materialized (
       select key from pools
       where (key = $1 and epoch = $2) or (epoch = $3 and key = (select organization from pools where key = $1))
       order by key for update)
     update pools p set probe_until = 0 from released r where p.key = r.key`,
    [key, epoch, organizationEpoch],
  );
}
