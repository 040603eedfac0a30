/**
 * Permits of programs outside: a row each, from the grant (store/permits/permits.ts writes it with the permit, in one
 * commit) until an hour after its time. So any process can take the outcome, the same outcome twice is answered alike, and
 * a permit whose outcome never comes is reported.
 */
import type { Pool } from 'pg';
import { HOUR_MS } from '../../quota/durations';
import type { Priority } from '../../quota/limits/limit';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';
import { releaseProbe } from '../pools/pools';
import { jsonText } from '../storable';

/** What the call is, as its outcome is judged by. */
export interface OutsideTerms {
  readonly account: string;
  readonly operation: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly tokens: number;
  readonly priority: Priority;
  readonly caller: string;
}

/** What is kept of a permit when it is granted. */
export interface PermitRecord {
  readonly id: string;
  /** From the departure until its outcome is missed, ms. */
  readonly lifeMs: number;
  readonly terms: OutsideTerms;
}

export interface OutsidePermit {
  readonly id: string;
  readonly pool: string | null;
  readonly terms: OutsideTerms;
  readonly departAt: number;
  readonly expiresAt: number;
  readonly epoch: number;
  readonly organizationEpoch: number;
  readonly probe: boolean;
  readonly failures: number;
}

/** What has become of a permit whose outcome somebody wants to report. */
export type Claim =
  /** Apply it. `again`: somebody began to, and did not end. `now` is the database's time. */
  | { readonly kind: 'yours'; readonly permit: OutsidePermit; readonly again: boolean; readonly now: number }
  | {
      readonly kind: 'answered';
      readonly digest: string;
      readonly answer: unknown;
      readonly terms: OutsideTerms;
    }
  /** Somebody else applies it. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'unknown' };

/** Whoever has not applied an outcome within this has died over it, ms. */
const LEASE_MS = 10_000;
/** How long after its time an outcome may still be reported, or read again, ms. */
export const KEPT_MS = HOUR_MS;

interface ClaimRow extends OutsidePermit {
  readonly claimedAt: number | null;
  readonly digest: string | null;
  readonly answer: unknown;
  readonly mine: boolean;
  readonly now: number;
}

export async function claimOutcome(db: Pool, id: string, digest: string): Promise<Claim> {
  const { rows } = await db.query<ClaimRow>({
    name: 'claim_outcome',
    text: `with p as materialized (select *, now_ms() as now from outside_permits where id = $1 for update),
         mine as (update outside_permits t set claimed_at = p.now, digest = $2 from p
                  where t.id = p.id and p.answer is null
                    and (p.claimed_at is null or not p.claimed_at between p.now - $3::float8 and p.now + $3::float8)
                  returning 1)
       select id, pool, terms, depart_at as "departAt", expires_at as "expiresAt", epoch,
              organization_epoch as "organizationEpoch", probe, failures, claimed_at as "claimedAt", digest, answer,
              exists (select from mine) as mine, now
       from p`,
    values: [id, digest, LEASE_MS],
  });
  const [row] = rows;
  if (row === undefined) return { kind: 'unknown' };
  const { claimedAt, digest: reported, answer, mine, now, ...permit } = row;
  if (mine) return { kind: 'yours', permit, again: claimedAt !== null, now };
  if (answer !== null && reported !== null)
    return { kind: 'answered', digest: reported, answer, terms: permit.terms };
  return { kind: 'busy' };
}

/** The outcome is applied: the same one again gets the same answer. */
export async function keepAnswer(db: Pool, id: string, answer: object): Promise<void> {
  await db.query({
    name: 'keep_outcome',
    text: 'update outside_permits set answer = $2 where id = $1',
    values: [id, jsonText(answer)],
  });
}

/** It could not be applied, Postgres being away in between say: the next to report it may try again. */
export async function dropClaim(db: Pool, id: string): Promise<void> {
  await db.query('update outside_permits set claimed_at = null where id = $1 and answer is null', [id]);
}

/** The call leaves at another time than it was granted for. */
export async function moveOutsidePermit(db: Pool, id: string, departAt: number): Promise<void> {
  await db.query(
    'update outside_permits set expires_at = expires_at + $2 - depart_at, depart_at = $2 where id = $1',
    [id, departAt],
  );
}

/** Nobody was given it. */
export async function forgetOutsidePermit(db: Pool, id: string): Promise<void> {
  await db.query('delete from outside_permits where id = $1 and answer is null', [id]);
}

const SWEEP = 1000;

interface Unreported {
  readonly pool: string | null;
  readonly account: string;
  readonly operation: string;
  readonly caller: string;
  readonly permits: number;
  readonly departedAt: number;
  readonly probes: readonly Pick<OutsidePermit, 'epoch' | 'organizationEpoch'>[];
}

/**
 * Reports permits whose outcome has not come in their time, each once, lets other probes go in place of theirs, and deletes
 * permits that are long over. @returns how many were reported.
 */
export async function sweepOutsidePermits(db: Pool): Promise<number> {
  const unreported = await inTransaction(db, async (client) => {
    const { rows } = await client.query<Unreported>(
      `with late as materialized (
         select id from outside_permits
         where expires_at < now_ms() and answer is null and missed_at is null
           and (claimed_at is null or claimed_at < now_ms() - $2::float8)
         order by expires_at limit $1 for update skip locked),
       reported as (update outside_permits p set missed_at = now_ms() from late where p.id = late.id returning p.*)
       select pool, terms ->> 'account' as account, terms ->> 'operation' as operation, terms ->> 'caller' as caller,
              count(*)::int4 as permits, max(depart_at) as "departedAt",
              coalesce(jsonb_agg(jsonb_build_object('epoch', epoch, 'organizationEpoch', organization_epoch))
                       filter (where probe), '[]') as probes
       from reported group by 1, 2, 3, 4 order by 1, 2, 3, 4`,
      [SWEEP, LEASE_MS],
    );
    await client.query(
      `delete from outside_permits where id = any (array(
         select id from outside_permits where expires_at < now_ms() - $2::float8 and (answer is not null or missed_at is not null)
         order by expires_at limit $1 for update skip locked))`,
      [10 * SWEEP, KEPT_MS],
    );
    for (const { pool, probes: _, ...data } of rows)
      await insertEvent(client, 'permit.unreported', pool, data);
    return rows;
  });
  for (const { pool, probes } of unreported) {
    if (pool === null) continue;
    for (const { epoch, organizationEpoch } of probes) {
      await releaseProbe(db, pool, epoch, organizationEpoch);
    }
  }
  return unreported.reduce((sum, { permits }) => sum + permits, 0);
}
