/** Limits that are one row for an account, whatever its calls are about. Pure. */
import { type LimitInstance, limitKey, scopeNames } from '../../quota/limits/limit';
import type { CallableAccount } from '../accounts/accounts';

/** Those that only a single call decides, of a device or a report type say, get rows with their first calls. */
export function accountLimits({
  name,
  vendor,
  limits,
  attributes,
}: Pick<CallableAccount, 'name' | 'vendor' | 'limits' | 'attributes'>): LimitInstance[] {
  const known = { ...attributes, account: name, vendor: vendor.id };
  return limits
    .filter(({ scope }) => scopeNames(scope).every((attribute) => Object.hasOwn(known, attribute)))
    .map((template) => ({ key: limitKey(vendor.id, template, known), template }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}
