/** Accounts whose vendor has vehicles to read. */
import type { VehiclesApi } from '../../vendors/capabilities/vehicles';
import type { Settings } from '../types';
import { type Account, findAccount } from './accounts';

export interface VehicleAccount extends Account {
  readonly vehicles: VehiclesApi;
}

/** @throws RangeError when the account is unknown or its vendor has no vehicles. */
export function findVehicleAccount(settings: Settings, name: string): VehicleAccount {
  const account = findAccount(settings, name);
  const { vehicles } = account.parts;
  if (vehicles) return { ...account, vehicles };
  throw new RangeError(`account "${name}" is of ${account.settings.vendor}, which has no vehicles to read`);
}

/** All of them, in order of their names. */
export function vehicleAccounts(settings: Settings): VehicleAccount[] {
  return Object.keys(settings.accounts)
    .map((name) => findAccount(settings, name))
    .flatMap((account) => {
      const { vehicles } = account.parts;
      return vehicles === undefined ? [] : [{ ...account, vehicles }];
    });
}
