/** Which account the endpoints of the earlier services speak of, which name none: one rule for all of them. */
import type { Settings } from '..';
import { vehicleAccounts } from './vehicles';

/** The one that the settings name, the only one with vehicles, or the only one; null where it could be any of several. */
export function mainAccount(settings: Settings): string | null {
  if (settings.api.mainAccount !== undefined) return settings.api.mainAccount;
  const withVehicles = vehicleAccounts(settings).map(({ name }) => name);
  const candidates = withVehicles.length > 0 ? withVehicles : Object.keys(settings.accounts);
  const [only] = candidates;
  return candidates.length === 1 ? (only ?? null) : null;
}
