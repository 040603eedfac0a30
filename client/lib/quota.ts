/** An account's quota as it stands, from its limits' rows and the thresholds of its settings. */
import type { Pool } from 'pg';
import type { Account } from '../../activities/accounts';
import { type KeyedLevel, type QuotaStatus, quotaStatus, withFileItems } from '../../quota/quota-status';
import { dailyLimitOf, fileCap, type RunCap, runCap } from '../../quota/run-terms';
import { itemsInFiles } from '../../store/batch-parts';
import type { Batch } from '../../store/batches';
import { listLimits } from '../../store/permits';
import { nextBoundary, startOfDay } from '../../vendors/calendar';
import type { TextApi } from '../../vendors/texts';

/** @param cap the pause of a run's own. */
export function quotaOf(
  account: Pick<Account, 'limits'>,
  stored: readonly KeyedLevel[],
  cap: RunCap | null = null,
): QuotaStatus {
  const levels = stored.map((limit) => {
    const template = account.limits.find(({ name }) => name === limit.name);
    return { ...limit, threshold: 1 - (template?.reserve?.background ?? 0) };
  });
  return quotaStatus(levels, cap);
}

/** As a batch minds it: with terms of its own, and its items in files counted as calls of the day. */
export async function quotaOfBatch(
  db: Pool,
  account: Account,
  api: TextApi,
  { via, options, priority }: Pick<Batch, 'via' | 'options' | 'priority'>,
  now: number,
): Promise<QuotaStatus> {
  const stored = await listLimits(db, account.poolKey);
  if (via !== 'batch-api') return quotaOf(account, stored, runCap(account.limits, api, options, priority));
  const cap = fileCap(account.limits, api, options, priority);
  if (cap === null) return quotaOf(account, stored);
  const window = dailyLimitOf(account.limits)?.window;
  const zone = window?.kind === 'calendar' ? window.zone : 'UTC';
  const items = await itemsInFiles(db, account.poolKey, startOfDay(now, zone));
  const files = { key: cap.limit, items, dayEndsAt: nextBoundary(now, 'day', zone) };
  return quotaOf(account, withFileItems(stored, cap, files), cap);
}
