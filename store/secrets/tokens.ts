/**
 * Access tokens, one for each account, shared by every process and encrypted. An expired token is refreshed once,
 * by the caller that takes the lease; the others wait for what it stores. The database's clock decides.
 *
 *   claimRefresh ─▶ refresh  this caller holds the lease: it asks the vendor, then storeToken or markRefused
 *                ─▶ newer    somebody has stored a newer token: read it
 *                ─▶ wait     somebody else is refreshing: ask again within `waitMs`
 *                ─▶ refused  the vendor refused these credentials: only others will help
 *
 * A lease is short and its holder renews it: one that has crashed, is frozen, or could not give it back keeps nobody
 * waiting for longer than that. It is then free for the next caller, and what the former holder brings afterwards is not
 * stored.
 */
import type { Pool } from 'pg';
import { inTransaction } from '../db';
import { forgiveWantOfToken } from '../reads/reads';
import type { KeyRing } from './keyring';

export interface CachedToken {
  readonly accessToken: string;
  /** Milliseconds left by the database's clock; 0 or less: expired. */
  readonly expiresInMs: number;
}

/** Whose token: other credentials of the same account have a token of their own. */
export interface TokenKey {
  /** `vendor/account`. */
  readonly account: string;
  /** `KeyRing.fingerprint` of the credentials in use. */
  readonly fingerprint: string;
}

export interface TokenState {
  /** 0 when there has been no token yet. */
  readonly version: number;
  /** `lifetimeMs`: how long it was to live when it was stored. */
  readonly token: (CachedToken & { readonly lifetimeMs: number }) | null;
  /** The vendor's words when it refused these credentials; null when it did not. */
  readonly refusedReason: string | null;
}

export interface RefreshLease {
  readonly kind: 'refresh';
  readonly version: number;
  readonly owner: string;
}

export type RefreshClaim =
  | RefreshLease
  | { readonly kind: 'newer' }
  | { readonly kind: 'wait'; readonly waitMs: number }
  | { readonly kind: 'refused'; readonly reason: string };

export interface ClaimRequest {
  readonly key: TokenKey;
  /** The version that is expired or refused; 0 for none. */
  readonly seenVersion: number;
  /** The vendor has called it expired: whatever becomes of the refresh, nobody sends it again. Default: false. */
  readonly calledExpired?: boolean;
  /** Until then it has to be renewed. */
  readonly leaseMs: number;
  /** Unique to this attempt, e.g. a UUID. */
  readonly owner: string;
}

interface TokenRow {
  version: number;
  key_id: string | null;
  nonce: Buffer | null;
  ciphertext: Buffer | null;
  expires_in_ms: number | null;
  lifetime_ms: number | null;
  refused_reason: string | null;
}

/** Rows of credentials that are no longer in use are kept this long after their token has expired. */
const KEEP_EXPIRED = "interval '7 days'";

export class TokenStore {
  constructor(
    private readonly db: Pool,
    private readonly keys: KeyRing,
  ) {}

  /** A token whose key is no longer at hand counts as none: it can be had again, and a worker must go on. */
  async readToken({ account, fingerprint }: TokenKey): Promise<TokenState> {
    const { rows } = await this.db.query<TokenRow>(
      `select version, key_id, nonce, ciphertext, refused_reason,
              (extract(epoch from expires_at - clock_timestamp()) * 1000)::float8 as expires_in_ms,
              (extract(epoch from expires_at - updated_at) * 1000)::float8 as lifetime_ms
       from tokens where account = $1 and fingerprint = $2`,
      [account, fingerprint],
    );
    const [row] = rows;
    if (row === undefined) return { version: 0, token: null, refusedReason: null };
    return {
      version: row.version,
      token: this.decrypt(account, row),
      refusedReason: row.refused_reason,
    };
  }

  private decrypt(account: string, row: TokenRow): TokenState['token'] {
    if (row.key_id === null || row.nonce === null || row.ciphertext === null || row.expires_in_ms === null) {
      return null;
    }
    if (!this.keys.ids.includes(row.key_id)) return null;
    const sealed = { keyId: row.key_id, nonce: row.nonce, ciphertext: row.ciphertext };
    const accessToken = this.keys
      .open('tokens', sealed, account, `the token of account "${account}"`)
      .toString('utf8');
    return { accessToken, expiresInMs: row.expires_in_ms, lifetimeMs: row.lifetime_ms ?? row.expires_in_ms };
  }

  /** Atomic: of any number of callers that have seen the same version, one gets `refresh`. */
  async claimRefresh(request: ClaimRequest): Promise<RefreshClaim> {
    const { key, seenVersion, calledExpired = false, leaseMs, owner } = request;
    for (;;) {
      const claimed = await this.db.query(
        `insert into tokens as t (account, fingerprint, version, lease_owner, lease_until)
         values ($1, $2, $3, $4, clock_timestamp() + $5::float8 * interval '1 ms')
         on conflict (account, fingerprint) do update
           set lease_owner = excluded.lease_owner, lease_until = excluded.lease_until,
             expires_at = case when $6 then least(t.expires_at, clock_timestamp()) else t.expires_at end
           where t.version = excluded.version and t.refused_reason is null
             and (t.lease_until is null or t.lease_until <= clock_timestamp())`,
        [key.account, key.fingerprint, seenVersion, owner, leaseMs, calledExpired],
      );
      if (claimed.rowCount === 1) return { kind: 'refresh', version: seenVersion, owner };
      const claim = await this.whyNot(key, seenVersion);
      if (claim !== null) return claim;
      // What stood in the way has gone since: try again.
    }
  }

  /** The holder is still at it. @returns false when the lease was lost meanwhile. */
  async renewRefresh(key: TokenKey, lease: RefreshLease, leaseMs: number): Promise<boolean> {
    const { rowCount } = await this.db.query(
      `update tokens set lease_until = clock_timestamp() + $4::float8 * interval '1 ms'
       where account = $1 and fingerprint = $2 and lease_owner = $3`,
      [key.account, key.fingerprint, lease.owner, leaseMs],
    );
    return rowCount === 1;
  }

  private async whyNot(
    { account, fingerprint }: TokenKey,
    seenVersion: number,
  ): Promise<RefreshClaim | null> {
    const { rows } = await this.db.query<{
      version: number;
      refused_reason: string | null;
      lease_ms: number | null;
    }>(
      `select version, refused_reason,
              (extract(epoch from lease_until - clock_timestamp()) * 1000)::float8 as lease_ms
       from tokens where account = $1 and fingerprint = $2`,
      [account, fingerprint],
    );
    const [row] = rows;
    if (row === undefined) return null;
    if (row.refused_reason !== null) return { kind: 'refused', reason: row.refused_reason };
    if (row.version !== seenVersion) return { kind: 'newer' };
    return row.lease_ms !== null && row.lease_ms > 0
      ? { kind: 'wait', waitMs: Math.ceil(row.lease_ms) }
      : null;
  }

  /**
   * Stores what the refresh brought and gives the lease back.
   * @returns the new version, or null when the lease was lost meanwhile: then nothing is stored.
   */
  async storeToken(key: TokenKey, lease: RefreshLease, token: CachedToken): Promise<number | null> {
    const sealed = this.keys.seal('tokens', Buffer.from(token.accessToken, 'utf8'), key.account);
    return inTransaction(this.db, async (client) => {
      const { rows } = await client.query<{ version: number }>(
        `with stored as (
           update tokens set key_id = $5, nonce = $6, ciphertext = $7, version = version + 1,
             expires_at = clock_timestamp() + $8::float8 * interval '1 ms',
             lease_until = null, lease_owner = null, updated_at = now()
           where account = $1 and fingerprint = $2 and version = $3 and lease_owner = $4 returning version
         ), outdated as (
           delete from tokens where account = $1 and fingerprint <> $2
             and coalesce(expires_at, updated_at) < now() - ${KEEP_EXPIRED}
         )
         select version from stored`,
        [
          key.account,
          key.fingerprint,
          lease.version,
          lease.owner,
          sealed.keyId,
          sealed.nonce,
          sealed.ciphertext,
          token.expiresInMs,
        ],
      );
      if (rows[0] === undefined) return null;
      await forgiveWantOfToken(client, key.account);
      return rows[0].version;
    });
  }

  /**
   * Records that the vendor refused these credentials and gives the lease back: nobody asks again with them,
   * until `clearRefusal`. @returns false when the lease was lost meanwhile.
   */
  async markRefused(key: TokenKey, lease: RefreshLease, reason: string): Promise<boolean> {
    const { rowCount } = await this.db.query(
      `update tokens set refused_reason = $5, refused_at = now(), lease_until = null, lease_owner = null,
         updated_at = now()
       where account = $1 and fingerprint = $2 and version = $3 and lease_owner = $4`,
      [key.account, key.fingerprint, lease.version, lease.owner, reason],
    );
    return rowCount === 1;
  }

  /** Gives the lease back after a refresh that failed for another reason; the old token stays. */
  async releaseRefresh(key: TokenKey, lease: RefreshLease): Promise<void> {
    await this.db.query(
      `update tokens set lease_until = null, lease_owner = null
       where account = $1 and fingerprint = $2 and lease_owner = $3`,
      [key.account, key.fingerprint, lease.owner],
    );
  }

  /** Accounts whose credentials the vendor has refused, with its words. */
  async listRefusals(): Promise<ReadonlyMap<string, string>> {
    const { rows } = await this.db.query<{ account: string; refused_reason: string }>(
      'select account, refused_reason from tokens where refused_reason is not null order by refused_at',
    );
    return new Map(rows.map((row) => [row.account, row.refused_reason]));
  }

  /**
   * An operator vouches for the credentials as they are, or it is time to try them: the next caller asks the vendor again.
   * @param before only a refusal of before this, epoch ms; default: any.
   */
  async clearRefusal(account: string, before: number | null = null): Promise<boolean> {
    const { rowCount } = await this.db.query(
      `update tokens set refused_reason = null, refused_at = null
       where account = $1 and refused_reason is not null
         and ($2::float8 is null or refused_at < to_timestamp($2::float8 / 1000))`,
      [account, before],
    );
    return (rowCount ?? 0) > 0;
  }
}
