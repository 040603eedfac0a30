import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { resolveSecret } from '../../../../settings';
import { createPool } from '../../../../store/db';
import {
  CredentialsRefusedError,
  freshToken,
  type RefreshOutcome,
} from '../../../../store/secrets/fresh-token';
import { createKeyFile, generateKey, KeyRing } from '../../../../store/secrets/keyring';
import { TokenStore } from '../../../../store/secrets/tokens';
import { Vault, VaultNameError } from '../../../../store/secrets/vault';
import { eventually } from '../../../support/eventually';
import { type TestDatabase, testDatabase, uniqueName } from '../../../support/stacks/embedded';

let database: TestDatabase;
let db: Pool;
const key = generateKey();
const ring = KeyRing.parse(key);

beforeAll(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 25 });
});

afterAll(async () => {
  await db.end();
  await database.drop();
});

describe('vault', () => {
  const vault = () => new Vault(db, ring);

  test('keeps a value, overwrites it, and gives null for what is not there', async () => {
    expect(await vault().put('amazon/main/refresh-token', 'Atzr|one')).toBe(1);
    expect(await vault().put('amazon/main/refresh-token', 'Atzr|zwei ü')).toBe(2);
    expect(await vault().get('amazon/main/refresh-token')).toBe('Atzr|zwei ü');
    expect(await vault().get('amazon/other')).toBeNull();
  });

  test('a secret reference reads from it', async () => {
    await vault().put('referenced', 'value');
    const secret = await resolveSecret('vault:referenced', { vault: vault() });
    expect(secret.reveal()).toBe('value');
  });

  test('lists names, versions and keys, no values, in order', async () => {
    await vault().put('b', '2');
    await vault().put('a', '1');
    const entries = await vault().list();
    expect(entries.map((entry) => entry.name)).toEqual([...entries.map((entry) => entry.name)].sort());
    const a = entries.find((entry) => entry.name === 'a');
    expect(a).toEqual({ name: 'a', version: 1, keyId: ring.currentId, updatedAt: expect.any(Number) });
  });

  test('deletes, and says whether there was anything', async () => {
    await vault().put('short-lived', 'x');
    expect(await vault().delete('short-lived')).toBe(true);
    expect(await vault().delete('short-lived')).toBe(false);
    expect(await vault().get('short-lived')).toBeNull();
  });

  test('the database holds no plaintext', async () => {
    await vault().put('opaque', 'plain-as-day');
    const { rows } = await db.query<{ row: string }>(
      `select vault::text as row from vault where name = 'opaque'`,
    );
    expect(rows[0]?.row).not.toContain(Buffer.from('plain-as-day').toString('hex'));
  });

  test('another key is a clear error that names both, not a wrong value', async () => {
    await vault().put('locked', 'x');
    const other = KeyRing.parse(generateKey());
    await expect(new Vault(db, other).get('locked')).rejects.toThrow(
      `vault entry "locked" was encrypted with key ${ring.currentId}, but the key given is ${other.currentId}`,
    );
  });

  test('rows cannot be swapped: a ciphertext opens under its own name only', async () => {
    await vault().put('mine', 'x');
    await vault().put('theirs', 'y');
    await db.query(
      `update vault set nonce = t.nonce, ciphertext = t.ciphertext from vault t where vault.name = 'mine' and t.name = 'theirs'`,
    );
    await expect(vault().get('mine')).rejects.toMatchObject({ code: 'tampered' });
    await vault().delete('mine');
  });

  test.each(['', ' x', 'a b', '-a', 'x'.repeat(201)])('%j cannot be a name', async (name) => {
    await expect(vault().put(name, 'v')).rejects.toThrow(VaultNameError);
  });
});

describe('key rotation', () => {
  test('re-encrypts all entries; afterwards the new key alone is enough', async () => {
    const own = await testDatabase();
    const pool = createPool(own.url);
    try {
      const before = new Vault(pool, ring);
      for (const name of ['a', 'b', 'c']) await before.put(name, `value of ${name}`);
      const newer = generateKey();

      expect(await new Vault(pool, KeyRing.parse(`${newer}\n${key}`)).rotate()).toEqual({
        entries: 3,
        grants: 0,
        tokens: 0,
      });

      const after = new Vault(pool, KeyRing.parse(newer));
      expect(await after.get('b')).toBe('value of b');
      expect((await after.list()).map((entry) => entry.version)).toEqual([1, 1, 1]);
      expect(await after.rotate()).toEqual({ entries: 0, grants: 0, tokens: 0 });
    } finally {
      await pool.end();
      await own.drop();
    }
  });

  test('is all or nothing: an entry whose key is missing leaves the others as they were', async () => {
    const own = await testDatabase();
    const pool = createPool(own.url);
    try {
      await new Vault(pool, ring).put('a', '1');
      await new Vault(pool, KeyRing.parse(generateKey())).put('lost', '2');
      const newer = KeyRing.parse(`${generateKey()},${key}`);
      await expect(new Vault(pool, newer).rotate()).rejects.toThrow(
        'vault entry "lost" was encrypted with key',
      );
      expect((await new Vault(pool, ring).list())[0]).toMatchObject({ name: 'a', keyId: ring.currentId });
    } finally {
      await pool.end();
      await own.drop();
    }
  });
});

describe('key file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-key-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('is made once, for its owner only, also when many start at once', async () => {
    const path = join(folder, 'private', 'vault.key');
    const made = await Promise.all(Array.from({ length: 8 }, () => createKeyFile(path)));
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const text = readFileSync(path, 'utf8');
    expect(await createKeyFile(path)).toBe(false);
    expect(readFileSync(path, 'utf8')).toBe(text);
    expect(KeyRing.parse(text).ids).toHaveLength(1);
  });
});

describe('access tokens', () => {
  const store = () => new TokenStore(db, ring);
  const newKey = (fingerprint = 'f1') => ({ account: uniqueName('amazon'), fingerprint });
  const claimBy = (key: ReturnType<typeof newKey>, owner: string, seenVersion = 0, leaseMs = 60_000) =>
    store().claimRefresh({ key, seenVersion, leaseMs, owner });

  async function leaseOf(key: ReturnType<typeof newKey>, owner: string, seenVersion = 0, leaseMs = 60_000) {
    const claim = await claimBy(key, owner, seenVersion, leaseMs);
    if (claim.kind !== 'refresh') throw new Error(`expected the lease, got ${claim.kind}`);
    return claim;
  }

  test('of 20 callers at once, over several processes, exactly one may refresh', async () => {
    const key = newKey();
    const stores = Array.from({ length: 4 }, () => createPool(database.url, { max: 5 }));
    try {
      const claims = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          new TokenStore(stores[i % 4] ?? db, ring).claimRefresh({
            key,
            seenVersion: 0,
            leaseMs: 60_000,
            owner: `caller-${i}`,
          }),
        ),
      );
      expect(claims.filter((claim) => claim.kind === 'refresh')).toHaveLength(1);
      expect(claims.filter((claim) => claim.kind === 'wait')).toHaveLength(19);
    } finally {
      await Promise.all(stores.map((pool) => pool.end()));
    }
  });

  test('20 callers with an expired token cause one refresh and all get its token', async () => {
    const key = newKey();
    const expired = await leaseOf(key, 'first');
    await store().storeToken(key, expired, { accessToken: 'old', expiresInMs: -1000 });
    let refreshes = 0;
    const refresh = async (): Promise<RefreshOutcome> => {
      refreshes++;
      await db.query('select pg_sleep(0.05)');
      return { kind: 'token', accessToken: `token-${refreshes}`, expiresInMs: 3_600_000 };
    };
    const tokens = await Promise.all(
      Array.from({ length: 20 }, () => freshToken(store(), { key, refresh, pollMs: 10 })),
    );
    expect(refreshes).toBe(1);
    expect(new Set(tokens.map((token) => token.accessToken))).toEqual(new Set(['token-1']));

    // The vendor calls it expired although it looks good: again one refresh for all who saw that version.
    const stale = tokens[0]?.version ?? 0;
    const again = await Promise.all(
      Array.from({ length: 20 }, () =>
        freshToken(store(), { key, refresh, pollMs: 10, staleVersion: stale }),
      ),
    );
    expect(refreshes).toBe(2);
    expect(new Set(again.map((token) => token.accessToken))).toEqual(new Set(['token-2']));
  });

  test('a token is encrypted, and expires by the clock of the database', async () => {
    const key = newKey();
    const version = await store().storeToken(key, await leaseOf(key, 'a'), {
      accessToken: 'Atza|token',
      expiresInMs: 3_600_000,
    });
    expect(version).toBe(1);
    const state = await store().readToken(key);
    expect(state).toMatchObject({ version: 1, token: { accessToken: 'Atza|token' }, refusedReason: null });
    expect(state.token?.expiresInMs).toBeGreaterThan(3_590_000);
    expect(state.token?.expiresInMs).toBeLessThanOrEqual(3_600_000);
    const { rows } = await db.query<{ row: string }>(
      'select tokens::text as row from tokens where account = $1',
      [key.account],
    );
    expect(rows[0]?.row).not.toContain(Buffer.from('Atza|token').toString('hex'));
  });

  test('who has seen an older version is sent to the newer token', async () => {
    const key = newKey();
    await store().storeToken(key, await leaseOf(key, 'a'), { accessToken: 't', expiresInMs: 1000 });
    expect(await claimBy(key, 'b', 0)).toEqual({ kind: 'newer' });
    expect(await claimBy(key, 'b', 1)).toMatchObject({ kind: 'refresh' });
  });

  test('the lease of a caller that crashed runs out, and what it brings afterwards is not stored', async () => {
    const key = newKey();
    const crashed = await leaseOf(key, 'crashed', 0, 60_000);
    expect(await claimBy(key, 'next')).toMatchObject({ kind: 'wait' });
    await db.query(`update tokens set lease_until = clock_timestamp() where account = $1`, [key.account]);
    const next = await leaseOf(key, 'next');
    expect(await store().storeToken(key, crashed, { accessToken: 'late', expiresInMs: 1000 })).toBeNull();
    expect(await store().markRefused(key, crashed, 'late')).toBe(false);
    expect(await store().storeToken(key, next, { accessToken: 'good', expiresInMs: 60_000 })).toBe(1);
    expect((await store().readToken(key)).token?.accessToken).toBe('good');
  });

  test('a refresh that fails gives the lease back and keeps the token that there is', async () => {
    const key = newKey();
    await store().storeToken(key, await leaseOf(key, 'a'), { accessToken: 'old', expiresInMs: -1000 });
    const refresh = () => Promise.reject(new Error('ECONNRESET'));
    await expect(freshToken(store(), { key, refresh })).rejects.toThrow('ECONNRESET');
    expect((await store().readToken(key)).token?.accessToken).toBe('old');
    expect(await claimBy(key, 'b', 1)).toMatchObject({ kind: 'refresh' });
  });

  test('a token that the vendor has called expired is not sent again where its refresh fails', async () => {
    const key = newKey();
    const good = { accessToken: 'old', expiresInMs: 3_600_000 };
    const version = (await store().storeToken(key, await leaseOf(key, 'a'), good)) ?? 0;
    let refreshes = 0;
    const refresh = () => Promise.reject(new Error(`refresh ${++refreshes}`));
    await expect(freshToken(store(), { key, refresh, staleVersion: version })).rejects.toThrow('refresh 1');
    // The next caller has not heard of it, and each call with the old token would be refused and counted.
    await expect(freshToken(store(), { key, refresh })).rejects.toThrow('refresh 2');
  });

  test('a holder renews its lease while the vendor takes its time; one that is gone keeps nobody for long', async () => {
    const key = newKey();
    const leaseMs = async () => {
      const { rows } = await db.query<{ left: number }>(
        `select extract(epoch from lease_until - clock_timestamp()) * 1000 as left from tokens where account = $1`,
        [key.account],
      );
      return Number(rows[0]?.left);
    };
    let first = 0;
    const refresh = async (): Promise<RefreshOutcome> => {
      first = await leaseMs();
      const endsAt = Date.now() + first;
      await eventually('it has been renewed', async () => Date.now() + (await leaseMs()) > endsAt + 100);
      return { kind: 'token', accessToken: 'slow', expiresInMs: 3_600_000 };
    };
    expect(await freshToken(store(), { key, refresh })).toMatchObject({ accessToken: 'slow' });
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(10_000);
  });

  test("the vendor's answer is thrown even where the lease cannot be given back", async () => {
    const key = newKey();
    const away = createPool(database.url, { max: 1 });
    const refresh = async () => {
      await away.end();
      throw new Error('ECONNRESET');
    };
    await expect(freshToken(new TokenStore(away, ring), { key, refresh })).rejects.toThrow('ECONNRESET');
  });

  test('a token that lives for less than the margin is used until its last quarter', async () => {
    const key = newKey();
    let calls = 0;
    const refresh = async (): Promise<RefreshOutcome> => {
      calls++;
      return { kind: 'token', accessToken: `short-${calls}`, expiresInMs: 40_000 };
    };
    const tokens = [];
    for (let i = 0; i < 3; i++) tokens.push((await freshToken(store(), { key, refresh })).accessToken);
    expect(tokens).toEqual(['short-1', 'short-1', 'short-1']);
    await db.query(
      `update tokens set expires_at = expires_at - interval '31 seconds',
         updated_at = updated_at - interval '31 seconds' where account = $1`,
      [key.account],
    );
    expect((await freshToken(store(), { key, refresh })).accessToken).toBe('short-2');
  });

  test('refused credentials are not tried again until they change or an operator vouches for them', async () => {
    const key = newKey('old credentials');
    let calls = 0;
    const refused = async (): Promise<RefreshOutcome> => {
      calls++;
      return { kind: 'refused', reason: 'invalid_grant' };
    };
    await expect(freshToken(store(), { key, refresh: refused })).rejects.toThrow(CredentialsRefusedError);
    await expect(freshToken(store(), { key, refresh: refused })).rejects.toThrow(
      `the credentials of ${key.account} were refused: invalid_grant`,
    );
    expect(calls).toBe(1);

    const accepted = async (): Promise<RefreshOutcome> => ({
      kind: 'token',
      accessToken: 'new',
      expiresInMs: 3_600_000,
    });
    const changed = { ...key, fingerprint: 'new credentials' };
    expect((await freshToken(store(), { key: changed, refresh: accepted })).accessToken).toBe('new');

    expect(await store().clearRefusal(key.account)).toBe(true);
    expect((await freshToken(store(), { key, refresh: accepted })).accessToken).toBe('new');
  });

  test('a token that an unknown key encrypted counts as none, so that work goes on after a rotation', async () => {
    const key = newKey();
    await store().storeToken(key, await leaseOf(key, 'a'), { accessToken: 't', expiresInMs: 60_000 });
    const other = new TokenStore(db, KeyRing.parse(generateKey()));
    expect(await other.readToken(key)).toEqual({ version: 1, token: null, refusedReason: null });
  });
});
