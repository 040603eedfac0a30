/**
 * Checks that each account's login is accepted: through the same gateway, with the same permits and tokens as every
 * worker.
 */
import type { Pool } from 'pg';
import pino from 'pino';
import { Agent } from 'undici';
import { createTokenSource } from '../../activities/gateway/credentials/login';
import { PermitGate } from '../../activities/gateway/permits/gate';
import { VendorGateway } from '../../activities/gateway/vendor-call';
import type { Settings } from '../../settings';
import { findAccount } from '../../settings/accounts/accounts';
import { CallCounter } from '../../store/permits/call-counts';
import type { KeyRing } from '../../store/secrets/keyring';
import { TokenStore } from '../../store/secrets/tokens';
import { Vault } from '../../store/secrets/vault';
import { messageOf } from './errors';

export interface LoginCheck {
  readonly account: string;
  /** Null when a token was had. */
  readonly problem: string | null;
}

/** Accounts of vendors with a login, each tried once; a token that is still good is proof enough. */
export async function tryLogins(db: Pool, settings: Settings, keys: KeyRing): Promise<LoginCheck[]> {
  const dispatcher = new Agent({ connect: { timeout: settings.http.connectTimeoutMs } });
  const counter = new CallCounter(db);
  const gateway = new VendorGateway({
    db,
    gate: new PermitGate(db, { leadMs: settings.permits.leadMs }),
    counter,
    generations: null,
    log: pino({ level: 'silent' }),
    // A login that is refused holds the account's pool in Postgres; its workflow sees it there.
    notifyPool: async () => undefined,
  });
  const checks: LoginCheck[] = [];
  try {
    for (const [name, { enabled }] of Object.entries(settings.accounts)) {
      const account = findAccount(settings, name);
      const { login } = account.parts;
      if (!enabled || login === undefined) continue;
      const source = createTokenSource(
        {
          gateway,
          tokens: new TokenStore(db, keys),
          keys,
          secrets: { vault: new Vault(db, keys) },
          dispatcher,
          timeoutMs: settings.http.timeoutMs,
        },
        account,
        login,
        'doctor',
      );
      const problem = await source.token(0, undefined).then(() => null, messageOf);
      checks.push({ account: name, problem });
    }
  } finally {
    await counter.flush();
    await dispatcher.close();
  }
  return checks;
}
