/** Use cases of logins by a person: start one, show it, cancel it, and who is logged in. */
import { z } from 'zod';
import { logInByForm } from '../../../activities/gateway/credentials/form-login';
import { createTokenSource } from '../../../activities/gateway/credentials/login';
import { type Account, findAccount } from '../../../settings/accounts/accounts';
import { GrantStore } from '../../../store/secrets/grants';
import type { KeyRing } from '../../../store/secrets/keyring';
import { createLogin, endLogin, type LoginRecord, readLogin } from '../../../store/secrets/logins';
import { TokenStore } from '../../../store/secrets/tokens';
import { Vault } from '../../../store/secrets/vault';
import { isRunning, startOrAttach } from '../../../temporal/start-or-attach';
import type { FormLogin, GrantApi } from '../../../vendors/capabilities/login';
import type { deviceLogin } from '../../../workflows/logins/device-login';
import { cancelSignal, loginWorkflowId } from '../../../workflows/messages';
import type { Backend } from '../backend/backend';
import { loadVaultKeys } from '../backend/context';
import { workerPolls } from '../datasets/work';
import { asField, invalid, messageOf, problem } from '../errors';
import { name, reason, whole } from '../fields';
import { withOwnGateway } from '../gateway/own-gateway';
import { ownSpool } from '../gateway/own-spool';
import { operation } from '../operation';
import { signalOrder } from '../pools/orders';
import { isoOrNull } from '../time-text';

export interface StartedLogin {
  readonly login: LoginRecord;
  /** False when nobody is there to make the calls of a login that waits. */
  readonly workerRuns: boolean;
}

const FIELDS_MAX = 8_000;

export const startLogin = operation({
  about: 'log in to an account, by a code that a person enters or by what a person enters here',
  input: z.strictObject({
    account: name,
    /** What the vendor's form asks for, by name; used and forgotten. */
    fields: z.record(z.string(), z.string().max(FIELDS_MAX)).default({}).meta({ writeOnly: true }),
  }),
  json: ({ login }: StartedLogin) => loginJson(login),
  run: async (backend, { account: given, fields }): Promise<StartedLogin> => {
    const account = asField('account', () => findAccount(backend.settings, given));
    const { apiKey, login, grant } = account.parts;
    if (grant?.login.kind === 'form') {
      const form: FormLogin = grant.login;
      checkFields(form, fields);
      return { login: await enter(backend, account, { ...grant, login: form }, fields), workerRuns: true };
    }
    const [field] = Object.keys(fields);
    if (field !== undefined) {
      throw invalid('fields', `account ${given} is logged in to without any`, 'NOT_APPLICABLE');
    }
    if (grant !== undefined) return startDeviceLogin(backend, account);
    if (login !== undefined) return { login: await tryLogin(backend, account), workerRuns: true };
    throw invalid(
      'account',
      apiKey === undefined
        ? `"${given}" has no login`
        : `"${given}" carries an API key in each call: there is nothing to log in to`,
      'NOT_APPLICABLE',
    );
  },
});

export const showLogin = operation({
  about: 'one login, by its number',
  input: z.strictObject({ login: whole(1) }),
  json: loginJson,
  run: (backend, { login }) => backend.database(async (db) => knownLogin(await readLogin(db, login), login)),
});

export const cancelLogin = operation({
  about: 'wait for a login no longer',
  input: z.strictObject({ login: whole(1), reason }),
  json: loginJson,
  run: (backend, given) =>
    backend.database(async (db) => {
      const { account } = knownLogin(await readLogin(db, given.login), given.login);
      const because = given.reason || 'cancelled by operator';
      const after = knownLogin(await endLogin(db, given.login, 'cancelled', because), given.login);
      if (after.state !== 'cancelled') {
        throw problem('TOO_LATE', null, `login ${given.login} has ended: ${loginStateText(after)}`);
      }
      const workflowId = loginWorkflowId(account, given.login);
      await backend
        .temporal(async (client) => {
          if (!(await isRunning(client, workflowId))) return;
          await client.workflow.getHandle(workflowId).signal(cancelSignal, { reason: because });
        })
        // It ends at its next poll: there is no code to ask with any more.
        .catch(() => undefined);
      return after;
    }),
});

export function loginStateText({ state, message }: Pick<LoginRecord, 'state' | 'message'>): string {
  return message === '' ? state : `${state}: ${message}`;
}

async function startDeviceLogin(backend: Backend, account: Account): Promise<StartedLogin> {
  const { settings, caller } = backend;
  return backend.database((db) =>
    backend.temporal(async (client) => {
      const login = await createLogin(db, { account: account.name, kind: 'device-code', askedBy: caller });
      try {
        await startOrAttach<typeof deviceLogin>(client, 'deviceLogin', {
          workflowId: loginWorkflowId(account.name, login.id),
          taskQueue: settings.temporal.taskQueue,
          staticSummary: `Login to ${account.name}`,
          staticDetails: 'Waits for a person to enter a code. Signals: cancel.',
          args: [{ account: account.name, loginId: login.id }],
        });
      } catch (error) {
        await endLogin(db, login.id, 'failed', `Temporal did not take it: ${messageOf(error)}`);
        throw error;
      }
      const workerRuns = await workerPolls(client, settings.temporal.taskQueue).catch(() => true);
      return { login, workerRuns };
    }),
  );
}

/** In this process, for Temporal keeps what it is given. */
async function enter(
  backend: Backend,
  account: Account,
  grant: GrantApi & { readonly login: FormLogin },
  fields: Readonly<Record<string, string>>,
): Promise<LoginRecord> {
  return recorded(backend, account, 'form', async (deps) => {
    const end = await logInByForm(deps, account, grant, fields);
    return end.kind === 'done'
      ? { state: 'done', message: '' }
      : { state: stateOf[end.kind], message: end.message };
  });
}

const stateOf = { refused: 'refused', failed: 'failed' } as const;

/** Credentials of the settings are enough: a token that is good, or a login that is accepted, proves them. */
async function tryLogin(backend: Backend, account: Account): Promise<LoginRecord> {
  const { login } = account.parts;
  if (login === undefined) throw new RangeError(`account "${account.name}" has no login`);
  return recorded(backend, account, 'password', async (deps) => {
    await createTokenSource(deps, account, login).token(0, undefined);
    return { state: 'done', message: '' };
  });
}

type Deps = Parameters<typeof logInByForm>[0] & Parameters<typeof createTokenSource>[0];
type End = { readonly state: 'done' | 'refused' | 'failed'; readonly message: string };

/** Runs a login in this process. Whatever comes of it is in its row; what is wrong with us is thrown. */
async function recorded(
  backend: Backend,
  account: Account,
  kind: 'form' | 'password',
  work: (deps: Deps) => Promise<End>,
): Promise<LoginRecord> {
  const keys = await loadVaultKeys(backend);
  const { settings, caller } = backend;
  const { login, wasHeld } = await backend.database(async (db) => {
    const login = await createLogin(db, { account: account.name, kind, askedBy: caller });
    return withOwnGateway(db, settings, async ({ gateway, dispatcher }) => {
      const wasHeld = (await gateway.holdCause(account)) !== null;
      const deps = {
        ...{ gateway, dispatcher, keys, timeoutMs: settings.http.timeoutMs },
        tokens: new TokenStore(db, keys),
        grants: new GrantStore(db, keys),
        secrets: { vault: new Vault(db, keys) },
        spool: ownSpool(backend, async () => keys),
      };
      const end = await work(deps).catch(
        (error: unknown): End => ({ state: 'failed', message: messageOf(error) }),
      );
      const ended = await endLogin(db, login.id, end.state, end.message);
      return { login: knownLogin(ended, login.id), wasHeld };
    });
  });
  if (login.state === 'done' && wasHeld) await wakePool(backend, account);
  return login;
}

/** Those who wait for the pool are woken by its workflow. Without it they check again by themselves. */
async function wakePool(backend: Backend, { poolKey, pool }: Account): Promise<void> {
  const target = { key: poolKey, policy: pool };
  await backend
    .temporal((client) => signalOrder(client, backend.settings, target, { type: 'resume' }))
    .catch(() => undefined);
}

/** @throws OperationError that names what the form asks for, and never what was given. */
function checkFields(form: FormLogin, fields: Readonly<Record<string, string>>): void {
  const known = form.fields.map(({ name: field }) => field);
  const asked = form.fields.map(({ name: field, about }) => `${field} (${about})`).join(', ');
  const unknown = Object.keys(fields).find((field) => !known.includes(field));
  if (unknown !== undefined) throw invalid('fields', `"${unknown}" is not asked for; give ${asked}`);
  const missing = known.find((field) => (fields[field] ?? '').trim() === '');
  if (missing !== undefined)
    throw invalid('fields', `"${missing}" is missing; give ${asked}`, 'MISSING_INPUT');
}

function knownLogin(login: LoginRecord | null, id: number): LoginRecord {
  if (login === null) throw problem('NOT_FOUND', 'login', `there is no login ${id}`);
  return login;
}

function loginJson({ createdAt, expiresAt, endedAt, ...login }: LoginRecord) {
  return {
    ...login,
    createdAt: isoOrNull(createdAt),
    expiresAt: isoOrNull(expiresAt),
    endedAt: isoOrNull(endedAt),
  };
}

export interface AccountLogin {
  readonly account: string;
  readonly vendor: string;
  /** How tokens are had. */
  readonly by: 'device-code' | 'form' | 'password' | 'api-key' | 'nothing';
  /** `ready`: nothing has to be done by a person, as far as is known. */
  readonly state: 'ready' | 'never logged in' | 'needs login' | 'refused';
  readonly reason: string | null;
  /** Who has logged in, by the vendor's id. */
  readonly subject: string | null;
  /** Epoch ms, here and below. */
  readonly since: number | null;
  readonly refreshedAt: number | null;
  /** Until when the refresh token is taken to be good, if it is not used before. */
  readonly refreshGoodUntil: number | null;
  readonly accessGoodUntil: number | null;
}

export const listLogins = operation({
  about: 'who is logged in since when and until when, and who has to log in',
  input: z.strictObject({}),
  json: (logins: readonly AccountLogin[]) =>
    logins.map(({ since, refreshedAt, refreshGoodUntil, accessGoodUntil, ...rest }) => ({
      ...rest,
      since: isoOrNull(since),
      refreshedAt: isoOrNull(refreshedAt),
      refreshGoodUntil: isoOrNull(refreshGoodUntil),
      accessGoodUntil: isoOrNull(accessGoodUntil),
    })),
  run: async (backend): Promise<readonly AccountLogin[]> => {
    const keys = await loadVaultKeys(backend);
    return backend.database((db) => standings(backend, db, keys));
  },
});

async function standings(
  { settings }: Backend,
  db: ConstructorParameters<typeof GrantStore>[0],
  keys: KeyRing,
): Promise<AccountLogin[]> {
  const grants = new Map((await new GrantStore(db, keys).list()).map((one) => [one.account, one]));
  const refusals = await new TokenStore(db, keys).listRefusals();
  return Object.keys(settings.accounts).map((account) => {
    const { parts, vendor, poolKey } = findAccount(settings, account);
    const { apiKey, login, grant } = parts;
    const found = grant === undefined ? undefined : grants.get(poolKey);
    const refused = grant === undefined ? (refusals.get(poolKey) ?? null) : null;
    const never = grant !== undefined && (found?.loggedInAt ?? null) === null;
    return {
      account,
      vendor: vendor.id,
      by: grant?.login.kind ?? (login ? 'password' : apiKey === undefined ? 'nothing' : 'api-key'),
      state: never
        ? 'never logged in'
        : found && found.neededAt !== null
          ? 'needs login'
          : refused === null
            ? 'ready'
            : 'refused',
      reason: found?.neededReason ?? refused,
      subject: found?.subject ?? null,
      since: found?.loggedInAt ?? null,
      refreshedAt: found?.refreshedAt ?? null,
      refreshGoodUntil: found?.refreshExpiresAt ?? null,
      accessGoodUntil: found?.accessExpiresAt ?? null,
    };
  });
}
