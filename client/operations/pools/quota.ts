/** An account's quota as it stands, from its limits' rows and the thresholds of its settings. */
import type { Pool } from 'pg';
import { dailyLimitOf, dayZone, fileCap, type RunCap, runCap } from '../../../quota/batches/run-terms';
import { nextBoundary, startOfDay } from '../../../quota/calendar';
import { usableShare } from '../../../quota/limits/limit';
import {
  type KeyedLevel,
  type QuotaStatus,
  quotaStatus,
  withFileItems,
} from '../../../quota/limits/quota-status';
import { type Account, limitsOfCall } from '../../../settings/accounts/accounts';
import type { Batch } from '../../../store/batches/batches';
import { itemsInFiles } from '../../../store/batches/parts';
import { listLimits } from '../../../store/permits/permits';
import type { TextApi } from '../../../vendors/capabilities/texts';

/** @param cap the pause of a run's own. */
export function quotaOf(
  account: Pick<Account, 'limits'>,
  stored: readonly KeyedLevel[],
  cap: RunCap | null = null,
): QuotaStatus {
  const levels = stored.map((limit) => {
    const template = account.limits.find(({ name }) => name === limit.name);
    return { ...limit, threshold: template ? usableShare(template, 'background') : 1 };
  });
  return quotaStatus(levels, cap);
}

/** An account's items of today that go by files: calls of the day that no limit's row knows of. */
export async function filesOfToday(db: Pool, { poolKey, limits, parts }: Account, now: number) {
  const zone = dayZone(limits);
  const items = parts.textBatches ? await itemsInFiles(db, poolKey, startOfDay(now, zone)) : 0;
  return { items, dayEndsAt: nextBoundary(now, 'day', zone) };
}

/** As a batch minds it: with terms of its own, and items in files, whichever run's, counted as calls of the day. */
export async function quotaOfBatch(
  db: Pool,
  account: Account,
  api: TextApi,
  { via, options, priority, model }: Pick<Batch, 'via' | 'options' | 'priority' | 'model'>,
  now: number,
): Promise<QuotaStatus> {
  const [all, files] = await Promise.all([listLimits(db, account.poolKey), filesOfToday(db, account, now)]);
  const own = limitsOfCall(account, api.operation, api.attributes(model));
  // Not those of other models.
  const stored = all.filter(({ name, key }) => {
    return own.some((limit) => limit.key === key) || !own.some((limit) => limit.template.name === name);
  });
  const pauseOf = via === 'batch-api' || files.items > 0 ? fileCap : runCap;
  const cap = pauseOf(account.limits, api, options, priority);
  const daily = cap?.limit ?? dailyLimitOf(account.limits)?.name;
  if (daily === undefined || (cap === null && files.items === 0)) return quotaOf(account, stored, cap);
  const counted = { limit: daily, dailyLimit: cap?.dailyLimit ?? Number.MAX_SAFE_INTEGER };
  return quotaOf(account, withFileItems(stored, counted, { key: daily, ...files }), cap);
}
