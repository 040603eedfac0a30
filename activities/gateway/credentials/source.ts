/** How an account's calls get what they carry: a token by login, one bought with a grant, or a key. */
import type { Account } from '../../../settings/accounts/accounts';
import type { TokenSource } from '../call-terms';
import { createGrantSource, type GrantDeps } from './grant';
import { createKeySource } from './key-source';
import { createTokenSource } from './login';

/**
 * @param caller under which logins and refreshes are counted.
 * @throws RangeError for an account that has none of the three.
 */
export function createAccountTokens(deps: GrantDeps, account: Account, caller = 'login'): TokenSource {
  const { apiKey, login, grant } = account.parts;
  if (apiKey !== undefined) return createKeySource(apiKey, deps.secrets);
  if (login !== undefined) return createTokenSource(deps, account, login, caller);
  if (grant !== undefined) return createGrantSource(deps, account, grant, caller);
  throw new RangeError(`account "${account.name}" has neither an API key nor a login`);
}
