/** The conformance suite as far as it needs no servers but the vendor's simulator. */
import type { Vendor } from '../define';
import { type Check, check } from './check';
import { definitionChecks } from './definition';
import type { FuzzOptions } from './rules';
import { ANSWERS, simulatorChecks } from './simulator';

export async function vendorChecks(vendor: Vendor, fuzz: FuzzOptions): Promise<Check[]> {
  const defined = definitionChecks(vendor, fuzz);
  try {
    return [...defined, ...(await simulatorChecks(vendor))];
  } catch (error) {
    // A vendor may throw from anywhere; those beside it are tried all the same.
    const problem = error instanceof Error ? error.message : String(error);
    return [...defined, check(ANSWERS, [problem])];
  }
}
