/**
 * Checks an end user's credentials from this process, through the same gateway and with the same permits as every
 * worker. No workflow takes part, because Temporal keeps what it is given and a password must not be kept.
 */
import type { Pool } from 'pg';
import { z } from 'zod';
import {
  authenticateUser,
  type UserAuthResult,
  type UserCredentials,
} from '../../activities/commands/user-auth';
import type { Settings } from '../../settings';
import type { EndUserAccount } from '../../settings/accounts/commands';
import { chooseEndUserAccount } from './choose';
import { length, name } from './fields';
import { operation } from './operation';
import { withOwnGateway } from './own-gateway';
import { isoOrNull } from './time-text';

export const authenticateEndUser = operation({
  about: "check an end user's own credentials, and list the devices that the user sees",
  input: z.strictObject({
    vendor: name,
    username: z.string().refine((text) => text.trim() !== '', 'must not be empty'),
    password: z.string().meta({ writeOnly: true }),
    /** Through whose limits it goes. */
    account: name.optional(),
    /** Longest wait for leave to call. */
    timeout: length.default(30_000),
  }),
  json: (result: UserAuthResult) =>
    'until' in result ? { ...result, until: isoOrNull(result.until) } : result,
  run: (backend, { vendor, account: given, username, password, timeout }): Promise<UserAuthResult> => {
    const account = chooseEndUserAccount(backend.settings, vendor, given);
    return backend.database((db) =>
      checkUser(db, backend.settings, account, { username, password }, timeout),
    );
  },
});

/** @param waitMs longest wait for permits and between tries. */
export async function checkUser(
  db: Pool,
  settings: Settings,
  account: EndUserAccount,
  credentials: UserCredentials,
  waitMs: number,
): Promise<UserAuthResult> {
  return withOwnGateway(db, settings, (own) => authenticateUser(own, account, credentials, waitMs));
}
