/** The datasets that accounts may have, and those that the settings list. */
import type { DatasetDescription } from '../../vendors/dataset';
import { vendorOf, vendors } from '../../vendors/registry';
import type { DatasetSettings, Settings } from '../types';
import { fleetKindOf } from './kinds';

/** A dataset that comes as reports. @throws RangeError that lists the datasets there are. */
export function findDataset(id: string): DatasetDescription {
  const found = vendors()
    .flatMap((vendor) => vendor.descriptions)
    .find((d) => d.id === id);
  if (found) return found;
  if (fleetKindOf(id) !== null) throw new RangeError(`dataset "${id}" is a fleet's, and not made of reports`);
  const all = vendors().flatMap(({ id: vendor, datasets }) => datasets.map((name) => `${vendor}/${name}`));
  throw new RangeError(`dataset "${id}" is unknown (datasets: ${all.join(', ')})`);
}

/** @throws RangeError when the settings do not list the dataset for the account. */
export function requireDatasetSettings(
  settings: Settings,
  dataset: string,
  account: string,
): DatasetSettings {
  const found = settings.datasets.find((d) => d.dataset === dataset && d.account === account);
  if (found) return found;
  throw new RangeError(
    `the settings list no dataset ${dataset} for account "${account}": add it under datasets`,
  );
}

/** Descriptions of all datasets that the settings' vendors offer. */
export function datasetsOf(settings: Settings): readonly DatasetDescription[] {
  const used = new Set(Object.values(settings.accounts).map((account) => account.vendor));
  return [...used].flatMap((vendor) => vendorOf(vendor).descriptions);
}
