/**
 * Checks that each account's login is accepted: through the same gateway, with the same permits and tokens as every
 * worker.
 */
import type { Pool } from 'pg';
import { createTokenSource } from '../../../activities/gateway/credentials/login';
import type { Settings } from '../../../settings';
import { findAccount } from '../../../settings/accounts/accounts';
import { GrantStore } from '../../../store/secrets/grants';
import type { KeyRing } from '../../../store/secrets/keyring';
import { TokenStore } from '../../../store/secrets/tokens';
import { Vault } from '../../../store/secrets/vault';
import { messageOf } from '../errors';
import { withOwnGateway } from '../gateway/own-gateway';
import { hint } from '../hints';

export interface LoginCheck {
  readonly account: string;
  /** Null when a token was had. */
  readonly problem: string | null;
}

/** Accounts of vendors with a login, each tried once; a token that is still good is proof enough. */
export async function tryLogins(db: Pool, settings: Settings, keys: KeyRing): Promise<LoginCheck[]> {
  return withOwnGateway(db, settings, async ({ gateway, dispatcher }) => {
    const checks: LoginCheck[] = [];
    for (const [name, { enabled }] of Object.entries(settings.accounts)) {
      const account = findAccount(settings, name);
      const { login, grant } = account.parts;
      if (!enabled) continue;
      if (grant !== undefined) {
        // Not tried: no refresh is made for a check.
        const found = (await new GrantStore(db, keys).list()).find((one) => one.account === account.poolKey);
        const reason = found?.neededReason ?? (found?.loggedInAt ? null : 'nobody has logged in');
        checks.push({ account: name, problem: reason && `${reason}; log in: ${hint('login', name)}` });
        continue;
      }
      if (login === undefined) continue;
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
    return checks;
  });
}
