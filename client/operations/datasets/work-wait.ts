/** Why a sync, a backfill or an audit stands still: since when, until when, and what would free it. */
import type { Pool } from 'pg';
import { concerns, type FullLimit, freedBy, type WorkCalls } from '../../../quota/limits/limit-of-work';
import { limitWaitText, standBackText, usedUpOf, type WaitedLimit } from '../../../quota/limits/limit-wait';
import { kindName } from '../../../quota/pools/narrow-refusal';
import { isBlocked, stopping } from '../../../quota/pools/pool';
import { byItself, type Standstill } from '../../../quota/pools/standstill';
import type { PoolState } from '../../../quota/pools/state';
import { type Account, type CallableAccount, findAccount } from '../../../settings/accounts/accounts';
import { readWorkerSeenAt } from '../../../store/explain/worker-presence';
import { type KindStop, listKindStops } from '../../../store/permits/call-kinds';
import { type LimitStatus, listLimits } from '../../../store/permits/permits';
import { readStoppingPools } from '../../../store/pools/pools';
import type { FleetApi } from '../../../vendors/capabilities/fleet';
import { type FleetKind, fleetKind } from '../../../vendors/fleet-datasets';
import { vendors } from '../../../vendors/registry';
import type { Backend } from '../backend/backend';
import { hint } from '../hints';
import type { WorkReport } from './work';

type KnownAccount = Pick<CallableAccount, 'name'> &
  Partial<CallableAccount> &
  Partial<Pick<Account, 'parts'>>;

interface WorkOfAccount {
  readonly subject: string | null;
  /** Of an account with a fleet, whose datasets call different operations. */
  readonly fleet?: FleetApi['operations'];
}

/** What Postgres says of an account: it is recorded there first. */
export interface AccountStanding {
  readonly account: string;
  /** The pool, or its organization's: whichever stands in the way. */
  readonly pool: PoolState | null;
  /** Of that pool: epoch ms until which the result of the one call is waited for that it has let go first. */
  readonly probeUntil: number | null;
  readonly stops: readonly KindStop[];
  /** Its limits as they stand. */
  readonly limits: readonly LimitStatus[];
  /** Null where the settings do not know the account: then each of its limits may concern each of its works. */
  readonly calls: (WorkCalls & WorkOfAccount) | null;
  /** When a worker took work last, epoch ms; null where none ever did. */
  readonly workerSeenAt: number | null;
}

export async function readAccountStanding(
  db: Pool,
  account: KnownAccount & Pick<CallableAccount, 'poolKey'>,
): Promise<AccountStanding> {
  const { name, poolKey } = account;
  const [pools, stops, limits, workerSeenAt] = await Promise.all([
    readStoppingPools(db, poolKey),
    listKindStops(db, poolKey),
    listLimits(db, poolKey),
    readWorkerSeenAt(db),
  ]);
  const inTheWay = stopping(pools, Date.now());
  return {
    account: name,
    pool: inTheWay?.state ?? null,
    probeUntil: inTheWay?.probeUntil ?? null,
    stops,
    limits,
    calls: callsOf(account),
    workerSeenAt,
  };
}

const OPERATION_OF = { positions: 'positions', trips: 'trips', tracks: 'track' } as const satisfies Record<
  FleetKind,
  keyof FleetApi['operations']
>;

/** The same for one dataset's work: limits of operations that it does not call do not concern it. */
export function forDataset(standing: AccountStanding, dataset: string): AccountStanding {
  const { calls } = standing;
  const fleet = calls?.fleet;
  if (!calls || !fleet) return standing;
  const kind = fleetKind(dataset.slice(dataset.indexOf('/') + 1));
  if (kind === null) return standing;
  return { ...standing, calls: { ...calls, operations: [fleet[OPERATION_OF[kind]], fleet.devices] } };
}

function callsOf({ name, vendor, limits, attributes, parts }: KnownAccount): AccountStanding['calls'] {
  if (vendor === undefined || limits === undefined) return null;
  return {
    ...(parts?.fleet && { fleet: parts.fleet.operations }),
    vendor: vendor.id,
    templates: limits,
    attributes: { ...attributes, vendor: vendor.id, account: name },
    subject: vendor.subject ?? null,
  };
}

/**
 * Of the limits that calls of a piece of work may be charged to, the one whose wait, stated by the vendor, is longest.
 * @param subject what the calls are about; null where that varies.
 */
export function blockedLimit(
  { limits, calls }: Pick<AccountStanding, 'limits' | 'calls'>,
  subject: string | null,
): LimitStatus | undefined {
  const about = subject === null || calls?.subject == null ? {} : { [calls.subject]: subject };
  const [longest] = limits
    .filter(({ blockedUntil }) => blockedUntil !== null)
    .filter(
      (limit) =>
        calls === null || concerns(limit, { ...calls, attributes: { ...calls.attributes, ...about } }),
    )
    .sort((a, b) => (b.blockedUntil ?? 0) - (a.blockedUntil ?? 0));
  return longest;
}

/**
 * Null while nothing that Postgres knows of stands in the way.
 * @param subject only stops and limits of this report type count.
 */
export function accountWait(
  what: string,
  standing: AccountStanding,
  subject: string | null,
  now: number,
): Standstill | null {
  const { account, pool, stops } = standing;
  const resume = hint('pool resume', account);
  if (pool !== null && isBlocked(pool, now)) {
    const why = `its pool is ${POOL_WORDS[pool.state] ?? pool.state}: ${pool.reason}`;
    const frees = pool.until === null ? resume : byItself(resume);
    return { what, why, since: pool.since, until: pool.until, frees };
  }
  const [stop] = stops
    .filter((one) => one.subject === subject && one.until > now)
    .sort((a, b) => b.until - a.until);
  if (stop !== undefined) return { ...kindWait(what, account, stop) };
  const limit = blockedLimit(standing, subject);
  if (limit === undefined) return null;
  const { blockedSince: since, blockedUntil: until } = limit;
  const frees = byItself(hint('pool unblock', account));
  return { what, why: limitWaitText(limit), since, until, frees };
}

/**
 * Of work that has not yet been let go: the limit of ours without room for its calls. Null where there is none, or where
 * the settings do not know the calls.
 */
export function usedUpWait(
  what: string,
  { account, limits, calls }: AccountStanding,
  { operations, subject }: { readonly operations: readonly string[]; readonly subject: string | null },
  since: number,
  now: number,
): Standstill | null {
  if (calls === null) return null;
  const about = subject === null || calls.subject === null ? {} : { [calls.subject]: subject };
  const of = { ...calls, operations, attributes: { ...calls.attributes, ...about } };
  const limit = usedUpOf(
    limits.filter((one) => concerns(one, of)),
    now,
  );
  return limit === null ? null : usedUpStandstill(what, account, limit, since);
}

/** Of work that waits for a limit of ours that is used up, whether the vendor has blocked it as well or not. */
export function usedUpStandstill(
  what: string,
  account: string,
  limit: Omit<WaitedLimit, 'blockedUntil' | 'blockedReason'> & FullLimit & { readonly until: number },
  since: number | null,
): Standstill {
  const why = limitWaitText({ ...limit, blockedUntil: null, blockedReason: '' });
  return {
    ...{ what, why, since, until: limit.until },
    frees: freedBy(limit, hint('limit set', account, limit.name)),
  };
}

export interface ProbeEnds {
  /** Another call may go from then on, if there is no answer; null while none has left. Epoch ms. */
  readonly probeUntil: number | null;
  /** When the work itself tries again; null where it does not say. */
  readonly nextTryAt: number | null;
}

/** Of a pool whose stop is over, and whose calls wait for what comes of the first. */
export function probeWait(
  what: string,
  { reason, since }: Pick<PoolState, 'reason' | 'since'>,
  ends: ProbeEnds,
  now: number,
): Standstill {
  const why = `its pool lets one call go first, to see whether the vendor accepts calls again: ${reason}`;
  const until = [ends.probeUntil, ends.nextTryAt].find((at) => at !== null && at > now) ?? null;
  return { what, why, since, until, frees: byItself() };
}

const POOL_WORDS: Readonly<Partial<Record<PoolState['state'], string>>> = {
  quota_paused: 'paused',
  open: 'stopped after failures',
};

/** One kind of calls that is stopped for itself. */
export function kindWait(what: string, account: string, stop: KindStop): Standstill {
  const { since, until } = stop;
  const frees = byItself(hint('pool resume', account));
  return { what, why: kindText(stop), since, until, frees };
}

/** `createReport of GET_… (amazon/rt-sales) is refused: 429 QuotaExceeded …; strikes: 3`. */
export function kindText({ reason, strikes, hint, evidence, refusedFor, ...kind }: KindStop): string {
  const caller = evidence?.caller === undefined ? '' : ` (${evidence.caller})`;
  const refused = refusedFor === 'access' ? 'has no access' : 'is refused';
  const parts = [
    `${kindName(kind)}${caller} ${refused}: ${reason}`,
    ...(strikes > 1 ? [`strikes: ${strikes}`] : []),
    ...(hint === null ? [] : [hint]),
  ];
  return parts.join('; ');
}

/** By what the workflow says of itself, and by what Postgres knows already. */
export function workWait(
  { workflowId, running, status, problem, startedAt, workerRuns }: WorkReport,
  ofAccount: AccountStanding | null,
  subject: string | null,
  now: number,
): Standstill | null {
  if (!running) return null;
  const [kind = '', dataset = '', account = ''] = workflowId.split(':');
  const standing = ofAccount && forDataset(ofAccount, dataset);
  const what = workflowId;
  if (status === null) {
    const known = standing === null ? null : accountWait(what, standing, subject, now);
    // What stops the account stops it, whether or not a busy worker can say so.
    if (problem !== null && !(workerRuns && known !== null)) {
      // It cannot have waited for longer than it runs.
      const times = [startedAt, standing?.workerSeenAt].filter((at) => at != null);
      const since = times.length === 0 ? null : Math.max(...times);
      return { what, why: problem, since, until: null, frees: hint('start worker') };
    }
    // Kept by a schedule: between two runs there is no workflow to query.
    return known;
  }
  const since = status.since ?? null;
  if (status.phase === 'paused') {
    const frees =
      kind === 'sync' ? hint('sync resume', dataset, account) : hint('backfill resume', workflowId);
    return { what, why: status.detail, since, until: null, frees };
  }
  if (status.phase === 'done' || status.phase === 'failed') return null;
  const known = standing === null ? null : accountWait(what, standing, subject, now);
  if (known !== null) return known;
  if (status.phase === 'waiting for quota' || (status.phase === 'running' && status.until !== null)) {
    if (standing?.pool?.state === 'half_open') {
      return probeWait(what, standing.pool, { ...standing, nextTryAt: status.until }, now);
    }
    const limit = standing?.limits.find(({ key }) => key === status.limit);
    const why = (limit && standBackText(limit)) ?? status.detail;
    return { what, why, since, until: status.until, frees: freedFor(limit, standing) };
  }
  return null;
}

/** @param limit whose room is waited for. */
function freedFor(limit: LimitStatus | undefined, standing: AccountStanding | null): string {
  if (standing === null || limit === undefined) return byItself();
  return freedBy(limit, hint('limit set', standing.account, limit.name));
}

/** Of each piece of work why it stands still. Without a database only what the workflows say is known. */
export async function withWaits<T extends WorkReport>(
  backend: Backend,
  reports: readonly T[],
  now: number,
): Promise<(T & { readonly wait: Standstill | null })[]> {
  const { settings } = backend;
  const accounts = [...new Set(reports.map(({ workflowId }) => accountOf(workflowId)))].filter((name) =>
    Object.hasOwn(settings.accounts, name),
  );
  const standings = new Map<string, AccountStanding>();
  try {
    await backend.database(async (db) => {
      for (const name of accounts) {
        standings.set(name, await readAccountStanding(db, findAccount(settings, name)));
      }
    });
  } catch {
    // What the workflows report is shown all the same; that Postgres is away is reported elsewhere.
  }
  return reports.map((report) => {
    const standing = standings.get(accountOf(report.workflowId)) ?? null;
    return { ...report, wait: workWait(report, standing, subjectOf(report.workflowId), now) };
  });
}

/** Ids are `kind:dataset:account…` (workflows/messages.ts). */
export const accountOf = (workflowId: string) => workflowId.split(':')[2] ?? '';

/** The report type that stops of one kind of calls name; null for datasets that have none. */
export function subjectOf(workflowId: string): string | null {
  const dataset = workflowId.split(':')[1];
  const described = vendors().flatMap((vendor) => vendor.descriptions);
  return described.find(({ id }) => id === dataset)?.reportType ?? null;
}
