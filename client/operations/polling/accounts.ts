/** The accounts that can be polled. */
import { findPolledAccount, type PolledAccount } from '../../../activities/reads/polling/input';
import type { Settings } from '../../../settings';
import { vehicleAccounts } from '../../../settings/accounts/vehicles';
import { asField, invalid } from '../errors';
import { chooseOfVendor } from '../settings/choose';

/** All whose vendor has something to poll, in order of their names. */
export function polledAccounts(settings: Settings): PolledAccount[] {
  return vehicleAccounts(settings).flatMap(({ parts, name }) =>
    parts.polling === undefined ? [] : [findPolledAccount(settings, name)],
  );
}

/** The account given, or the only one that there is, of a vendor where that is given. */
export function choosePolled(
  settings: Settings,
  given: string | undefined,
  vendor: string | undefined,
): PolledAccount {
  if (given !== undefined) return asField('account', () => findPolledAccount(settings, given));
  if (vendor !== undefined) {
    const name = chooseOfVendor(settings, vendor, undefined);
    return asField('vendor', () => findPolledAccount(settings, name));
  }
  const all = polledAccounts(settings);
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  throw only === undefined
    ? invalid('account', 'the settings have no account that is polled', 'UNKNOWN_NAME')
    : invalid(
        'account',
        `there are several accounts that are polled; give one of ${all.map(({ name }) => name).join(', ')}`,
        'AMBIGUOUS_NAME',
      );
}
