/**
 * Claims of items by lease. A page (one activity) claims items and renews its leases while it runs. Leases of a page
 * that died expire, and its items are claimed again.
 */
import type { Pool } from 'pg';
import type { PutBack } from '../../quota/batches/alike';
import { PUT_BACK } from './alike';

export interface ClaimedItem {
  readonly seq: number;
  readonly externalId: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Calls for it that the vendor has failed so far. */
  readonly attempts: number;
  /** Null unless it was put back and not called since. */
  readonly putBack: PutBack | null;
}

/**
 * Up to `count` items for a page: those of a dead page first, then fresh ones in the input's order, then retries that
 * are due. Empty when the batch does not run.
 */
export async function claimItems(
  db: Pool,
  batchId: number,
  owner: string,
  count: number,
  leaseMs: number,
): Promise<ClaimedItem[]> {
  const { rows } = await db.query<ClaimedItem>({
    name: 'claim_batch_items',
    text: `with wanted as materialized (
         select case when state = 'running' and via = 'responses' then $3::int else 0 end as n
         from batches where id = $1
       ), expired as materialized (
         -- A lease that ends later than any does was taken before the clock went back.
         select seq from batch_items where batch_id = $1 and state = 'running'
           and not lease_until between clock_timestamp() and clock_timestamp() + $4::float8 * interval '2 milliseconds'
         order by lease_until limit (select n from wanted) for update skip locked
       ), fresh as materialized (
         select seq from batch_items where batch_id = $1 and state = 'pending'
         order by seq limit (select n from wanted) - (select count(*) from expired) for update skip locked
       ), again as materialized (
         select seq from batch_items where batch_id = $1 and state = 'retry' and next_attempt_at <= clock_timestamp()
         order by next_attempt_at, seq
         limit (select n from wanted) - (select count(*) from expired) - (select count(*) from fresh)
         for update skip locked
       ), taken as (
         select seq, 0 as rank from expired union all select seq, 1 from fresh union all select seq, 2 from again
       ), claimed as (
         update batch_items i set state = 'running', lease_owner = $2,
           lease_until = clock_timestamp() + $4::float8 * interval '1 millisecond'
         from taken where i.batch_id = $1 and i.seq = taken.seq
         returning i.seq, i.external_id, i.variables, i.attempts, taken.rank, ${PUT_BACK}
       )
       select seq, external_id as "externalId", variables, attempts, "putBack" from claimed order by rank, seq`,
    values: [batchId, count > 0 ? owner : '', Math.max(0, count), leaseMs],
  });
  return rows;
}

/** @returns how many items the page still holds. */
export async function renewLeases(
  db: Pool,
  batchId: number,
  owner: string,
  leaseMs: number,
): Promise<number> {
  const { rowCount } = await db.query(
    // Here and below: several items are locked in the order of their numbers, or two writers wait for each other.
    `with held as materialized (
       select seq from batch_items where batch_id = $1 and state = 'running' and lease_owner = $2
       order by seq for update)
     update batch_items i set lease_until = clock_timestamp() + $3::float8 * interval '1 millisecond'
     from held where i.batch_id = $1 and i.seq = held.seq`,
    [batchId, owner, leaseMs],
  );
  return rowCount ?? 0;
}

/** Of pages that are known to be dead, all of them. */
export async function endItemLeases(db: Pool): Promise<void> {
  await db.query(
    `update batch_items set lease_until = clock_timestamp() where state = 'running' and lease_owner is not null`,
  );
}
