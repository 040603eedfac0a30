/** A dataset of reports of an account, with what the settings say of both. */

import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../quota/durations';
import type { ChunkPolicy } from '../../quota/windows/chunks';
import type { DatasetDescription } from '../../vendors/dataset';
import { findReportAccount, type ReportAccount } from '../accounts/accounts';
import type { DatasetSettings, Settings } from '../types';
import { findDataset, requireDatasetSettings } from './datasets';

export interface DatasetContext {
  readonly account: ReportAccount;
  readonly dataset: DatasetDescription;
  readonly settings: DatasetSettings;
}

/** @throws RangeError for an unknown dataset or account, or one of another vendor. */
export function datasetContext(settings: Settings, dataset: string, account: string): DatasetContext {
  const found = findReportAccount(settings, account);
  const description = findDataset(dataset);
  if (description.vendor !== found.settings.vendor) {
    throw new RangeError(
      `account "${account}" is of ${found.settings.vendor}; ${dataset} needs one of ${description.vendor}`,
    );
  }
  return {
    account: found,
    dataset: description,
    settings: requireDatasetSettings(settings, dataset, account),
  };
}

/** The dataset's chunk policy with the settings in place. `chunkHours` overrides both. */
export function chunkPolicy({ dataset, settings }: DatasetContext, chunkHours: number | null): ChunkPolicy {
  return {
    ...dataset.chunks,
    chunkMs: Math.min(dataset.maxSpanMs, (chunkHours ?? settings.chunkHours) * HOUR_MS),
    joinOlderThanMs: settings.joinOlderThanHours * HOUR_MS,
    lookbackMs: Math.min(dataset.lookbackMs, settings.lookbackDays * DAY_MS),
    safeLagMs: Math.max(dataset.endLagMs, settings.safeMinutesLag * MINUTE_MS),
  };
}
