/** Use cases of the vault: secrets by name, encrypted in Postgres. Values can be set but never read. */
import { z } from 'zod';
import { Vault, type VaultEntry } from '../../store/secrets/vault';
import { loadVaultKeys } from './context';
import { problem } from './errors';
import { name } from './fields';
import { operation } from './operation';
import { credentialsChanged } from './pools/credentials';
import { isoOrNull } from './time-text';

export const putSecret = operation({
  about: 'store the value under the name; pools that were held for refused credentials try the new ones',
  input: z.strictObject({
    name,
    value: z.string().min(1, 'must not be empty').meta({ writeOnly: true }),
  }),
  run: async (backend, given) => {
    const keys = await loadVaultKeys(backend);
    const version = await backend.database((db) => new Vault(db, keys).put(given.name, given.value));
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
      null,
      `the vault has no entry "${given.name}"; npx sluice vault list shows what there is`,
    );
  },
});
