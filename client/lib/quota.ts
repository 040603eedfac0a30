/** An account's quota as it stands, from its limits' rows and the thresholds of its settings. */
import type { Account } from '../../activities/accounts';
import { type QuotaStatus, quotaStatus } from '../../quota/quota-status';
import type { RunCap } from '../../quota/run-terms';
import type { LimitStatus } from '../../store/permits';

/** @param cap the pause of a run's own. */
export function quotaOf(
  account: Pick<Account, 'limits'>,
  stored: readonly LimitStatus[],
  cap: RunCap | null = null,
): QuotaStatus {
  const levels = stored.map((limit) => {
    const template = account.limits.find(({ name }) => name === limit.name);
    return { ...limit, threshold: 1 - (template?.reserve?.background ?? 0) };
  });
  return quotaStatus(levels, cap);
}
