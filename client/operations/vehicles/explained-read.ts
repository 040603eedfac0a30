/** What a read of a vehicle waits for: its own backoff after a failure, its pool, or a limit. Makes no call. */
import type { Pool } from 'pg';
import { heldBack } from '../../../activities/reads/lookups';
import { checkedParams } from '../../../activities/reads/params';
import { ReadInputError } from '../../../activities/reads/types';
import { MINUTE_MS, SECOND_MS } from '../../../quota/durations';
import { resolveLimits } from '../../../quota/limits/limit';
import { freedBy } from '../../../quota/limits/limit-of-work';
import { limitWaitText } from '../../../quota/limits/limit-wait';
import { byItself, type Standstill } from '../../../quota/pools/standstill';
import { currentAt, decideRead } from '../../../quota/reads/decision';
import { findVehicleAccount, type VehicleAccount } from '../../../settings/accounts/vehicles';
import { lastWithRoom } from '../../../store/explain/room';
import { listLimits } from '../../../store/permits/permits';
import { findRead, type ReadRow } from '../../../store/reads/reads';
import { storedVehicles } from '../../../store/reads/vehicles';
import type { ReadDescription } from '../../../vendors/capabilities/vehicles';
import type { Backend } from '../backend/backend';
import { accountWait, readAccountStanding } from '../datasets/work-wait';
import { asField, invalid, problem } from '../errors';
import type { Subject, WaitEvidence } from '../explain/subject';
import { hint } from '../hints';

interface Asked {
  readonly account: VehicleAccount;
  readonly described: ReadDescription;
  readonly params: Readonly<Record<string, string | number>>;
}

/** @param read its name, with its parameters as in a query: `charging-history?from=2026-11-01`. */
export function readSubjectOf(
  backend: Backend,
  id: string,
  given: { readonly account: string; readonly vehicle: string; readonly read: string },
): Promise<Subject> {
  const { settings } = backend;
  const account = asField('id', () => findVehicleAccount(settings, given.account));
  const { described, params } = askedOf(account, given.read);
  const staleMs = described.staleMs ?? settings.reads.cacheMinutes * MINUTE_MS;
  return backend.database(async (db) => {
    const wanted = given.vehicle.toUpperCase();
    const listed = await storedVehicles(db, [account.name]);
    const vehicleId = listed.find((one) => one.vehicleId.toUpperCase() === wanted)?.vehicleId;
    if (vehicleId === undefined)
      throw problem('NOT_FOUND', 'id', `account ${account.name} is not known to have "${given.vehicle}"`);
    const key = { account: account.name, vehicleId, read: described.name, params };
    const row = await findRead(db, key);
    const call = described.together === undefined ? row : await findRead(db, { ...key, vehicleId: '' });
    const { state, wait, evidence } = await standing(
      db,
      { account, described, params },
      { id, vehicleId, staleMs, waitMs: settings.reads.waitSeconds * SECOND_MS },
      row,
      call,
    );
    return {
      ...{ id, kind: 'read', state, wait, account: account.name, caller: account.vehicles.caller },
      from: (row && currentAt(row)) ?? call?.failedAt ?? Date.now(),
      ...{ to: null, spans: [], rest: 'idle' },
      ...(evidence === undefined ? {} : { evidence }),
    };
  });
}

function askedOf(account: VehicleAccount, text: string): Asked {
  const [name = '', query = ''] = text.split('?', 2);
  const described = account.vehicles.reads.find((one) => one.name === name);
  if (described === undefined) {
    const names = account.vehicles.reads.map((one) => one.name).join(', ');
    throw invalid('id', `"${name}" is no read of ${account.vendor.id}; there are ${names}`, 'UNKNOWN_NAME');
  }
  try {
    const params = checkedParams(described, Object.fromEntries(new URLSearchParams(query)));
    return { account, described, params };
  } catch (error) {
    throw error instanceof ReadInputError ? invalid('id', error.message, error.code) : error;
  }
}

interface Terms {
  readonly id: string;
  readonly vehicleId: string;
  /** An answer that is older is asked for again, ms. */
  readonly staleMs: number;
  /** Longest wait for a limit, ms. */
  readonly waitMs: number;
}

interface Standing {
  readonly state: string;
  readonly wait: Standstill | null;
  readonly evidence?: WaitEvidence;
}

/** In the order in which a read meets them: what is stored, who asks already, its own failure, the pool, the limits. */
async function standing(
  db: Pool,
  { account, described }: Asked,
  { id, vehicleId, staleMs, waitMs }: Terms,
  row: ReadRow | null,
  call: ReadRow | null,
): Promise<Standing> {
  const now = (row ?? call)?.now ?? Date.now();
  const current = row && currentAt(row);
  const state = current === null ? 'never answered' : 'too old';
  const never = { answeredAt: null, streamedAt: null };
  const asIs = call ?? { now, failures: 0, failedAt: null, retryAt: null, askedAt: null, leaseUntil: null };
  const { answeredAt, streamedAt } = row ?? never;
  const step = decideRead(
    { ...asIs, answeredAt, streamedAt },
    { askedAt: now, maxAgeMs: staleMs, force: false },
  );
  if (step.kind === 'answer') return { state: 'fresh', wait: null };
  if (step.kind === 'wait') {
    const why = 'the vendor has been asked and has not answered yet';
    const wait = { what: id, why, since: asIs.askedAt, until: null, frees: byItself() };
    return { state: 'asked for', wait, evidence: wordsOf(why) };
  }
  if (step.kind === 'held-back' && call !== null) {
    const { reason } = heldBack(call, step.until);
    const force = hint('read by force', vehicleId, described.name, account.name);
    const wait = { what: id, why: reason, since: call.failedAt, until: step.until, frees: byItself(force) };
    return {
      state,
      wait,
      evidence: { ...wordsOf(call.failure?.reason ?? reason), code: call.failure?.code ?? null },
    };
  }
  const known = await readAccountStanding(db, account);
  const wait = accountWait(id, known, null, Date.now());
  if (wait !== null) return { state, wait };
  const attributes = {
    ...account.attributes,
    ...{ vendor: account.vendor.id, account: account.name },
    ...(described.together === undefined ? { [account.vehicles.vehicleAttribute]: vehicleId } : {}),
  };
  const limits = resolveLimits(account.vendor.id, account.limits, described.operation, attributes);
  const last = await lastWithRoom(
    db,
    limits.map(({ key }) => key),
  );
  // A shorter wait is part of a read.
  if (last === null || last.at <= last.now + waitMs) return { state, wait: null };
  const limit = (await listLimits(db, account.poolKey)).find(({ key }) => key === last.key);
  const why = limit === undefined ? `${last.key} has no room` : limitWaitText(limit);
  const until = Number.isFinite(last.at) ? last.at : null;
  const frees =
    limit === undefined ? byItself() : freedBy(limit, hint('limit set', account.name, limit.name));
  return {
    state,
    wait: { what: id, why, since: null, until, frees },
    evidence: { ...wordsOf(why), limit: last.key },
  };
}

const wordsOf = (words: string): WaitEvidence => ({
  ...{ pool: null, limit: null, code: null, requestId: null, by: null },
  words,
});
