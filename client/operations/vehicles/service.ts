/**
 * Reads of vehicles, and checks of end users, in this process. The service remembers answers and who asks, so there is one for each pool of
 * connections: a server that keeps one open has it for as long, a command for itself.
 */
import { createHmac } from 'node:crypto';
import type { Pool } from 'pg';
import { UserAuthCache } from '../../../activities/commands/user-auth-cache';
import { createAccountTokens } from '../../../activities/gateway/credentials/source';
import type { KeepDeps } from '../../../activities/gateway/spool/held';
import type { Way } from '../../../activities/reads/calls';
import { VehicleReads } from '../../../activities/reads/vehicle-reads';
import type { Settings } from '../../../settings';
import { findVehicleAccount, type VehicleAccount } from '../../../settings/accounts/vehicles';
import { readDeployment, type StoredDeployment } from '../../../store/deployment';
import { ReaderBuckets } from '../../../store/reads/readers';
import { AcceptedUsers } from '../../../store/secrets/accepted-users';
import { GrantStore } from '../../../store/secrets/grants';
import type { KeyRing } from '../../../store/secrets/keyring';
import { TokenStore } from '../../../store/secrets/tokens';
import { Vault } from '../../../store/secrets/vault';
import type { Backend } from '../backend/backend';
import { loadVaultKeys } from '../backend/context';
import { type OwnGateway, withOwnGateway } from '../gateway/own-gateway';
import { ownSpool } from '../gateway/own-spool';

export interface ReadService {
  readonly reads: VehicleReads;
  readonly buckets: ReaderBuckets;
  /** What stands for an end user in tables: a keyed hash, the same in all processes, by the vault key or without one the deployment's seed. */
  readonly readerOf: (user: string) => Promise<string>;
  /** Checks that vendors have answered with yes; null without a vault key. */
  readonly userAuth: () => Promise<UserAuthCache | null>;
}

const services = new WeakMap<Pool, { readonly settings: Settings; readonly service: ReadService }>();

export function readService(db: Pool, backend: Pick<Backend, 'settings' | 'dir'>): ReadService {
  const { settings } = backend;
  const known = services.get(db);
  if (known?.settings === settings) return known.service;
  let keys: Promise<KeyRing> | null = null;
  let cache: UserAuthCache | null = null;
  let deployment: Promise<StoredDeployment> | null = null;
  const keyRing = () => {
    keys ??= loadVaultKeys({ settings });
    keys.catch(() => {
      keys = null;
    });
    return keys;
  };
  const seed = async () => {
    deployment ??= readDeployment(db);
    deployment.catch(() => {
      deployment = null;
    });
    return (await deployment).seed;
  };
  const spool = ownSpool(backend, keyRing);
  const service: ReadService = {
    reads: new VehicleReads({
      db,
      settings,
      spool,
      account: (name) => findVehicleAccount(settings, name),
      calling: (account, work) =>
        withOwnGateway(db, settings, (own) => work(wayOf(db, account, { ...own, spool }, keyRing)), spool),
    }),
    buckets: new ReaderBuckets(db),
    readerOf: async (user) =>
      settings.vault.key === null
        ? createHmac('sha256', await seed())
            .update(user)
            .digest('hex')
        : (await keyRing()).fingerprint(['reader', user]),
    userAuth: async () => {
      if (settings.vault.key === null) return null;
      cache ??= new UserAuthCache(new AcceptedUsers(db, await keyRing()));
      return cache;
    },
  };
  services.set(db, { settings, service });
  return service;
}

/** Keys are loaded with the first token that is wanted: a check of the pool needs none. */
function wayOf(
  db: Pool,
  account: VehicleAccount,
  { gateway, dispatcher, spool }: OwnGateway & Pick<KeepDeps, 'spool'>,
  keyRing: () => Promise<KeyRing>,
): Way {
  const { apiKey, login, grant } = account.parts;
  if (apiKey === undefined && login === undefined && grant === undefined)
    return { gateway, dispatcher, tokenSource: null };
  const source = async () => {
    const keys = await keyRing();
    const stores = { tokens: new TokenStore(db, keys), grants: new GrantStore(db, keys) };
    const secrets = { vault: new Vault(db, keys) };
    const { timeoutMs } = account.vehicles;
    return createAccountTokens({ gateway, dispatcher, keys, ...stores, secrets, timeoutMs, spool }, account);
  };
  return {
    gateway,
    dispatcher,
    tokenSource: {
      token: async (staleVersion, signal) => (await source()).token(staleVersion, signal),
      reconsider: async (since) => (await source()).reconsider?.(since),
    },
  };
}
