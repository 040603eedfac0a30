/** Errors of what an operator has set up, or not: keys, secrets, settings, servers. Their messages hold no secret. */
import { EmbeddedError } from '../../../embedded/errors';
import { SettingsError } from '../../../settings';
import { SecretError } from '../../../settings/secret';
import { MigrationError } from '../../../store/migrate';
import { KeyError } from '../../../store/secrets/keyring';
import { VaultNameError } from '../../../store/secrets/vault';

/** What an API does not show its callers: they can mend none of it. */
export function isSetupError(error: unknown): boolean {
  return [KeyError, MigrationError, SecretError].some((kind) => error instanceof kind);
}

/** Errors that are meant for the person at this machine; `usage` where something written is wrong. Null: a fault of ours. */
export function setupErrorStatus(error: unknown): 'usage' | 'failed' | null {
  if (error instanceof SettingsError) return 'usage';
  return isSetupError(error) || error instanceof EmbeddedError || error instanceof VaultNameError
    ? 'failed'
    : null;
}
