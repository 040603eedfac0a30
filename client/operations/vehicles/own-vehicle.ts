/**
 * A vehicle for whoever knows the credentials of its user, as clients of the earlier services ask for it: `POST /`.
 * Nothing is shown before the vendor has accepted these very credentials, now or within `reads.authenticationHours`. They
 * are kept nowhere; what is kept is a slow keyed hash.
 */
import type { Pool } from 'pg';
import { z } from 'zod';
import { CallFailed } from '../../../activities/gateway/call-errors';
import { logInByForm, OtherUser } from '../../../activities/gateway/credentials/form-login';
import { UnreadableLogin } from '../../../activities/gateway/credentials/login-call';
import type { ServedRead } from '../../../activities/reads/types';
import { HOUR_MS } from '../../../quota/durations';
import { mainAccount } from '../../../settings/accounts/main-account';
import { findVehicleAccount, type VehicleAccount } from '../../../settings/accounts/vehicles';
import type { StoredVehicle } from '../../../store/reads/vehicles';
import { AcceptedUsers, type Credentials } from '../../../store/secrets/accepted-users';
import { GrantStore } from '../../../store/secrets/grants';
import { Vault } from '../../../store/secrets/vault';
import type { FormLogin, GrantApi } from '../../../vendors/capabilities/login';
import type { Backend } from '../backend/backend';
import { loadVaultKeys } from '../backend/context';
import { invalid, noLeave, problem } from '../errors';
import { withOwnGateway } from '../gateway/own-gateway';
import { operation } from '../operation';
import { explained } from '../permits/take';
import { asReadProblem, chooseVehicleAccounts } from './choose';
import { readService } from './service';
import { takeTurn } from './turns';
import { readJson, vehicleJson } from './vehicles';

interface OwnVehicle {
  readonly vehicle: StoredVehicle;
  readonly read: ServedRead;
}

export const showOwnVehicle = operation({
  about: 'a vehicle and its latest values, for the user with these credentials',
  input: z.strictObject({
    email: z.string().min(1, 'must not be empty').max(320, 'must be at most 320 characters'),
    password: z.string().min(1, 'must not be empty').max(1000, 'is too long').meta({ writeOnly: true }),
    wkn: z
      .string()
      .min(1, 'must not be empty')
      .max(100, 'must be at most 100 characters')
      .describe('The vehicle: its id, its last seven characters, or its name.'),
    captcha: z.string().max(8000, 'is too long').optional().meta({
      writeOnly: true,
      description: 'Token of a solved captcha, where the login of the vendor wants one.',
    }),
  }),
  json: ({ vehicle, read }: OwnVehicle) => ({
    status: 'success',
    vehicle: vehicleJson(vehicle),
    read: readJson(read),
  }),
  run: (backend, { email, password, wkn, captcha }): Promise<OwnVehicle> =>
    backend.database(async (db) => {
      const account = chosen(backend);
      const { grant } = account.parts;
      if (grant?.login.kind !== 'form') {
        throw problem(
          'NOT_APPLICABLE',
          null,
          `the password of a user cannot be checked at ${account.vendor.id}: read the vehicles of account ${account.name} instead`,
        );
      }
      await takeTurn(db, backend, 'email', email);
      const credentials = { username: email, password };
      await prove(backend, db, account, { ...grant, login: grant.login }, credentials, captcha);
      return serve(backend, db, account.name, wkn);
    }),
});

/** The main account, if it has vehicles. */
function chosen({ settings }: Backend): VehicleAccount {
  const names = chooseVehicleAccounts(settings, settings.api.mainAccount);
  const main = mainAccount(settings);
  if (main === null) {
    throw problem(
      'AMBIGUOUS_NAME',
      null,
      `several accounts have vehicles: set api.mainAccount to one of ${names.join(', ')}`,
    );
  }
  return findVehicleAccount(settings, main);
}

/** @throws OperationError unless the vendor has accepted these credentials, and they are those of the account's user. */
async function prove(
  backend: Backend,
  db: Pool,
  account: VehicleAccount,
  grant: GrantApi & { readonly login: FormLogin },
  credentials: Credentials,
  captcha: string | undefined,
): Promise<void> {
  const { settings } = backend;
  const keys = await loadVaultKeys(backend);
  const grants = new GrantStore(db, keys);
  const accepted = new AcceptedUsers<readonly never[]>(db, keys);
  const standing = (await grants.list()).find((one) => one.account === account.poolKey);
  const subject = standing?.subject ?? null;
  const keepMs = settings.reads.authenticationHours * HOUR_MS;
  // Of one login: when somebody else has logged in to the account since, what was accepted before counts no more.
  const nameOf = (user: string) => JSON.stringify([account.name, 'vehicle', user]);
  if (subject !== null && standing?.neededAt === null && keepMs > 0) {
    if ((await accepted.find(nameOf(subject), credentials, keepMs)) !== null) return;
  }
  const entered: Record<string, string> = { ...credentials, ...(captcha && { captcha }) };
  const missing = grant.login.fields.find(({ name }) => !entered[name]);
  if (missing !== undefined) {
    throw problem(
      missing.name === 'captcha' ? 'LOGIN_NEEDS_CAPTCHA' : 'NOT_APPLICABLE',
      missing.name,
      `${account.vendor.id} checks a password only with it: ${missing.about}`,
    );
  }
  const end = await withOwnGateway(db, settings, async ({ gateway, dispatcher }) => {
    const deps = { gateway, dispatcher, grants, timeoutMs: settings.http.timeoutMs };
    const only = standing?.loggedInAt == null ? undefined : { subject };
    return logInByForm({ ...deps, secrets: { vault: new Vault(db, keys) } }, account, grant, entered, only);
  }).catch((error: unknown) => {
    throw refusalOf(error);
  });
  if (end.kind === 'refused') {
    throw problem(
      end.wrongCredentials ? 'WRONG_CREDENTIALS' : 'LOGIN_REFUSED',
      null,
      `${account.vendor.id} refuses: ${end.message}`,
    );
  }
  if (end.kind === 'failed') throw noLeave('NO_ANSWER', end.message, { until: null });
  if (end.subject !== null && keepMs > 0) await accepted.keep(nameOf(end.subject), credentials, [], keepMs);
}

function refusalOf(error: unknown): unknown {
  if (error instanceof OtherUser) {
    return problem('OTHER_USER', 'email', 'the account is logged in to by another user');
  }
  if (error instanceof UnreadableLogin) return noLeave('NO_ANSWER', error.message, { until: null });
  if (!(error instanceof CallFailed)) return explained(error);
  const { kind } = error.verdict;
  const code = kind === 'quota' ? 'QUOTA_PAUSED' : kind === 'rate' ? 'LIMIT_REACHED' : 'NO_ANSWER';
  return noLeave(code, error.message, { until: error.waitMs > 0 ? Date.now() + error.waitMs : null });
}

/** Characters of a VIN that people know it by. */
const SHORT = 7;

async function serve(backend: Backend, db: Pool, account: string, wanted: string): Promise<OwnVehicle> {
  const { reads } = readService(db, backend);
  const { vehicles } = await asReadProblem(() => reads.vehicles(account, {}));
  const text = wanted.trim().toUpperCase();
  const named = (one: StoredVehicle) =>
    one.vehicleId.toUpperCase() === text ||
    (text.length === SHORT && one.vehicleId.toUpperCase().endsWith(text)) ||
    (one.name !== '' && one.name.toUpperCase() === text);
  const found = vehicles.filter(named);
  const [vehicle] = found;
  if (vehicle === undefined) throw problem('NOT_FOUND', 'wkn', `"${wanted}" is none of this user's vehicles`);
  if (found.length > 1) throw invalid('wkn', `"${wanted}" stands for several vehicles`, 'AMBIGUOUS_NAME');
  const { vehicles: api } = findVehicleAccount(backend.settings, account);
  const plain = api.reads.filter(({ params }) => !Object.values(params).some(({ required }) => required));
  const read = plain.find(({ name }) => name === 'state') ?? plain[0];
  if (read === undefined) throw problem('NOT_APPLICABLE', null, 'this vendor has nothing to read');
  const ask = { account, vehicleId: vehicle.vehicleId, read: read.name };
  return { vehicle, read: await asReadProblem(() => reads.read(ask)) };
}
