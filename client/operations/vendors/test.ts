/** The conformance suite over vendors: of this repository, by their ids, or of modules from outside. */
import { existsSync } from 'node:fs';
import { loadVendors, pluginProblem } from '../../../settings/plugins';
import { createPool } from '../../../store/db';
import type { Check } from '../../../vendors/conformance/check';
import { vendorChecks } from '../../../vendors/conformance/suite';
import { findVendor } from '../../../vendors/registry';
import { invalid } from '../errors';
import { jobChecks } from './job';
import { killChecks } from './kill/check';
import type { TestServers } from './servers';
import type { Subject } from './subject';

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
  /** Null: without what takes a database. */
  readonly servers: TestServers | null;
}

/**
 * @param named paths such as `./my-vendor.mjs`, packages, or ids of vendors.
 * @param baseDir what a path is relative to.
 * @throws OperationError for a module that cannot be loaded.
 */
export async function testVendors(
  named: readonly string[],
  baseDir: string,
  { servers, ...fuzz }: VendorTestOptions,
): Promise<VendorReport[]> {
  const subjects = [
    ...new Map(named.flatMap((name) => find(name, baseDir)).map((one) => [one.vendor.id, one])).values(),
  ];
  const checks: Check[][] = [];
  for (const { vendor } of subjects) checks.push(await vendorChecks(vendor, fuzz));
  if (servers !== null) {
    const db = createPool(await servers.database(), { max: 16, applicationName: 'sluice-vendor-test' });
    try {
      // They wait for permits most of the time.
      const jobs = await Promise.all(
        subjects.map(({ vendor, module }) => jobChecks(db, vendor, module, baseDir)),
      );
      for (const [i, found] of jobs.entries()) checks[i]?.push(...found);
    } finally {
      await db.end();
    }
    const killed = await killChecks(servers, subjects, baseDir);
    for (const [i, { vendor }] of subjects.entries()) checks[i]?.push(...(killed.get(vendor.id) ?? []));
  }
  return subjects.map(({ vendor: { id, title } }, i) => ({ vendor: id, title, checks: checks[i] ?? [] }));
}

function find(named: string, baseDir: string): Subject[] {
  const known = findVendor(named);
  if (known) return [{ vendor: known, module: null }];
  // A file's name without ./ is a path all the same.
  const path = /^[./]/.test(named) || !existsSync(named) ? named : `./${named}`;
  try {
    return loadVendors(path, baseDir).map((vendor) => ({ vendor, module: path }));
  } catch (error) {
    throw invalid('vendor', `"${named}" ${pluginProblem(error, path, baseDir)}`, 'UNKNOWN_NAME');
  }
}
