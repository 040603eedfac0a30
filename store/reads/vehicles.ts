/** Vehicles of accounts, as their vendors list them. */
import type { Pool, PoolClient } from 'pg';
import type { Vehicle } from '../../vendors/capabilities/vehicles';
import { inTransaction } from '../db';
import { jsonText } from '../storable';
import type { AnswerAge } from './answers';
import type { ReadKey, ReadLease } from './reads';

export interface StoredVehicle extends Vehicle {
  readonly account: string;
  /** When the vendor last listed it, epoch ms. */
  readonly listedAt: number;
}

/** Those that the vendor lists, in order of account and id. @param accounts whose. */
export async function storedVehicles(
  db: Pool,
  accounts: readonly string[],
): Promise<readonly StoredVehicle[]> {
  const { rows } = await db.query<StoredVehicle>(
    `select account, vehicle_id as "vehicleId", name, brand, model, drive_train as "driveTrain", readable, details,
            listed_at as "listedAt"
     from vehicles where account = any ($1::text[]) and removed_at is null
     order by account collate "C", vehicle_id collate "C"`,
    [accounts],
  );
  return rows;
}

/**
 * Stores the vendor's list, and gives the lease back. What it no longer holds is marked as removed. A newer list that is there
 * stays.
 */
export async function storeVehicles(
  db: Pool,
  lease: ReadLease,
  account: string,
  vehicles: readonly Vehicle[],
  requestId: string | null,
  { answeredMs }: Pick<AnswerAge, 'answeredMs'>,
): Promise<void> {
  await inTransaction(db, async (client) => {
    const { rowCount } = await client.query(
      `update reads set answered_at = clock_timestamp() - $3::float8 * interval '1 ms', source = 'call', request_id = $2,
         failures = 0, failure = null, failed_at = null, retry_at = null
       where id = $1 and coalesce(answered_at <= clock_timestamp() - $3::float8 * interval '1 ms', true)`,
      [lease.id, requestId, answeredMs],
    );
    if (rowCount === 1) await writeVehicles(client, account, vehicles);
    await client.query(
      'update reads set lease_owner = null, lease_until = null where id = $1 and lease_owner = $2',
      [lease.id, lease.owner],
    );
  });
}

/**
 * A list that something else has brought, a sync say: it is as old as that. Left alone when a newer one is there.
 * @param at when it was had, epoch ms.
 */
export async function takeOverVehicles(
  db: Pool,
  readId: number,
  account: string,
  vehicles: readonly Vehicle[],
  at: number,
): Promise<void> {
  await inTransaction(db, async (client) => {
    const { rowCount } = await client.query(
      `update reads set answered_at = to_timestamp($2::float8 / 1000), source = 'live', request_id = null
       where id = $1 and (answered_at is null or answered_at < to_timestamp($2::float8 / 1000))`,
      [readId, at],
    );
    if (rowCount === 1) await writeVehicles(client, account, vehicles);
  });
}

async function writeVehicles(
  client: PoolClient,
  account: string,
  vehicles: readonly Vehicle[],
): Promise<void> {
  const known = [...new Map(vehicles.map((vehicle) => [vehicle.vehicleId, vehicle])).values()];
  await client.query(
    `insert into vehicles as v (account, vehicle_id, name, brand, model, drive_train, readable, details, listed_at)
     select $1, g ->> 'vehicleId', g ->> 'name', g ->> 'brand', g ->> 'model', g ->> 'driveTrain',
            (g ->> 'readable')::boolean, coalesce(g -> 'details', '{}'), clock_timestamp()
     from jsonb_array_elements($2::jsonb) g order by g ->> 'vehicleId'
     on conflict (account, vehicle_id) do update set
       -- What the list lacks, a read may have brought.
       name = coalesce(nullif(excluded.name, ''), v.name), brand = coalesce(nullif(excluded.brand, ''), v.brand),
       model = coalesce(nullif(excluded.model, ''), v.model), drive_train = coalesce(excluded.drive_train, v.drive_train),
       readable = excluded.readable, details = excluded.details, listed_at = excluded.listed_at, removed_at = null`,
    [account, jsonText(known)],
  );
  await client.query(
    `update vehicles set removed_at = clock_timestamp()
     where account = $1 and removed_at is null and not (vehicle_id = any ($2::text[]))`,
    [account, known.map(({ vehicleId }) => vehicleId)],
  );
}

/** What a read has brought about the vehicle itself. */
export async function describeVehicle(
  db: Pool,
  account: string,
  vehicleId: string,
  { name = '', brand = '', model = '', driveTrain = null }: Partial<Vehicle>,
): Promise<void> {
  await db.query(
    `update vehicles set name = coalesce(nullif($3, ''), name), brand = coalesce(nullif($4, ''), brand),
       model = coalesce(nullif($5, ''), model), drive_train = coalesce($6, drive_train)
     where account = $1 and vehicle_id = $2`,
    [account, vehicleId, name, brand, model, driveTrain],
  );
}

/**
 * Readable vehicles of the account whose answer to the same read is older than `staleMs`, the oldest first.
 * @param key the read of a vehicle, which is left out.
 */
export async function staleVehicles(
  db: Pool,
  key: ReadKey,
  staleMs: number,
  limit: number,
): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(
    `select v.vehicle_id as id from vehicles v
     left join reads r on r.account = v.account and r.vehicle_id = v.vehicle_id and r.read = $2 and r.params = '{}'
     where v.account = $1 and v.removed_at is null and v.readable and v.vehicle_id <> $3
       and (r.answered_at is null or r.answered_at < clock_timestamp() - $4::float8 * interval '1 ms')
     order by r.answered_at nulls first, v.vehicle_id limit $5`,
    [key.account, key.read, key.vehicleId, staleMs, limit],
  );
  return rows.map(({ id }) => id);
}
