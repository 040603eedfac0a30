/** Errors of what an operator has set up, or not: keys, secrets, the database's version. Their messages hold no secret. */
import { SecretError } from '../../settings/secret';
import { MigrationError } from '../../store/migrate';
import { KeyError } from '../../store/secrets/keyring';

export function isSetupError(error: unknown): boolean {
  return [KeyError, MigrationError, SecretError].some((kind) => error instanceof kind);
}
