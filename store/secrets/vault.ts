/**
 * The vault: secrets in Postgres, each encrypted under its name (AES-256-GCM). Names can be listed, values only
 * be read one by one with the key.
 */
import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../db';
import { GRANT_FINGERPRINT, rotateGrants } from './grants';
import type { KeyRing, Sealed } from './keyring';

export interface VaultEntry {
  readonly name: string;
  /** Grows by one each time the entry is written. */
  readonly version: number;
  /** Epoch ms. */
  readonly updatedAt: number;
  readonly keyId: string;
}

/** Thrown when a name cannot be one. Values are never in a message. */
export class VaultNameError extends Error {
  override readonly name = 'VaultNameError';
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._/@-]{0,199}$/;

interface SealedRow {
  key_id: string;
  nonce: Buffer;
  ciphertext: Buffer;
}

const sealedOf = (row: SealedRow): Sealed => ({
  keyId: row.key_id,
  nonce: row.nonce,
  ciphertext: row.ciphertext,
});

export class Vault {
  constructor(
    private readonly db: Pool,
    private readonly keys: KeyRing,
  ) {}

  /** Writes an entry, new or again. @returns its version. @throws VaultNameError */
  async put(name: string, value: string): Promise<number> {
    checkName(name);
    const sealed = this.keys.seal('vault', Buffer.from(value, 'utf8'), name);
    const { rows } = await this.db.query<{ version: number }>(
      `insert into vault as v (name, key_id, nonce, ciphertext) values ($1, $2, $3, $4)
       on conflict (name) do update set key_id = excluded.key_id, nonce = excluded.nonce,
         ciphertext = excluded.ciphertext, version = v.version + 1, updated_at = now()
       returning version`,
      [name, sealed.keyId, sealed.nonce, sealed.ciphertext],
    );
    return rows[0]?.version ?? 1;
  }

  /** The value, or null when there is no such entry. @throws KeyError for a wrong key or a changed row. */
  async get(name: string): Promise<string | null> {
    const { rows } = await this.db.query<SealedRow>(
      'select key_id, nonce, ciphertext from vault where name = $1',
      [name],
    );
    const [row] = rows;
    if (row === undefined) return null;
    return this.keys.open('vault', sealedOf(row), name, `vault entry "${name}"`).toString('utf8');
  }

  /** @returns whether there was such an entry. */
  async delete(name: string): Promise<boolean> {
    const { rowCount } = await this.db.query('delete from vault where name = $1', [name]);
    return rowCount === 1;
  }

  /** All names, without values; needs no key. */
  async list(): Promise<readonly VaultEntry[]> {
    const { rows } = await this.db.query<{
      name: string;
      version: number;
      updated_at: number;
      key_id: string;
    }>('select name, version, updated_at, key_id from vault order by name');
    return rows.map((row) => ({
      name: row.name,
      version: row.version,
      updatedAt: row.updated_at,
      keyId: row.key_id,
    }));
  }

  /**
   * Re-encrypts every entry and every refresh token that an older key encrypted, in one transaction: all of them or
   * none. Versions stay, for the values do. Access tokens of older keys are dropped; the next call gets a new one.
   * @returns how many entries and refresh tokens were re-encrypted, and how many access tokens dropped.
   * @throws KeyError when the key of any of them is not given.
   */
  async rotate(): Promise<{ readonly entries: number; readonly grants: number; readonly tokens: number }> {
    return inTransaction(this.db, async (client) => ({
      entries: await this.rotateEntries(client),
      grants: await rotateGrants(client, this.keys),
      tokens: await this.rotateTokens(client),
    }));
  }

  private async rotateEntries(client: PoolClient): Promise<number> {
    const { rows } = await client.query<SealedRow & { name: string }>(
      'select name, key_id, nonce, ciphertext from vault where key_id <> $1 order by name for update',
      [this.keys.currentId],
    );
    for (const row of rows) {
      const value = this.keys.open('vault', sealedOf(row), row.name, `vault entry "${row.name}"`);
      const sealed = this.keys.seal('vault', value, row.name);
      await client.query('update vault set key_id = $2, nonce = $3, ciphertext = $4 where name = $1', [
        row.name,
        sealed.keyId,
        sealed.nonce,
        sealed.ciphertext,
      ]);
    }
    return rows.length;
  }

  /** Fingerprints are made with the key too, so tokens of an older key would never be found again. */
  private async rotateTokens(client: PoolClient): Promise<number> {
    const values = [this.keys.currentId, GRANT_FINGERPRINT];
    const dropped = await client.query('delete from tokens where key_id <> $1 and fingerprint <> $2', values);
    // Found under any key: whoever buys another one now goes on.
    const kept = await client.query(
      `update tokens set key_id = null, nonce = null, ciphertext = null, expires_at = null
       where key_id <> $1 and fingerprint = $2`,
      values,
    );
    return (dropped.rowCount ?? 0) + (kept.rowCount ?? 0);
  }
}

function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new VaultNameError(
    `"${name.slice(0, 80)}" cannot be a name in the vault: use 1 to 200 letters, digits and . _ / @ -, ` +
      'starting with a letter or digit, for example amazon/main/refresh-token',
  );
}
