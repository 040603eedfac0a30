/** Finds a vehicle's account, and turns what is wrong with a read into an error of the use cases. */
import type { Pool } from 'pg';
import { NothingToServe, ReadInputError, type Unavailable } from '../../../activities/reads/types';
import type { Settings } from '../../../settings';
import { findVehicleAccount, vehicleAccounts } from '../../../settings/accounts/vehicles';
import { storedVehicles } from '../../../store/reads/vehicles';
import { asField, type ErrorCode, invalid, noLeave, type OperationError } from '../errors';
import { whenText } from '../time-text';

/** The account given, or all that have vehicles. @throws OperationError when there are none. */
export function chooseVehicleAccounts(settings: Settings, given: string | undefined): string[] {
  if (given !== undefined) return [asField('account', () => findVehicleAccount(settings, given)).name];
  const names = vehicleAccounts(settings).map(({ name }) => name);
  if (names.length > 0) return names;
  throw invalid(
    'account',
    'the settings have no account with vehicles; add one under accounts in sluice.yaml',
    'UNKNOWN_NAME',
  );
}

/** The account given, the only one that there is, or the one whose vendor lists the vehicle. */
export async function chooseAccountOf(
  db: Pool,
  settings: Settings,
  vehicle: string,
  given: string | undefined,
): Promise<string> {
  const names = chooseVehicleAccounts(settings, given);
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  const wanted = vehicle.toUpperCase();
  const having = (await storedVehicles(db, names)).filter(
    ({ vehicleId }) => vehicleId.toUpperCase() === wanted,
  );
  const accounts = [...new Set(having.map(({ account }) => account))];
  const [found] = accounts;
  if (found !== undefined && accounts.length === 1) return found;
  const which = accounts.length === 0 ? names : accounts;
  throw invalid(
    'account',
    accounts.length === 0
      ? `no account is known to have vehicle "${vehicle}"; give one of ${which.join(', ')}`
      : `several accounts have vehicle ${vehicle}; give one of ${which.join(', ')}`,
    accounts.length === 0 ? 'UNKNOWN_NAME' : 'AMBIGUOUS_NAME',
  );
}

const CODES: Readonly<Record<Unavailable['cause'], ErrorCode>> = {
  pool: 'POOL_STOPPED',
  limit: 'LIMIT_REACHED',
  quota: 'QUOTA_PAUSED',
  failed: 'NO_ANSWER',
  refused: 'NO_ANSWER',
  asking: 'NO_ANSWER',
};

/** What a read throws, as a problem of its field. */
export async function asReadProblem<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ReadInputError) throw invalid(error.field, error.message, error.code);
    if (error instanceof NothingToServe) throw nothingToServe(error);
    throw error;
  }
}

export function nothingToServe({ message, why }: NothingToServe): OperationError {
  const { cause, until, pool, limit, requestId } = why;
  const again = until === null ? '' : ` (again ${whenText(until, Date.now())})`;
  return noLeave(CODES[cause], `${message}${again}`, {
    until,
    ...(limit === undefined ? {} : { limit }),
    ...(pool === undefined ? {} : { pool }),
    ...(requestId === undefined ? {} : { requestId }),
  });
}
