/** A fleet dataset of an account, with its settings. */

import { type FleetAccount, findFleetAccount } from '../accounts/fleet';
import type { Settings } from '../types';
import { type FleetTerms, fleetTerms } from './kinds';

export interface FleetContext {
  readonly dataset: string;
  readonly account: FleetAccount;
  readonly terms: FleetTerms;
}

/** @throws RangeError for an unknown dataset or account, or one of another vendor. */
export function fleetContext(
  settings: Settings,
  { dataset, account }: { readonly dataset: string; readonly account: string },
): FleetContext {
  const found = findFleetAccount(settings, account);
  const [vendor] = dataset.split('/');
  if (vendor !== found.vendor.id) {
    throw new RangeError(`account "${account}" is of ${found.vendor.id}; ${dataset} needs one of ${vendor}`);
  }
  return { dataset, account: found, terms: fleetTerms(settings.datasets, dataset, account) };
}

/** @throws RangeError for live positions, which have no past. */
export function historyOperation({ account, dataset, terms }: FleetContext): string {
  const { operations } = account.fleet;
  if (terms.kind === 'tracks') return operations.track;
  if (terms.kind === 'trips') return operations.trips;
  throw new RangeError(`${dataset} is live and has no past: the past is in ${account.vendor.id}/tracks`);
}
