/** Use cases of pools: their state, and operators' commands to them. */
import { z } from 'zod';
import type { Settings } from '../../../settings';
import { findAccount } from '../../../settings/accounts/accounts';
import { listEvents, type StoredEvent } from '../../../store/events/events';
import { name, reason, until, whole } from '../fields';
import { operation } from '../operation';
import { choosePool, choosePoolAccount } from '../settings/choose';
import { isoOrNull } from '../time-text';
import { orderJson, poolJson, resetJson, unblockJson } from './json';
import { orderPool, resetPoolLimits, unblockPool } from './orders';
import { type PoolReport, readPoolReport } from './report';

/** An account's (`amazon/acme` or `acme`), or an organization's by its key; none is the only one there is. */
const pool = name.optional();

/** Of the account's limits; none means all that it concerns. */
const limits = z.array(name).default([]);

export const listPools = operation({
  about: 'every quota pool: state, until when and why, and what is left',
  input: z.strictObject({}),
  json: (reports: readonly PoolReport[]) => reports.map(poolJson),
  run: (backend): Promise<readonly PoolReport[]> =>
    backend.database(async (db) => {
      const now = Date.now();
      const reports: PoolReport[] = [];
      for (const account of Object.keys(backend.settings.accounts)) {
        reports.push(await readPoolReport(db, backend.settings, account, now));
      }
      return reports;
    }),
});

export const showPool = operation({
  about: 'state, limits, who spent what share in the last hour and day, and calls a minute',
  input: z.strictObject({ pool }),
  json: poolJson,
  run: (backend, given) => {
    const account = choosePoolAccount(backend.settings, given.pool);
    return backend.database((db) => readPoolReport(db, backend.settings, account, Date.now()));
  },
});

export const pausePool = operation({
  about: 'stop every call of a pool',
  input: z.strictObject({ pool, reason, until: until.optional() }),
  json: orderJson,
  run: (backend, given) =>
    orderPool(backend, choosePool(backend.settings, given.pool), {
      type: 'pause',
      reason: given.reason,
      until: given.until ?? null,
    }),
});

export const resumePool = operation({
  about: 'let calls go again, those of its organization too when that is held; the first one is a probe',
  input: z.strictObject({ pool }),
  json: orderJson,
  run: (backend, given) => orderPool(backend, choosePool(backend.settings, given.pool), { type: 'resume' }),
});

export const unblockLimits = operation({
  about: 'end the waits that the vendor has asked for of its limits (Retry-After), before their time',
  input: z.strictObject({ pool, limits, reason }),
  json: unblockJson,
  run: (backend, given) =>
    unblockPool(backend, choosePoolAccount(backend.settings, given.pool), {
      names: given.limits,
      reason: given.reason,
    }),
});

export const resetLimits = operation({
  about: "put back times of its limits that lie in the future of the database's clock",
  input: z.strictObject({ pool, limits, reason }),
  json: resetJson,
  run: (backend, given) =>
    resetPoolLimits(backend, choosePoolAccount(backend.settings, given.pool), {
      names: given.limits,
      reason: given.reason,
    }),
});

export const listEventsOf = operation({
  about: 'what happened to pools and limits, newest first',
  input: z.strictObject({ pool, limit: whole(1).default(50) }),
  json: (events: readonly StoredEvent[]) =>
    events.map(({ at, ...event }) => ({ at: isoOrNull(at), ...event })),
  run: (backend, { limit, ...given }): Promise<readonly StoredEvent[]> => {
    const pools = given.pool === undefined ? undefined : poolsNamed(backend.settings, given.pool);
    return backend.database((db) => listEvents(db, { pool: pools, limit }));
  },
});

/** An account's pool and its organization's: what happens to either happens to it. */
export function poolsNamed(settings: Settings, given: string): string[] {
  const choice = choosePool(settings, given);
  if (choice.kind === 'organization') return [choice.organization.key];
  const { poolKey, organization } = findAccount(settings, choice.account);
  return organization === undefined ? [poolKey] : [poolKey, organization.key];
}
