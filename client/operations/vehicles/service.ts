/**
 * Reads of vehicles in this process. The service remembers answers and who asks, so there is one for each pool of
 * connections: a server that keeps one open has it for as long, a command for itself.
 */
import type { Pool } from 'pg';
import { createKeySource } from '../../../activities/gateway/credentials/key-source';
import { createTokenSource } from '../../../activities/gateway/credentials/login';
import type { Way } from '../../../activities/reads/calls';
import { VehicleReads } from '../../../activities/reads/vehicle-reads';
import type { Settings } from '../../../settings';
import { findVehicleAccount, type VehicleAccount } from '../../../settings/accounts/vehicles';
import { ReaderBuckets } from '../../../store/reads/readers';
import type { KeyRing } from '../../../store/secrets/keyring';
import { TokenStore } from '../../../store/secrets/tokens';
import { Vault } from '../../../store/secrets/vault';
import { loadVaultKeys } from '../context';
import { type OwnGateway, withOwnGateway } from '../own-gateway';

export interface ReadService {
  readonly reads: VehicleReads;
  readonly buckets: ReaderBuckets;
  /** What stands for an end user in tables: a keyed hash. */
  readonly readerOf: (user: string) => Promise<string>;
}

const services = new WeakMap<Pool, { readonly settings: Settings; readonly service: ReadService }>();

export function readService(db: Pool, settings: Settings): ReadService {
  const known = services.get(db);
  if (known?.settings === settings) return known.service;
  let keys: Promise<KeyRing> | null = null;
  const keyRing = () => {
    keys ??= loadVaultKeys({ settings });
    keys.catch(() => {
      keys = null;
    });
    return keys;
  };
  const service: ReadService = {
    reads: new VehicleReads({
      db,
      settings,
      account: (name) => findVehicleAccount(settings, name),
      calling: (account, work) =>
        withOwnGateway(db, settings, (own) => work(wayOf(db, account, own, keyRing))),
    }),
    buckets: new ReaderBuckets(db),
    readerOf: async (user) => (await keyRing()).fingerprint(['reader', user]),
  };
  services.set(db, { settings, service });
  return service;
}

/** Keys are loaded with the first token that is wanted: what only looks at the pool needs none. */
function wayOf(
  db: Pool,
  account: VehicleAccount,
  { gateway, dispatcher }: OwnGateway,
  keyRing: () => Promise<KeyRing>,
): Way {
  const { apiKey, login } = account.parts;
  if (apiKey === undefined && login === undefined) return { gateway, dispatcher, tokenSource: null };
  const source = async () => {
    const keys = await keyRing();
    const secrets = { vault: new Vault(db, keys) };
    if (apiKey !== undefined) return createKeySource(apiKey, secrets);
    if (login === undefined) throw new Error('neither a key nor a login');
    const timeoutMs = account.vehicles.timeoutMs;
    const deps = { gateway, tokens: new TokenStore(db, keys), keys, secrets, dispatcher, timeoutMs };
    return createTokenSource(deps, account, login);
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
