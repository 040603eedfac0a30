/** The tokens of an account of the scripted vendor, bought with a grant; and a process that asks for one and may be killed. */
import type { Pool } from 'pg';
import pino from 'pino';
import { Agent } from 'undici';
import {
  createGrantSource,
  type GrantDeps,
  type GrantSource,
} from '../../../activities/gateway/credentials/grant';
import { Spool } from '../../../activities/gateway/spool/spool';
import { DAY_MS } from '../../../quota/durations';
import type { CallableAccount } from '../../../settings/accounts/accounts';
import { createPool } from '../../../store/db';
import { GrantStore } from '../../../store/secrets/grants';
import { KeyRing } from '../../../store/secrets/keyring';
import { TokenStore } from '../../../store/secrets/tokens';
import { hasEnded, workerIdentity } from '../../../temporal/worker-identity';
import type { GrantApi } from '../../../vendors/capabilities/login';
import { type ScriptedGateway, scriptedGateway } from '../scripted-gateway';

export function scriptedGrant(url: string, singleUse = true): GrantApi {
  return {
    operation: 'refresh',
    credentials: {},
    singleUse,
    refreshLifetimeMs: 14 * DAY_MS,
    refresh: (refreshToken) => ({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken }).toString(),
    }),
    parse: (body) => {
      const { access_token, refresh_token, id_token, expires_in } = JSON.parse(body) as Record<
        string,
        string
      >;
      return access_token === undefined
        ? { ok: false, problem: 'access_token: is missing' }
        : {
            ok: true,
            value: {
              accessToken: access_token,
              expiresInMs: Number(expires_in),
              ...(refresh_token && { refreshToken: refresh_token }),
              ...(id_token && { idToken: id_token }),
            },
          };
    },
    refreshTokenIn: (body) => (JSON.parse(body) as { refresh_token?: string }).refresh_token ?? null,
    login: {
      kind: 'device-code',
      operations: { start: 'start', poll: 'poll' },
      start: () => ({ method: 'POST', url, headers: {} }),
      parseStart: () => ({ ok: false, problem: 'not in this test' }),
      poll: () => ({ method: 'POST', url, headers: {} }),
      judgePoll: () => ({ kind: 'other' }),
    },
  };
}

export interface GrantCaller {
  readonly scripted: ScriptedGateway;
  readonly account: CallableAccount;
  readonly grants: GrantStore;
  readonly auth: GrantSource;
}

/** @param grants a store that a test has got at. @param more of the account. */
export function grantCaller(
  db: Pool,
  keys: KeyRing,
  name: string,
  api: GrantApi,
  grants = new GrantStore(db, keys),
  more: Partial<CallableAccount> = {},
  spool: GrantDeps['spool'] = null,
): GrantCaller {
  const scripted = scriptedGateway(db);
  const account = scripted.account(name, [], { loginByPerson: true, ...more });
  const deps = {
    ...{ gateway: scripted.gateway, grants, keys, secrets: {}, timeoutMs: 5_000 },
    settleMs: 300,
    spool,
    tokens: new TokenStore(db, keys),
    dispatcher: new Agent(),
  };
  return { scripted, account, grants, auth: createGrantSource(deps, account, api) };
}

/** Where the process ends by a signal 9 that it gives itself. */
export type KillStep = 'before' | 'marked' | 'answered' | 'committed' | 'never';

export interface GrantCallerOptions {
  readonly databaseUrl: string;
  readonly key: string;
  readonly account: string;
  readonly url: string;
  readonly killAt: KillStep;
  /** Where answers are kept on disk; null: nowhere. */
  readonly spoolDir: string | null;
}

/** Of this process, as a worker's. */
export function spoolIn(root: string, keys: KeyRing): Spool {
  return new Spool({ root, keys, log: pino({ level: 'silent' }), identity: workerIdentity(), hasEnded });
}

class KillingStore extends GrantStore {
  at: KillStep = 'never';

  private step(step: KillStep): void {
    if (step === this.at) process.kill(process.pid, 'SIGKILL');
  }

  override async markSent(...args: Parameters<GrantStore['markSent']>) {
    this.step('before');
    const marked = await super.markSent(...args);
    this.step('marked');
    return marked;
  }

  override async storeRefreshed(...args: Parameters<GrantStore['storeRefreshed']>) {
    this.step('answered');
    const stored = await super.storeRefreshed(...args);
    this.step('committed');
    return stored;
  }
}

async function main(options: GrantCallerOptions): Promise<void> {
  const db = createPool(options.databaseUrl, { max: 4 });
  const keys = KeyRing.parse(options.key);
  const store = new KillingStore(db, keys);
  store.at = options.killAt;
  const { account, url, spoolDir } = options;
  const spool = spoolDir === null ? null : spoolIn(spoolDir, keys);
  const { auth } = grantCaller(db, keys, account, scriptedGrant(url), store, {}, spool);
  process.send?.('asking');
  const { accessToken } = await auth.token(0, undefined);
  process.send?.(accessToken);
}

if (require.main === module) void main(JSON.parse(process.argv[2] ?? '{}') as GrantCallerOptions);
