/** The conformance suite over one vendor: of this repository, by its id, or of a module from outside. */
import { existsSync } from 'node:fs';
import { loadVendors, pluginProblem } from '../../settings/plugins';
import type { Check } from '../../vendors/conformance/check';
import { vendorChecks } from '../../vendors/conformance/suite';
import { findVendor, type Vendor } from '../../vendors/registry';
import { invalid } from './errors';

export interface VendorReport {
  readonly vendor: string;
  readonly title: string;
  readonly checks: readonly Check[];
}

export interface VendorTestOptions {
  /** The same seed makes up the same answers. */
  readonly seed: number;
  /** Answers made up for each operation. */
  readonly answers: number;
}

/**
 * @param named a path such as `./my-vendor.mjs`, a package, or a vendor's id.
 * @param baseDir what a path is relative to.
 * @throws OperationError for a module that cannot be loaded.
 */
export async function testVendors(
  named: string,
  baseDir: string,
  options: VendorTestOptions,
): Promise<VendorReport[]> {
  const reports: VendorReport[] = [];
  for (const vendor of find(named, baseDir)) {
    reports.push({ vendor: vendor.id, title: vendor.title, checks: await vendorChecks(vendor, options) });
  }
  return reports;
}

function find(named: string, baseDir: string): readonly Vendor[] {
  const known = findVendor(named);
  if (known) return [known];
  // A file's name without ./ is a path all the same.
  const path = /^[./]/.test(named) || !existsSync(named) ? named : `./${named}`;
  try {
    return loadVendors(path, baseDir);
  } catch (error) {
    throw invalid('vendor', `"${named}" ${pluginProblem(error, path, baseDir)}`, 'UNKNOWN_NAME');
  }
}
