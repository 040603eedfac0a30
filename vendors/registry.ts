/**
 * Every vendor that this process knows: those of this repository, one entry each, and those that the settings load
 * (`plugins`). All else asks here, and knows none by name.
 */
import { amazon } from './amazon';
import { bmwCardata } from './bmw-cardata';
import { mybmw } from './bmw-mybmw';
import { type AccountParts, type CommonAccount, isVendor, type Vendor } from './define';
import { VendorError } from './definition/problems';
import { gps51 } from './gps51';
import { openai } from './openai';

export type { AccountParts, CommonAccount, Vendor } from './define';

/** A new vendor of this repository is a new folder and a new entry here. */
const BUILT_IN: readonly Vendor[] = [amazon, openai, gps51, bmwCardata, mybmw];

interface Entry {
  readonly vendor: Vendor;
  /** The module it comes from; null for one of this repository. */
  readonly module: string | null;
}

const entries = new Map(BUILT_IN.map((vendor): [string, Entry] => [vendor.id, { vendor, module: null }]));

/** In the order in which they became known; those of this repository first. */
export function vendors(): readonly Vendor[] {
  return [...entries.values()].map(({ vendor }) => vendor);
}

/** Ids of the vendors of this repository. */
export function builtInVendors(): readonly Vendor[] {
  return BUILT_IN;
}

/** Undefined for an id that no vendor has. */
export function findVendor(id: string): Vendor | undefined {
  return entries.get(id)?.vendor;
}

/** @throws RangeError that lists the vendors there are. */
export function vendorOf(id: string): Vendor {
  const found = findVendor(id);
  if (found) return found;
  throw new RangeError(`vendor "${id}" is unknown (vendors: ${[...entries.keys()].join(', ')})`);
}

/**
 * Adds a vendor from outside; the same one again changes nothing.
 * @param module where it comes from, for people.
 * @throws VendorError when another vendor has its id.
 */
export function registerVendor(vendor: Vendor, module: string): void {
  if (!isVendor(vendor)) throw new VendorError(['it must be made by defineVendor']);
  const known = entries.get(vendor.id);
  if (known?.vendor === vendor) return;
  if (known) {
    const whose = known.module === null ? 'a vendor of Sluice' : `the one of ${known.module}`;
    throw new VendorError([`rules.id: "${vendor.id}" is taken by ${whose}; give it another`]);
  }
  entries.set(vendor.id, { vendor, module });
}

/** What can be done with an account, by its vendor's entry. */
export function accountParts(account: CommonAccount): AccountParts {
  return vendorOf(account.vendor).parts(account);
}

/** Attributes by which limits distinguish every call of an account, besides its vendor and its name. */
export function accountAttributes(account: CommonAccount): Record<string, string> {
  const { attributes, fleet } = accountParts(account);
  const { application, organization } = account;
  return {
    ...(application === undefined ? {} : { application }),
    ...(organization === undefined ? {} : { organization }),
    ...fleet?.attributes,
    ...attributes,
  };
}
