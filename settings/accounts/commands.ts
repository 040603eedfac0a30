/** Accounts of vendors that take commands, and of those whose end users have credentials of their own. */

import type { AccountParts } from '../../vendors/registry';
import type { Settings } from '../types';
import { type Account, findAccount } from './accounts';

export interface CommandAccount extends Account {
  readonly commands: NonNullable<AccountParts['commands']>;
}

export interface EndUserAccount extends Account {
  readonly endUsers: NonNullable<AccountParts['endUsers']>;
}

/** @throws RangeError when the account is unknown or its vendor takes no commands. */
export function findCommandAccount(settings: Settings, name: string): CommandAccount {
  const account = findAccount(settings, name);
  const { commands } = account.parts;
  if (commands) return { ...account, commands };
  throw new RangeError(`account "${name}" is of ${account.settings.vendor}, which takes no commands`);
}

/** @throws RangeError when the account is unknown or its vendor's end users cannot be checked. */
export function findEndUserAccount(settings: Settings, name: string): EndUserAccount {
  const account = findAccount(settings, name);
  const { endUsers } = account.parts;
  if (endUsers) return { ...account, endUsers };
  throw new RangeError(
    `account "${name}" is of ${account.settings.vendor}, whose end users' credentials cannot be checked`,
  );
}
