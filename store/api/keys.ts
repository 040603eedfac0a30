/** Keys of the HTTP API. Of a key its SHA-256 alone is kept; it has 256 random bits, so that needs no salt. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Pool } from 'pg';
import { inTransaction, toTimestamptz } from '../db';
import { insertEvent } from '../events/events';

export type KeyScope = 'read' | 'operate' | 'admin';

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scope: KeyScope;
  readonly requestsPerMinute: number | null;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  /** To the minute. */
  readonly lastUsedAt: number | null;
}

const COLUMNS = `id, name, scope, requests_per_minute as "requestsPerMinute", created_at as "createdAt",
  created_by as "createdBy", expires_at as "expiresAt", revoked_at as "revokedAt", last_used_at as "lastUsedAt"`;

const PREFIX = 'slc_';
const FORM = /^slc_[A-Za-z0-9_-]{43}$/;

const hashOf = (key: string) => createHash('sha256').update(key).digest();

export interface NewKey {
  readonly name: string;
  readonly scope: KeyScope;
  readonly requestsPerMinute: number | null;
  /** Epoch ms; null: never. */
  readonly expiresAt: number | null;
  readonly by: string;
}

/** @returns the key itself, for this once; null when a key of that name is in use. */
export function createKey(db: Pool, wanted: NewKey): Promise<(ApiKey & { readonly key: string }) | null> {
  const key = `${PREFIX}${randomBytes(32).toString('base64url')}`;
  return inTransaction(db, async (client) => {
    const { rows } = await client.query<ApiKey>(
      `insert into api_keys (id, name, hash, scope, requests_per_minute, expires_at, created_by)
       values ($1, $2, $3, $4, $5, $6, $7) on conflict (name) where revoked_at is null do nothing returning ${COLUMNS}`,
      [
        `key_${randomBytes(6).toString('hex')}`,
        wanted.name,
        hashOf(key),
        wanted.scope,
        wanted.requestsPerMinute,
        wanted.expiresAt === null ? null : toTimestamptz(wanted.expiresAt),
        wanted.by,
      ],
    );
    const [made] = rows;
    if (made === undefined) return null;
    await insertEvent(client, 'key.created', null, {
      key: made.name,
      id: made.id,
      scope: made.scope,
      by: wanted.by,
    });
    return { ...made, key };
  });
}

/** Newest first. */
export async function listKeys(db: Pool): Promise<ApiKey[]> {
  const { rows } = await db.query<ApiKey>(`select ${COLUMNS} from api_keys order by created_at desc, id`);
  return rows;
}

/** @param which name or id. @returns null when none of them is in use. */
export function revokeKey(db: Pool, which: string, by: string): Promise<ApiKey | null> {
  return inTransaction(db, async (client) => {
    const { rows } = await client.query<ApiKey>(
      `update api_keys set revoked_at = clock_timestamp(), revoked_by = $2
       where (name = $1 or id = $1) and revoked_at is null returning ${COLUMNS}`,
      [which, by],
    );
    const [revoked] = rows;
    if (revoked === undefined) return null;
    await insertEvent(client, 'key.revoked', null, { key: revoked.name, id: revoked.id, by });
    return revoked;
  });
}

/** The key that this text is, when it may be used now; null otherwise. Notes that it was used, once a minute. */
export async function findKey(db: Pool, text: string): Promise<ApiKey | null> {
  if (!FORM.test(text)) return null;
  const hash = hashOf(text);
  const { rows } = await db.query<ApiKey & { readonly hash: Buffer; readonly noted: boolean }>({
    name: 'find_api_key',
    text: `select ${COLUMNS}, hash, last_used_at > clock_timestamp() - interval '1 minute' as noted from api_keys
           where hash = $1 and revoked_at is null and (expires_at is null or expires_at > clock_timestamp())`,
    values: [hash],
  });
  const [row] = rows;
  if (row === undefined) return null;
  const { hash: stored, noted, ...found } = row;
  if (!timingSafeEqual(stored, hash)) return null;
  if (!noted) {
    await db.query('update api_keys set last_used_at = clock_timestamp() where id = $1', [found.id]);
  }
  return found;
}

/** Whether anybody could use one now. */
export async function hasKeys(db: Pool): Promise<boolean> {
  const { rows } = await db.query<{ some: boolean }>(
    `select exists (select 1 from api_keys
       where revoked_at is null and (expires_at is null or expires_at > clock_timestamp())) as some`,
  );
  return rows[0]?.some ?? false;
}
