/** The organization of an account: it stops, and is resumed, as a pool of its own. */
import type { QuotaVerdict, Verdict } from '../../../quota/verdict';
import type { CallableAccount } from '../../../settings/accounts/accounts';

/** A verdict that stops a pool until somebody or something resumes it. */
export type HoldVerdict = Extract<Verdict, { kind: 'auth' | 'billing' | 'blocked' }>;

/** An account's organization in the place of the account's own pool; null without one. */
export function organizationOf(account: CallableAccount): CallableAccount | null {
  const { organization } = account;
  return organization === undefined
    ? null
    : { ...account, poolKey: organization.key, pool: organization.policy };
}

/** The organization that a verdict is about; null where it is about the account. */
export function organizationMeant(
  account: CallableAccount,
  verdict: HoldVerdict | QuotaVerdict,
): CallableAccount | null {
  return 'scope' in verdict && verdict.scope === 'organization' ? organizationOf(account) : null;
}
