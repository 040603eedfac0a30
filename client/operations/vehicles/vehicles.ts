/** Vehicles of accounts, and what can be read of each. */
import type { Pool } from 'pg';
import { z } from 'zod';
import {
  NothingToServe,
  type ReadAsk,
  type ServedRead,
  type Unavailable,
} from '../../../activities/reads/types';
import type { ServedVehicles } from '../../../activities/reads/vehicle-reads';
import { findVehicleAccount } from '../../../settings/accounts/vehicles';
import type { StoredValue } from '../../../store/reads/answers';
import { type KnownRead, knownReads } from '../../../store/reads/known';
import { type StoredVehicle, storedVehicles } from '../../../store/reads/vehicles';
import type { Backend } from '../backend/backend';
import { invalid, OperationError, type Problem } from '../errors';
import { age, length, name } from '../fields';
import { operation } from '../operation';
import { isoOrNull } from '../time-text';
import { asReadProblem, chooseAccountOf, chooseVehicleAccounts, nothingToServe } from './choose';
import { readService } from './service';
import { takeTurn } from './turns';

export type { ServedRead, Unavailable };

const ID = 'must be 1 to 100 characters';
const vehicle = z.string().refine((text) => text.trim() !== '' && text.length <= 100, ID);

/** On whose behalf: an end user, whose reads a minute are limited. Kept as a keyed hash alone. */
const user = z.string().min(1, 'must not be empty').max(320, 'must be at most 320 characters').optional();

export interface AccountVehicles extends Pick<ServedVehicles, 'vehicles' | 'stale'> {
  readonly account: string;
  /** Epoch ms; null when the vendor has never listed them: `stale` says why, and what can be done. */
  readonly listedAt: number | null;
  readonly ageMs: number | null;
}

export const listVehicles = operation({
  about: 'the vehicles of an account, or of all; the vendor is asked when its list is too old',
  input: z.strictObject({
    account: name.optional(),
    /** How old a list may be; without it, as old as its vendor says. */
    maxAge: age.optional(),
  }),
  json: (lists: readonly AccountVehicles[]) => lists.map(listJson),
  run: (backend, { account, maxAge }): Promise<readonly AccountVehicles[]> => {
    const accounts = chooseVehicleAccounts(backend.settings, account);
    return backend.database((db) => listAll(db, backend, accounts, maxAge));
  },
});

export const refreshVehicles = operation({
  about: 'ask the vendor for the vehicles of an account now',
  input: z.strictObject({
    account: name.optional(),
    /** Although it has failed lately. */
    force: z.boolean().default(false),
  }),
  json: (lists: readonly AccountVehicles[]) => lists.map(listJson),
  run: (backend, { account, force }): Promise<readonly AccountVehicles[]> => {
    const accounts = chooseVehicleAccounts(backend.settings, account);
    return backend.database((db) => listAll(db, backend, accounts, 0, force));
  },
});

/** One account after the other. @throws OperationError when there is nothing to show of any. */
async function listAll(
  db: Pool,
  backend: Pick<Backend, 'settings' | 'dir'>,
  accounts: readonly string[],
  maxAgeMs: number | undefined,
  force = false,
): Promise<AccountVehicles[]> {
  const { reads } = readService(db, backend);
  const lists: AccountVehicles[] = [];
  const problems: Problem[] = [];
  const ask = { force, ...(maxAgeMs === undefined ? {} : { maxAgeMs }) };
  for (const account of accounts) {
    try {
      lists.push({ account, ...(await reads.vehicles(account, ask)) });
    } catch (error) {
      if (!(error instanceof NothingToServe)) throw error;
      problems.push(...nothingToServe(error).problems);
      lists.push({ account, vehicles: [], listedAt: null, ageMs: null, stale: error.why });
    }
  }
  const [first, ...others] = problems;
  if (first !== undefined && problems.length === lists.length) throw new OperationError([first, ...others]);
  return lists;
}

export interface ShownVehicle {
  readonly vehicle: StoredVehicle;
  /** What its vendor lets read, and what is stored of each. */
  readonly reads: readonly {
    readonly name: string;
    readonly about: string;
    readonly staleMs: number;
    readonly stored: readonly KnownRead[];
  }[];
}

export const showVehicle = operation({
  about: 'one vehicle, and what is stored of it; asks nobody',
  input: z.strictObject({ vehicle, account: name.optional() }),
  json: ({ vehicle: shown, reads }: ShownVehicle) => ({
    ...vehicleJson(shown),
    reads: reads.map(({ stored, ...read }) => ({ ...read, stored: stored.map(knownJson) })),
  }),
  run: (backend, given): Promise<ShownVehicle> =>
    backend.database(async (db) => {
      const { settings } = backend;
      const account = await chooseAccountOf(db, settings, given.vehicle, given.account);
      const wanted = given.vehicle.toUpperCase();
      const vehicles = await storedVehicles(db, [account]);
      const found = vehicles.find(({ vehicleId }) => vehicleId.toUpperCase() === wanted);
      if (found === undefined) {
        const known = vehicles.map(({ vehicleId }) => vehicleId).join(', ') || 'none are listed yet';
        throw invalid(
          'vehicle',
          `"${given.vehicle}" is not among the vehicles of account ${account}: ${known}`,
          'UNKNOWN_NAME',
        );
      }
      const { vehicles: api } = findVehicleAccount(settings, account);
      const stored = await knownReads(db, account, found.vehicleId);
      return {
        vehicle: found,
        reads: api.reads.map(({ name: read, about, staleMs = settings.reads.cacheMinutes * 60_000 }) => ({
          name: read,
          about,
          staleMs,
          stored: stored.filter((one) => one.read === read),
        })),
      };
    }),
});

export const readVehicle = operation({
  about: 'what a vehicle says, from what is stored or by a call where that is too old',
  input: z.strictObject({
    vehicle,
    /** Name of the read, as the vendor has it. */
    read: name,
    account: name.optional(),
    params: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
    /** How old the answer may be; without it, as old as the vendor or the settings say. */
    maxAge: age.optional(),
    /** Asks although it has failed lately or the vendor refuses it. */
    force: z.boolean().default(false),
    /** Longest wait for leave to call; without it, the settings'. */
    timeout: length.optional(),
    user,
  }),
  json: readJson,
  run: (backend, given): Promise<ServedRead> =>
    backend.database(async (db) => {
      const { settings } = backend;
      if (given.user !== undefined) await takeTurn(db, backend, 'user', given.user);
      const account = await chooseAccountOf(db, settings, given.vehicle, given.account);
      const { maxAge: maxAgeMs, timeout: waitMs } = given;
      const ask: ReadAsk = {
        account,
        vehicleId: given.vehicle,
        read: given.read,
        params: given.params,
        force: given.force,
        ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
        ...(waitMs === undefined ? {} : { waitMs }),
      };
      return asReadProblem(() => readService(db, backend).reads.read(ask));
    }),
});

function staleJson(stale: Unavailable | null) {
  return stale && { ...stale, until: isoOrNull(stale.until) };
}

export function vehicleJson({ listedAt, ...rest }: StoredVehicle) {
  return { ...rest, listedAt: isoOrNull(listedAt) };
}

function listJson({ account, vehicles, listedAt, ageMs, stale }: AccountVehicles) {
  return {
    account,
    listedAt: isoOrNull(listedAt),
    ageMs: ageMs === null ? null : Math.round(ageMs),
    stale: staleJson(stale),
    vehicles: vehicles.map(vehicleJson),
  };
}

function knownJson({ answeredAt, failedAt, retryAt, failure, ...rest }: KnownRead) {
  return {
    ...rest,
    failure: failure && { kind: failure.kind, reason: failure.reason, code: failure.code },
    answeredAt: isoOrNull(answeredAt),
    failedAt: isoOrNull(failedAt),
    retryAt: isoOrNull(retryAt),
  };
}

function valueJson({ at, receivedAt, changedAt, ...value }: StoredValue) {
  return { ...value, at: isoOrNull(at), receivedAt: isoOrNull(receivedAt), changedAt: isoOrNull(changedAt) };
}

export function readJson({ answer, freshAt, ageMs, stale, ...rest }: ServedRead) {
  return {
    ...rest,
    freshAt: isoOrNull(freshAt),
    ageMs: Math.round(ageMs),
    stale: staleJson(stale),
    values: Object.fromEntries(Object.entries(answer.values).map(([key, value]) => [key, valueJson(value)])),
    records: answer.records,
    document: answer.document ?? null,
  };
}
