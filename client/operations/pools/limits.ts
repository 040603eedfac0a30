/** Use cases of single limits: what they are, and how operators change them while everything runs. */
import { z } from 'zod';
import { findAccount } from '../../../settings/accounts/accounts';
import {
  type LimitChange,
  type LimitOverride,
  listOverrides,
  overrideLimit,
  resetOverride,
} from '../../../store/permits/limit-overrides';
import type { LimitStatus } from '../../../store/permits/permits';
import type { Backend } from '../backend/backend';
import { invalid, problem } from '../errors';
import { name } from '../fields';
import { operation } from '../operation';
import { choosePoolAccount } from '../settings/choose';
import { isoOrNull } from '../time-text';
import { limitJson } from './json';
import { wakePools } from './orders';
import { readPoolReport } from './report';

const why = z
  .string({ error: 'must say why' })
  .trim()
  .min(1, 'must say why, for whoever wonders later')
  .max(1000, 'must have at most 1000 characters');
const MOST = 'must be at most 1000000000000';
const RATE = 'must be a number above 0';
/** As in the settings: below 1 no call could ever leave. */
const CAPACITY = 'must be a whole number, at least 1';

const chosen = {
  /** An account or the key of its pool. */
  pool: name,
  /** Name of a limit, which means all of that name in the pool (one for each device or model, say), or the key of one. */
  limit: name,
};

export const listLimitsOf = operation({
  about: 'limits of a pool or of all: size, use, when they reset, who has set them',
  input: z.strictObject({ pool: name.optional() }),
  json: (limits: readonly LimitStatus[]) => limits.map(limitJson),
  run: async (backend, given): Promise<readonly LimitStatus[]> => {
    const { settings } = backend;
    const accounts =
      given.pool === undefined ? Object.keys(settings.accounts) : [choosePoolAccount(settings, given.pool)];
    const found = await backend.database(async (db) => {
      const reports = [];
      for (const account of accounts) reports.push(await readPoolReport(db, settings, account, Date.now()));
      return reports;
    });
    // One that several pools share is one limit.
    return [...new Map(found.flatMap(({ limits }) => limits).map((limit) => [limit.key, limit])).values()];
  },
});

export const showLimit = operation({
  about: 'a limit, and what operators have changed of it',
  input: z.strictObject(chosen),
  json: ({
    limits,
    history,
  }: {
    readonly limits: readonly LimitStatus[];
    readonly history: readonly LimitOverride[];
  }) => ({
    limits: limits.map(limitJson),
    history: history.map(overrideJson),
  }),
  run: async (backend, given) => {
    const { pool, limits, limitName } = await found(backend, given);
    const history = await backend.database((db) =>
      listOverrides(db, { pool, name: limitName, standing: false }),
    );
    return { limits, history };
  },
});

export interface ChangedLimits {
  readonly pool: string;
  readonly name: string;
  /** Limits that stand; one that no call has needed yet takes the change over with its first. */
  readonly limits: readonly LimitStatus[];
  /** Null after a reset. */
  readonly override: LimitOverride | null;
  /** Work that sleeps for the limit could not be woken, and why: it checks again when the old wait is over. */
  readonly unreached: string | null;
}

export const changeLimit = operation({
  about:
    'change a limit while everything runs: it holds for every process, over its settings, until it is reset',
  input: z.strictObject({
    ...chosen,
    /** Burst of a bucket, or count a window. */
    capacity: z.number({ error: CAPACITY }).int(CAPACITY).min(1, CAPACITY).max(1e12, MOST).optional(),
    /** Of a bucket: units a second. */
    ratePerSecond: z.number({ error: RATE }).positive(RATE).max(1e12, MOST).optional(),
    /** A limit in shadow mode counts and never waits. */
    mode: z.enum(['enforce', 'shadow'], { error: 'must be enforce or shadow' }).optional(),
    reason: why,
  }),
  json: changedJson,
  run: async (backend, given): Promise<ChangedLimits> => {
    const { capacity, ratePerSecond, mode, reason } = given;
    if (capacity === undefined && ratePerSecond === undefined && mode === undefined) {
      throw invalid('capacity', 'is missing; give `capacity`, `ratePerSecond` or `mode`', 'MISSING_INPUT');
    }
    const of = await found(backend, given);
    const kind = of.limits[0]?.kind;
    if (ratePerSecond !== undefined && kind !== 'bucket') {
      throw invalid(
        'ratePerSecond',
        `does not apply: the limit counts by ${kind} window; give \`capacity\``,
        'NOT_APPLICABLE',
      );
    }
    const change: LimitChange = {
      ...(capacity === undefined ? {} : { capacity }),
      ...(ratePerSecond === undefined ? {} : { period_ms: 1000 / ratePerSecond }),
      ...(mode === undefined ? {} : { mode }),
    };
    const { override } = await backend.database((db) =>
      overrideLimit(
        db,
        { pool: of.pool, name: of.limitName, key: of.key, author: backend.caller, reason },
        change,
      ),
    );
    return changed(backend, given, override);
  },
});

export const resetLimit = operation({
  about: 'end such a change: the settings hold again',
  input: z.strictObject({ ...chosen, reason: why }),
  json: changedJson,
  run: async (backend, given): Promise<ChangedLimits> => {
    const of = await found(backend, given);
    const order = {
      pool: of.pool,
      name: of.limitName,
      key: of.key,
      author: backend.caller,
      reason: given.reason,
    };
    const rows = await backend.database((db) => resetOverride(db, order));
    if (rows === null) {
      throw problem('NOT_FOUND', 'limit', `nothing was changed of ${given.limit}: its settings hold`);
    }
    return changed(backend, given, null);
  },
});

/** The limits as they are now. Whoever sleeps until the old ones had room asks again at once, in every pool that shares them. */
async function changed(
  backend: Backend,
  given: { readonly pool: string; readonly limit: string },
  override: LimitOverride | null,
): Promise<ChangedLimits> {
  const { pool, limitName, limits } = await found(backend, given);
  const unreached = await wakePools(backend, new Set([pool, ...limits.flatMap((limit) => limit.pools)]));
  return { pool, name: limitName, limits, override, unreached };
}

function changedJson({ limits, override, ...rest }: ChangedLimits) {
  return { ...rest, limits: limits.map(limitJson), override: override && overrideJson(override) };
}

function overrideJson({ change, at, endedAt, ...override }: LimitOverride) {
  return {
    ...override,
    change: {
      capacity: change.capacity ?? null,
      ratePerSecond: change.period_ms === undefined ? null : 1000 / change.period_ms,
      mode: change.mode ?? null,
    },
    at: isoOrNull(at),
    endedAt: isoOrNull(endedAt),
  };
}

/** @throws OperationError for a limit that the pool does not have. */
async function found(backend: Backend, given: { readonly pool: string; readonly limit: string }) {
  const { settings } = backend;
  const account = choosePoolAccount(settings, given.pool);
  const { poolKey } = findAccount(settings, account);
  const { limits } = await backend.database((db) => readPoolReport(db, settings, account, Date.now()));
  const byKey = limits.find(({ key }) => key === given.limit);
  const chosenLimits = byKey === undefined ? limits.filter((limit) => limit.name === given.limit) : [byKey];
  const [first] = chosenLimits;
  if (first === undefined) {
    const names = [...new Set(limits.map((limit) => limit.name))].join(', ');
    throw invalid('limit', `"${given.limit}" is no limit of ${poolKey} (limits: ${names})`, 'UNKNOWN_NAME');
  }
  return { pool: poolKey, limits: chosenLimits, limitName: first.name, key: byKey?.key ?? null };
}
