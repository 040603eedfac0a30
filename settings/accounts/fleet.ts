/** Accounts of vendors that track fleets. */

import type { AccountParts } from '../../vendors/registry';
import type { Settings } from '../types';
import { type Account, findAccount } from './accounts';

export interface FleetAccount extends Account {
  readonly login: NonNullable<AccountParts['login']>;
  readonly fleet: NonNullable<AccountParts['fleet']>;
}

/** @throws RangeError when the account is unknown or its vendor tracks no fleets. */
export function findFleetAccount(settings: Settings, name: string): FleetAccount {
  const account = findAccount(settings, name);
  const { login, fleet } = account.parts;
  if (login && fleet) return { ...account, login, fleet };
  throw new RangeError(`account "${name}" is of ${account.settings.vendor}, which tracks no fleets`);
}
