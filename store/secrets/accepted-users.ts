/**
 * End users whose credentials a vendor has accepted. Neither a name nor a password is in a row: the name is a keyed hash,
 * and so is a slow hash of the password. Who reads the table without the vault's key can guess at neither.
 */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import type { Pool } from 'pg';
import { DAY_MS } from '../../quota/durations';
import { jsonText } from '../storable';
import type { KeyRing } from './keyring';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface AcceptedUser<T> {
  /** The vendor's answer. */
  readonly result: T;
  /** Epoch ms, by the database's clock. */
  readonly acceptedAt: number;
  readonly ageMs: number;
}

/** Longer than anything is kept. */
const EVER_MS = 36_500 * DAY_MS;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** About a twentieth of a second of one core, and 32 MB. */
const COST: ScryptOptions = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };

export class AcceptedUsers<T> {
  constructor(
    private readonly db: Pool,
    private readonly keys: KeyRing,
  ) {}

  /** Null when these very credentials were not accepted within `maxAgeMs`. */
  async find(account: string, given: Credentials, maxAgeMs: number): Promise<AcceptedUser<T> | null> {
    const { rows } = await this.db.query<{
      salt: Buffer;
      verifier: Buffer;
      result: T;
      acceptedAt: number;
      ageMs: number;
    }>(
      `select salt, verifier, result, accepted_at as "acceptedAt",
              extract(epoch from clock_timestamp() - accepted_at)::float8 * 1000 as "ageMs"
       from accepted_users
       where account = $1 and subject = $2 and accepted_at >= clock_timestamp() - $3::float8 * interval '1 ms'`,
      [account, this.subject(account, given), maxAgeMs],
    );
    const [row] = rows;
    if (row === undefined) return null;
    const { salt, verifier, ...accepted } = row;
    const same = timingSafeEqual(verifier, await this.verifier(given, salt));
    return same ? accepted : null;
  }

  /** Replaces what was known of this user; what is older than `maxAgeMs` of any user goes. */
  async keep(account: string, given: Credentials, result: T, maxAgeMs: number): Promise<void> {
    const salt = randomBytes(SALT_BYTES);
    await this.db.query(
      `with outdated as (
         delete from accepted_users where accepted_at < clock_timestamp() - $6::float8 * interval '1 ms'
           and (account, subject) <> ($1, $2)
       )
       insert into accepted_users (account, subject, salt, verifier, result, accepted_at)
       values ($1, $2, $3, $4, $5::jsonb, clock_timestamp())
       on conflict (account, subject) do update set salt = excluded.salt, verifier = excluded.verifier,
         result = excluded.result, accepted_at = excluded.accepted_at`,
      [
        account,
        this.subject(account, given),
        salt,
        await this.verifier(given, salt),
        jsonText(result),
        maxAgeMs,
      ],
    );
  }

  /** The vendor has refused these credentials: that they were good once counts no more. */
  async forget(account: string, given: Credentials): Promise<void> {
    if ((await this.find(account, given, EVER_MS)) === null) return;
    await this.db.query('delete from accepted_users where account = $1 and subject = $2', [
      account,
      this.subject(account, given),
    ]);
  }

  private subject(account: string, { username }: Credentials): string {
    return this.keys.fingerprint(['end-user', account, username]);
  }

  private async verifier({ password }: Credentials, salt: Buffer): Promise<Buffer> {
    const slow = await new Promise<Buffer>((done, fail) => {
      scrypt(password, salt, HASH_BYTES, COST, (error, key) => (error ? fail(error) : done(key)));
    });
    return Buffer.from(this.keys.fingerprint(['end-user-password', slow.toString('base64')]), 'hex');
  }
}
