/** The conformance suite as far as it needs no servers but the vendor's simulator. */
import type { Vendor } from '../define';
import type { Check } from './check';
import { definitionChecks } from './definition';
import type { FuzzOptions } from './rules';
import { simulatorChecks } from './simulator';

export async function vendorChecks(vendor: Vendor, fuzz: FuzzOptions): Promise<Check[]> {
  return [...definitionChecks(vendor, fuzz), ...(await simulatorChecks(vendor))];
}
