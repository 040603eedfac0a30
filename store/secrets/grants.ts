/**
 * Grants: what a person's login has left, one for each account. The refresh token lies encrypted here, and the access
 * token that it has bought in `tokens`, under a name of its own; both are written in one transaction, so that nobody
 * uses the one before the other is kept.
 *
 * A refresh token that is good for one refresh is marked as sent before it leaves. What a process that was killed leaves
 * is then the truth:
 *
 *   sent_at null           nothing has left, or the answer to it is stored
 *   sent_at                it has been sent, and its answer is not known: it may be used up, and is tried once more
 *   lost_at                it was sent again after an answer had been lost
 *   needed_at              the vendor refused it, or there is none: only another login helps
 *
 * Nothing but another login, or a newer token, ever takes the place of a refresh token.
 */
import type { Pool, PoolClient } from 'pg';
import { DAY_MS } from '../../quota/durations';
import { inTransaction } from '../db';
import { insertEvent } from '../events/events';
import { forgiveWantOfToken } from '../reads/reads';
import type { KeyRing } from './keyring';
import { endLogin } from './logins';
import type { TokenKey } from './tokens';

/** Encrypted as one. */
interface SealedGrant {
  readonly refreshToken: string;
  readonly idToken?: string;
  /** Digest of the credentials that it was made with, e.g. a client id: others cannot use it. */
  readonly credentials: string;
}

export interface Grant extends SealedGrant {
  readonly generation: number;
  readonly subject: string | null;
  /** The refresh token has been sent and no answer to it is known. */
  readonly answerAwaited: boolean;
}

/** How an account's login stands; holds no secret. Times are epoch ms. */
export interface GrantStanding {
  /** Key of the account's pool. */
  readonly account: string;
  readonly subject: string | null;
  /** Null: nobody has logged in. */
  readonly loggedInAt: number | null;
  readonly refreshedAt: number | null;
  readonly refreshExpiresAt: number | null;
  /** Of the access token; null when there is none. */
  readonly accessExpiresAt: number | null;
  /** Since when only another login helps, and why; null while it is not so. */
  readonly neededAt: number | null;
  readonly neededReason: string | null;
}

/** What a login or a refresh brought. Lengths are ms from now. */
export interface BoughtTokens {
  readonly accessToken: string;
  readonly expiresInMs: number;
  /** Undefined: the one before stays good. */
  readonly refreshToken?: string | undefined;
  readonly refreshExpiresInMs?: number | undefined;
  readonly idToken?: string | undefined;
  readonly subject?: string | undefined;
  /** Digest of the credentials in use. */
  readonly credentials: string;
}

export interface StoredGrant {
  /** Version of the access token. */
  readonly version: number;
  /** A login was needed before. */
  readonly wasNeeded: boolean;
}

/** The fingerprint under which a grant's access token lies: no key of the ring changes it. */
export const GRANT_FINGERPRINT = 'grant';
const TOKEN_MAX_MS = 3650 * DAY_MS;

export function grantTokenKey(account: string): TokenKey {
  return { account, fingerprint: GRANT_FINGERPRINT };
}

interface GrantRow {
  account: string;
  generation: number;
  key_id: string | null;
  nonce: Buffer | null;
  ciphertext: Buffer | null;
  subject: string | null;
  sent_at: number | null;
}

export class GrantStore {
  constructor(
    private readonly db: Pool,
    private readonly keys: KeyRing,
  ) {}

  /** Null when nobody has logged in. @throws KeyError: a grant that cannot be read is not lost, its key is missing. */
  async read(account: string): Promise<Grant | null> {
    const { rows } = await this.db.query<GrantRow>(
      'select account, generation, key_id, nonce, ciphertext, subject, sent_at from grants where account = $1',
      [account],
    );
    const [row] = rows;
    if (row === undefined) return null;
    const opened = open(this.keys, row);
    if (opened === null) return null;
    return {
      ...opened,
      generation: row.generation,
      subject: row.subject,
      answerAwaited: row.sent_at !== null,
    };
  }

  /**
   * The refresh token is about to be sent. @param owner of the lease on the account's access token.
   * @returns false when it must not be: somebody else has a newer one, or the lease.
   */
  async markSent(account: string, generation: number, owner: string): Promise<boolean> {
    const { rowCount } = await this.db.query(
      `update grants set lost_at = coalesce(lost_at, sent_at), sent_at = clock_timestamp()
       where account = $1 and generation = $2
         and exists (select from tokens where account = $1 and fingerprint = $4 and lease_owner = $3)`,
      [account, generation, owner, GRANT_FINGERPRINT],
    );
    return rowCount === 1;
  }

  /** It has not left, or the vendor has answered without using it up. */
  async unmarkSent(account: string, generation: number): Promise<void> {
    await this.db.query('update grants set sent_at = null where account = $1 and generation = $2', [
      account,
      generation,
    ]);
  }

  /**
   * Stores what a refresh brought, whoever holds the lease by now: a refresh token that has been bought is not to be had
   * again. The vendor's refusal of the older one, which another caller has met meanwhile, is void.
   * @param generation of the refresh token that bought it.
   * @returns null when there is a newer one.
   */
  async storeRefreshed(
    account: string,
    generation: number,
    bought: BoughtTokens,
  ): Promise<StoredGrant | null> {
    return inTransaction(this.db, async (client) => {
      const { rows } = await client.query<GrantRow & { needed_at: number | null }>(
        `select account, generation, key_id, nonce, ciphertext, subject, sent_at, needed_at
         from grants where account = $1 and generation = $2 for update`,
        [account, generation],
      );
      const before = rows[0] && open(this.keys, rows[0]);
      if (!rows[0] || !before) return null;
      const { refreshToken = before.refreshToken, idToken = before.idToken, credentials } = bought;
      const sealed = seal(this.keys, account, { refreshToken, ...(idToken && { idToken }), credentials });
      await client.query(
        `update grants set generation = generation + 1, key_id = $2, nonce = $3, ciphertext = $4,
           subject = coalesce($5, subject), refreshed_at = clock_timestamp(),
           refresh_expires_at = coalesce(clock_timestamp() + $6::float8 * interval '1 ms', refresh_expires_at),
           sent_at = null, lost_at = null, needed_at = null, needed_reason = null
         where account = $1`,
        [...sealed, bought.subject ?? null, bounded(bought.refreshExpiresInMs)],
      );
      return {
        version: await this.storeAccess(client, account, bought),
        wasNeeded: rows[0].needed_at !== null,
      };
    });
  }

  /**
   * Stores what a person's login brought, in place of what there was.
   * @param login id of its row, which ends with it: who polls after a crash finds that it is done.
   * @returns null when this very login has been stored before.
   */
  async storeLogin(
    account: string,
    bought: BoughtTokens & { readonly refreshToken: string; readonly refreshExpiresInMs: number },
    login?: number,
  ): Promise<StoredGrant | null> {
    return inTransaction(this.db, async (client) => {
      if (login !== undefined) await endLogin(client, login, 'done', '');
      const { refreshToken, idToken, credentials } = bought;
      const sealed = seal(this.keys, account, { refreshToken, ...(idToken && { idToken }), credentials });
      const { rows } = await client.query<{ was_needed: boolean }>(
        `with before as (select needed_at from grants where account = $1)
         insert into grants as g (account, generation, key_id, nonce, ciphertext, subject, logged_in_at, refreshed_at,
           refresh_expires_at, login_digest)
         values ($1, 1, $2, $3, $4, $5, clock_timestamp(), clock_timestamp(),
           clock_timestamp() + $6::float8 * interval '1 ms', $7)
         on conflict (account) do update set generation = g.generation + 1, key_id = excluded.key_id,
           nonce = excluded.nonce, ciphertext = excluded.ciphertext, subject = excluded.subject,
           logged_in_at = excluded.logged_in_at, refreshed_at = excluded.refreshed_at,
           refresh_expires_at = excluded.refresh_expires_at, login_digest = excluded.login_digest,
           sent_at = null, lost_at = null, needed_at = null, needed_reason = null
         where g.login_digest is distinct from excluded.login_digest
         returning coalesce((select needed_at is not null from before), false) as was_needed`,
        [
          ...[...sealed, bought.subject ?? null, bounded(bought.refreshExpiresInMs)],
          this.keys.fingerprint(['login', refreshToken]),
        ],
      );
      if (rows[0] === undefined) return null;
      await insertEvent(client, 'login.done', account, { subject: bought.subject ?? null });
      return {
        version: await this.storeAccess(client, account, bought),
        wasNeeded: rows[0].was_needed,
      };
    });
  }

  /** In the transaction of its refresh token. */
  private async storeAccess(client: PoolClient, account: string, bought: BoughtTokens): Promise<number> {
    const sealed = this.keys.seal('tokens', Buffer.from(bought.accessToken, 'utf8'), account);
    const { rows } = await client.query<{ version: number }>(
      `insert into tokens as t (account, fingerprint, key_id, nonce, ciphertext, expires_at, version)
       values ($1, $2, $3, $4, $5, now() + $6::float8 * interval '1 ms', 1)
       on conflict (account, fingerprint) do update set key_id = excluded.key_id, nonce = excluded.nonce,
         ciphertext = excluded.ciphertext, expires_at = excluded.expires_at, version = t.version + 1,
         lease_until = null, lease_owner = null, refused_reason = null, refused_at = null, updated_at = now()
       returning version`,
      [
        account,
        GRANT_FINGERPRINT,
        sealed.keyId,
        sealed.nonce,
        sealed.ciphertext,
        bounded(bought.expiresInMs),
      ],
    );
    await forgiveWantOfToken(client, account);
    return rows[0]?.version ?? 1;
  }

  /** Every account of which anything is known. */
  async list(): Promise<readonly GrantStanding[]> {
    const { rows } = await this.db.query<GrantStanding>(
      `select g.account, g.subject, logged_in_at as "loggedInAt", refreshed_at as "refreshedAt",
         refresh_expires_at as "refreshExpiresAt", t.expires_at as "accessExpiresAt", needed_at as "neededAt",
         needed_reason as "neededReason"
       from grants g left join tokens t on t.account = g.account and t.fingerprint = $1 order by g.account`,
      [GRANT_FINGERPRINT],
    );
    return rows;
  }
}

/** Since when a login is needed, and what is known of a refresh whose answer was lost. Epoch ms. */
export interface LoginNeed {
  /** True for the first to say so. */
  readonly news: boolean;
  /** When the refresh token was sent whose answer never came; null when none was lost. */
  readonly lostAt: number | null;
  /** False when nobody has ever logged in. */
  readonly hadLogin: boolean;
}

/** Notes that only another login helps. The event is written once, until a person has logged in. */
export async function recordLoginNeeded(db: Pool, account: string, reason: string): Promise<LoginNeed> {
  return inTransaction(db, async (client) => {
    await client.query('insert into grants (account) values ($1) on conflict do nothing', [account]);
    const { rows } = await client.query<{ known: boolean; had: boolean; lost_at: number | null }>(
      `select needed_at is not null as known, ciphertext is not null as had, lost_at from grants
       where account = $1 for update`,
      [account],
    );
    const { known = false, had = false, lost_at: lostAt = null } = rows[0] ?? {};
    if (!known) {
      await client.query(
        'update grants set needed_at = clock_timestamp(), needed_reason = $2, sent_at = null where account = $1',
        [account, reason],
      );
      await insertEvent(client, 'login.needed', account, { reason, lostAt });
    }
    return { news: !known, lostAt, hadLogin: had };
  });
}

/**
 * Re-encrypts the grants that an older key encrypted; their access tokens are dropped, the lease on them stays.
 * @throws KeyError when the key of any is not given.
 */
export async function rotateGrants(client: PoolClient, keys: KeyRing): Promise<number> {
  const { rows } = await client.query<GrantRow>(
    `select account, generation, key_id, nonce, ciphertext, subject, sent_at from grants
     where key_id <> $1 order by account for update`,
    [keys.currentId],
  );
  for (const row of rows) {
    const opened = open(keys, row);
    if (opened === null) continue;
    await client.query(
      'update grants set key_id = $2, nonce = $3, ciphertext = $4 where account = $1',
      seal(keys, row.account, opened),
    );
  }
  return rows.length;
}

/** `[account, key id, nonce, ciphertext]`, as the statements take them. */
function seal(keys: KeyRing, account: string, grant: SealedGrant): unknown[] {
  const { refreshToken, idToken, credentials } = grant;
  const plain = JSON.stringify({ refreshToken, idToken, credentials });
  const sealed = keys.seal('tokens', Buffer.from(plain, 'utf8'), nameOf(account));
  return [account, sealed.keyId, sealed.nonce, sealed.ciphertext];
}

function open(keys: KeyRing, row: GrantRow): SealedGrant | null {
  if (row.key_id === null || row.nonce === null || row.ciphertext === null) return null;
  const sealed = { keyId: row.key_id, nonce: row.nonce, ciphertext: row.ciphertext };
  const what = `the refresh token of account "${row.account}"`;
  const plain = keys.open('tokens', sealed, nameOf(row.account), what).toString('utf8');
  return JSON.parse(plain) as SealedGrant;
}

/** Another than the access token's, so that neither can stand in the other's place. */
const nameOf = (account: string) => `grant ${account}`;

/** A date that Postgres can hold, whatever a vendor says. */
function bounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.max(0, Math.min(TOKEN_MAX_MS, ms));
}
