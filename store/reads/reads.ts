/**
 * Reads of vehicles, and who calls now. One caller of all processes holds a read's lease during its call;
 * the others wait for what it stores. A lease is short and renewed: one whose holder has died is free soon, and counts as
 * a failure. The database's clock decides.
 */
import type { Pool, PoolClient } from 'pg';
import type { ReadFailureKind } from '../../quota/reads/backoff';
import type { ReadStanding } from '../../quota/reads/decision';
import { inTransaction } from '../db';
import { jsonText } from '../storable';

export interface ReadKey {
  readonly account: string;
  /** Empty: of the account as a whole. */
  readonly vehicleId: string;
  readonly read: string;
  readonly params: Readonly<Record<string, string | number>>;
}

export interface ReadFailure {
  readonly kind: ReadFailureKind;
  readonly reason: string;
  readonly code: string | null;
  /** Key of the account whose token could not be had: the vendor was not asked, and a new token ends the failure. */
  readonly tokenOf?: string;
}

export interface ReadRow extends ReadStanding {
  readonly id: number;
  /** Why it failed last; null when it did not. */
  readonly failure: ReadFailure | null;
  readonly source: string | null;
  readonly requestId: string | null;
  /** Pages that have come of an answer under way; null when there are none. */
  readonly progress: unknown;
  /** Epoch ms. */
  readonly progressAt: number | null;
}

export interface ReadLease {
  readonly id: number;
  readonly owner: string;
}

const COLUMNS = `id, now_ms() as now, answered_at as "answeredAt", streamed_at as "streamedAt", failures,
  failed_at as "failedAt", failure, retry_at as "retryAt", asked_at as "askedAt", lease_until as "leaseUntil", source,
  request_id as "requestId", progress, progress_at as "progressAt"`;

/** Parameters as one text, whatever the order they were given in. */
export function paramsText(params: ReadKey['params']): string {
  return JSON.stringify(Object.fromEntries(Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1))));
}

const keyValues = ({ account, vehicleId, read, params }: ReadKey) => [
  account,
  vehicleId,
  read,
  paramsText(params),
];

/** The read as it stands; null when it was never requested. */
export async function findRead(db: Pool, key: ReadKey): Promise<ReadRow | null> {
  const { rows } = await db.query<ReadRow>(
    `select ${COLUMNS} from reads where account = $1 and vehicle_id = $2 and read = $3 and params = $4`,
    keyValues(key),
  );
  return rows[0] ?? null;
}

/** The read as it stands; made when it is not there. */
export async function ensureRead(db: Pool, key: ReadKey): Promise<ReadRow> {
  for (;;) {
    const found = await findRead(db, key);
    if (found !== null) return found;
    await db.query(
      'insert into reads (account, vehicle_id, read, params) values ($1, $2, $3, $4) on conflict do nothing',
      keyValues(key),
    );
  }
}

/** Takes the lease, if nobody has it and nobody has answered or failed since `seen`. @returns null otherwise. */
export async function claimRead(
  db: Pool,
  seen: ReadRow,
  owner: string,
  leaseMs: number,
): Promise<ReadLease | null> {
  const { rowCount } = await db.query(
    `update reads set lease_owner = $2, lease_until = clock_timestamp() + $3::float8 * interval '1 ms',
       asked_at = clock_timestamp(), failures = failures + case when lease_until is null then 0 else 1 end
     where id = $1 and (lease_until is null or lease_until <= clock_timestamp())
       and failures = $5 and coalesce(date_trunc('milliseconds', answered_at), '-infinity')
         = coalesce(to_timestamp($4::float8 / 1000), '-infinity')`,
    [seen.id, owner, leaseMs, seen.answeredAt, seen.failures],
  );
  return rowCount === 1 ? { id: seen.id, owner } : null;
}

/** @returns false when it was lost. */
export async function renewLease(db: Pool, { id, owner }: ReadLease, leaseMs: number): Promise<boolean> {
  const { rowCount } = await db.query(
    `update reads set lease_until = clock_timestamp() + $3::float8 * interval '1 ms' where id = $1 and lease_owner = $2`,
    [id, owner, leaseMs],
  );
  return rowCount === 1;
}

/** No call was made: a pool or a limit prevented it. */
export async function releaseRead(db: Pool, { id, owner }: ReadLease): Promise<void> {
  await db.query(
    'update reads set lease_owner = null, lease_until = null where id = $1 and lease_owner = $2',
    [id, owner],
  );
}

/**
 * Notes a failure and gives the lease back.
 * @param retryMs how long it is not called again, by the number of failures in a row.
 * @param ageMs how long ago it failed.
 */
export async function failRead(
  db: Pool,
  { id, owner }: ReadLease,
  failure: ReadFailure,
  retryMs: (failures: number) => number,
  ageMs = 0,
): Promise<void> {
  await inTransaction(db, async (client) => {
    const { rows } = await client.query<{ failures: number }>(
      `update reads set failures = failures + 1, failure = $3::jsonb, lease_owner = null, lease_until = null,
         failed_at = clock_timestamp() - $5::float8 * interval '1 ms', progress = case when $4 then null else progress end
       where id = $1 and lease_owner = $2 returning failures`,
      [id, owner, jsonText(failure), failure.kind === 'refused', ageMs],
    );
    const [row] = rows;
    if (row === undefined) return;
    await client.query(`update reads set retry_at = failed_at + $2::float8 * interval '1 ms' where id = $1`, [
      id,
      retryMs(row.failures),
    ]);
  });
}

/**
 * A token has come: what failed for want of one has not failed any more. In the token's transaction. A row that another
 * transaction has locked is about to get an answer or a failure of its own.
 */
export async function forgiveWantOfToken(client: Pick<PoolClient, 'query'>, tokenOf: string): Promise<void> {
  await client.query(
    `update reads set failures = 0, failure = null, failed_at = null, retry_at = null
     where id in (select id from reads where failure ->> 'tokenOf' = $1 for update skip locked)`,
    [tokenOf],
  );
}

/** Keeps the pages that have come, for whoever goes on. */
export async function keepProgress(db: Pool, { id, owner }: ReadLease, progress: unknown): Promise<void> {
  await db.query(
    `update reads set progress = $3::jsonb, progress_at = clock_timestamp() where id = $1 and lease_owner = $2`,
    [id, owner, jsonText(progress)],
  );
}

/** Of readers that are known to be dead, all of them. */
export async function endReadLeases(db: Pool): Promise<void> {
  await db.query('update reads set lease_until = clock_timestamp() where lease_owner is not null');
}

/** What the read is about has gone: it is as if it had never been answered. Only the state that was seen is dropped. */
export async function forgetAnswer(db: Pool, { id, answeredAt }: ReadRow): Promise<void> {
  await db.query(
    `update reads set answered_at = null where id = $1 and answered_at < to_timestamp(($2::float8 + 1) / 1000)`,
    [id, answeredAt],
  );
}
