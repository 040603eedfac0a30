/** Use cases of the vault: secrets by name, encrypted in Postgres. Values can be set but never read. */
import { z } from 'zod';
import { Vault, type VaultEntry, VaultNameError } from '../../../store/secrets/vault';
import { loadVaultKeys } from '../backend/context';
import { invalid, messageOf, problem } from '../errors';
import { name } from '../fields';
import { hint } from '../hints';
import { operation } from '../operation';
import { credentialsChanged } from '../pools/credentials';
import { document } from '../texts';
import { isoOrNull } from '../time-text';
import { keysInUse, sortKeys } from './keys-in-use';

export const putSecret = operation({
  about: 'store the value under the name; pools that were held for refused credentials try the new ones',
  input: z.strictObject({
    name,
    value: document(
      z.string().min(1, 'must not be empty').max(100_000, 'is too long').meta({ writeOnly: true }),
    ),
  }),
  run: async (backend, given) => {
    const keys = await loadVaultKeys(backend);
    const put = backend.database((db) => new Vault(db, keys).put(given.name, given.value));
    const version = await put.catch((error: unknown) => {
      throw error instanceof VaultNameError ? invalid('name', error.message) : error;
    });
    const { resumed, unreached } = await credentialsChanged(backend, given.name);
    return { name: given.name, version, resumed, unreached };
  },
});

export const listSecrets = operation({
  about: 'names, never values',
  input: z.strictObject({}),
  json: (entries: readonly VaultEntry[]) =>
    entries.map((entry) => ({ ...entry, updatedAt: isoOrNull(entry.updatedAt) })),
  run: async (backend): Promise<readonly VaultEntry[]> => {
    const keys = await loadVaultKeys(backend);
    return backend.database((db) => new Vault(db, keys).list());
  },
});

export const deleteSecret = operation({
  about: 'remove an entry',
  input: z.strictObject({ name }),
  run: async (backend, given) => {
    const keys = await loadVaultKeys(backend);
    const was = await backend.database((db) => new Vault(db, keys).delete(given.name));
    if (was) return { name: given.name };
    throw problem(
      'NOT_FOUND',
      'name',
      `the vault has no entry "${given.name}"; ${hint('vault list')} shows what there is`,
    );
  },
});

export interface RotatedVault {
  /** With which everything is encrypted now. */
  readonly keyId: string;
  readonly entries: number;
  /** Refresh tokens of logins. */
  readonly grants: number;
  /** Access tokens that were dropped; the next calls replace them. */
  readonly tokens: number;
  /** What still needs each key; null when open workflows cannot be searched. */
  readonly keys: ReturnType<typeof sortKeys> | null;
  /** Why they cannot; null when they were. */
  readonly unreached: string | null;
}

export const rotateVault = operation({
  about: 'encrypt everything with the newest key, and say which older ones are still needed',
  input: z.strictObject({}),
  run: async (backend): Promise<RotatedVault> => {
    const ring = await loadVaultKeys(backend);
    return backend.database(async (db) => {
      const rotated = await new Vault(db, ring).rotate();
      let unreached: string | null = null;
      const uses = await backend
        .temporal((client) => keysInUse(db, client, backend.dir.spool))
        .catch((error: unknown) => {
          unreached = messageOf(error);
          return null;
        });
      return { ...rotated, keyId: ring.currentId, keys: uses && sortKeys(uses, ring), unreached };
    });
  },
});
