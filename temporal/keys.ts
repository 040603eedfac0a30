/** The master keys that the settings name: of tokens, vault, spool and Temporal's payloads, for workers and clients alike. */
import { resolveSecret, type SecretSources } from '../settings/secret';
import type { Settings } from '../settings/types';
import { KeyRing } from '../store/secrets/keyring';

export const NO_VAULT_KEY =
  'no vault key: access tokens are stored encrypted. Set SLUICE_VAULT_KEY (base64 of 32 bytes, e.g. `openssl rand -base64 32`) or vault.keyFile';

/** Null when they name none. @throws KeyError when what they name is no key. */
export async function keyRingFor(
  settings: Pick<Settings, 'vault'>,
  sources: SecretSources = {},
): Promise<KeyRing | null> {
  if (settings.vault.key === null) return null;
  return KeyRing.parse((await resolveSecret(settings.vault.key, sources)).reveal());
}
