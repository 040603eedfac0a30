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
} from '../../../activities/commands/user-auth';
import { HOUR_MS } from '../../../quota/durations';
import type { Settings } from '../../../settings';
import type { EndUserAccount } from '../../../settings/accounts/commands';
import { age, length, name } from '../fields';
import { withOwnGateway } from '../gateway/own-gateway';
import { operation } from '../operation';
import { chooseEndUserAccount } from '../settings/choose';
import { isoOrNull } from '../time-text';
import { readService } from '../vehicles/service';
import { takeTurn } from '../vehicles/turns';

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
    /** How long ago the vendor may have accepted the user; without it, as the settings say. */
    maxAge: age.optional(),
  }),
  json: userAuthJson,
  run: (
    backend,
    { vendor, account: given, username, password, timeout, maxAge },
  ): Promise<UserAuthResult> => {
    const account = chooseEndUserAccount(backend.settings, vendor, given);
    return backend.database(async (db) => {
      const { settings } = backend;
      await takeTurn(db, backend, 'username', username);
      const credentials = { username, password };
      const ask = () => checkUser(db, settings, account, credentials, timeout);
      const cache = await readService(db, backend).userAuth();
      const keepMs = settings.reads.authenticationHours * HOUR_MS;
      const ages = { maxAgeMs: Math.min(maxAge ?? keepMs, keepMs), keepMs };
      return cache === null ? ask() : cache.check(account.name, credentials, ages, ask);
    });
  },
});

function userAuthJson(result: UserAuthResult) {
  switch (result.kind) {
    case 'ok':
      return {
        ...result,
        // Vendors' own fields stay here.
        devices: result.devices.map(({ deviceId, name: shown, group }) => ({ deviceId, name: shown, group })),
        acceptedAt: isoOrNull(result.acceptedAt ?? null),
      };
    case 'limited':
    case 'closed':
      return { ...result, until: isoOrNull(result.until) };
    default:
      return result;
  }
}

/** Asks the vendor. @param waitMs longest wait for permits and between tries. */
export async function checkUser(
  db: Pool,
  settings: Settings,
  account: EndUserAccount,
  credentials: UserCredentials,
  waitMs: number,
): Promise<UserAuthResult> {
  return withOwnGateway(db, settings, (own) => authenticateUser(own, account, credentials, waitMs));
}
