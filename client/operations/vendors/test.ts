/** The conformance suite over one vendor: of this repository, by its id, or of a module from outside. */
import { existsSync } from 'node:fs';
import { loadVendors, pluginProblem } from '../../../settings/plugins';
import type { Check } from '../../../vendors/conformance/check';
import { vendorChecks } from '../../../vendors/conformance/suite';
import { findVendor, type Vendor } from '../../../vendors/registry';
import { invalid } from '../errors';
import { withTemporaryDatabase } from './database';
import { jobChecks } from './job';

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
  /** False: without what takes a database. */
  readonly jobs: boolean;
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
  const { vendors, module } = find(named, baseDir);
  const reports: VendorReport[] = [];
  for (const vendor of vendors) {
    const { id, title } = vendor;
    const checks = await vendorChecks(vendor, options);
    const jobs = options.jobs
      ? await withTemporaryDatabase((db) => jobChecks(db, vendor, module, baseDir))
      : [];
    reports.push({ vendor: id, title, checks: [...checks, ...jobs] });
  }
  return reports;
}

function find(named: string, baseDir: string): { vendors: readonly Vendor[]; module: string | null } {
  const known = findVendor(named);
  if (known) return { vendors: [known], module: null };
  // A file's name without ./ is a path all the same.
  const path = /^[./]/.test(named) || !existsSync(named) ? named : `./${named}`;
  try {
    return { vendors: loadVendors(path, baseDir), module: path };
  } catch (error) {
    throw invalid('vendor', `"${named}" ${pluginProblem(error, path, baseDir)}`, 'UNKNOWN_NAME');
  }
}
