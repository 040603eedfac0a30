/** Finds accounts for which a plugin's vendor returns unusable parts, before any process works with them. */
import { triedParts } from '../../vendors/definition/parts';
import { findVendor } from '../../vendors/registry';
import { isMap, type RawProblem } from '../problems';

/** @param accounts as written in the settings; ill-formed ones are left to the schema. */
export function partProblems(accounts: unknown): RawProblem[] {
  return Object.entries(isMap(accounts) ? accounts : {}).flatMap(([name, account]) => {
    const vendor =
      isMap(account) && typeof account.vendor === 'string' ? findVendor(account.vendor) : undefined;
    const parsed = vendor?.account.safeParse(account);
    if (vendor === undefined || !parsed?.success) return [];
    const tried = triedParts(() => vendor.parts(parsed.data));
    return 'parts' in tried
      ? []
      : tried.problems.map((what) => ({
          path: ['accounts', name],
          what: `cannot be used, for its vendor ${vendor.id} is wrong: ${what}`,
        }));
  });
}
