/**
 * Requests that start work, by their Idempotency-Key. A row is there before the work begins; whoever does it renews the
 * row's lease, and writes the answer into it. A process that is killed between leaves a lease that ends: the next request
 * of that key takes the row over, under the same id, by which what was started is found.
 */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { jsonText } from '../storable';

export interface StoredAnswer {
  readonly status: number;
  readonly location: string | null;
  readonly body: unknown;
}

export type Claim =
  /** To be done by us. `id` is the same when the work may have begun before. */
  | { readonly kind: 'ours'; readonly id: string; readonly again: boolean }
  | { readonly kind: 'answered'; readonly answer: StoredAnswer }
  /** The same key came with another request before. */
  | { readonly kind: 'other' }
  | { readonly kind: 'in flight' };

/** Longer than a process that lives is silent. */
const LEASE = `interval '10 seconds'`;
/** Over, or so far ahead that the clock has gone back since. */
const IS_FREE = `not lease_until between clock_timestamp() and clock_timestamp() + 2 * ${LEASE}`;
export const RENEW_MS = 3_000;
/** For so long the same key gets the same answer. */
const KEPT = `interval '24 hours'`;

interface Row {
  readonly id: string;
  readonly fingerprint: Buffer;
  readonly status: number | null;
  readonly location: string | null;
  readonly body: unknown;
  readonly expired: boolean;
}

export async function claimRequest(
  db: Pool,
  request: { readonly caller: string; readonly key: string; readonly fingerprint: Buffer },
): Promise<Claim> {
  const { caller, key, fingerprint } = request;
  // Its time is over, whether it has been cleared away or not.
  await db.query(
    `delete from api_requests where caller = $1 and key = $2 and created_at < clock_timestamp() - ${KEPT}
       and (lease_until is null or lease_until < clock_timestamp())`,
    [caller, key],
  );
  const { rows: made } = await db.query<{ id: string }>(
    `insert into api_requests (id, caller, key, fingerprint, lease_until)
     values ($1, $2, $3, $4, clock_timestamp() + ${LEASE}) on conflict (caller, key) do nothing returning id`,
    [randomUUID(), caller, key, fingerprint],
  );
  if (made[0] !== undefined) return { kind: 'ours', id: made[0].id, again: false };
  const { rows } = await db.query<Row>(
    `select id, fingerprint, status, location, body, ${IS_FREE} as expired
     from api_requests where caller = $1 and key = $2`,
    [caller, key],
  );
  const [row] = rows;
  // Given up between the two statements: as good as in flight, and the next try will have it.
  if (row === undefined) return { kind: 'in flight' };
  if (!row.fingerprint.equals(fingerprint)) return { kind: 'other' };
  if (row.status !== null) {
    return { kind: 'answered', answer: { status: row.status, location: row.location, body: row.body } };
  }
  if (!row.expired) return { kind: 'in flight' };
  const { rowCount } = await db.query(
    `update api_requests set lease_until = clock_timestamp() + ${LEASE}
     where id = $1 and status is null and ${IS_FREE}`,
    [row.id],
  );
  return rowCount === 1 ? { kind: 'ours', id: row.id, again: true } : { kind: 'in flight' };
}

export async function renewRequest(db: Pool, id: string): Promise<void> {
  await db.query(
    `update api_requests set lease_until = clock_timestamp() + ${LEASE} where id = $1 and status is null`,
    [id],
  );
}

export async function answerRequest(db: Pool, id: string, answer: StoredAnswer): Promise<void> {
  await db.query(
    'update api_requests set status = $2, location = $3, body = $4, lease_until = null where id = $1',
    [id, answer.status, answer.location, answer.body === undefined ? null : jsonText(answer.body)],
  );
}

/** Nothing was started: the key may come again, with whatever it wants. */
export async function dropRequest(db: Pool, id: string): Promise<void> {
  await db.query('delete from api_requests where id = $1 and status is null', [id]);
}

/** It may have been started, and nobody knows: the next request of the key tries again at once. */
export async function releaseRequest(db: Pool, id: string): Promise<void> {
  await db.query(
    `update api_requests set lease_until = clock_timestamp() - interval '1 second' where id = $1 and status is null`,
    [id],
  );
}

/** Older than any caller comes again. @returns how many went. */
export async function pruneRequests(db: Pool): Promise<number> {
  const { rowCount } = await db.query(
    `delete from api_requests where id in
       (select id from api_requests where created_at < clock_timestamp() - ${KEPT} limit 5000)`,
  );
  return rowCount ?? 0;
}
