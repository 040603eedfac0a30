/** Pools as operators see them: state, limits, who spent what. Operators' commands are in orders.ts. */
import type { Pool } from 'pg';
import { dailyLimitOf } from '../../../quota/batches/run-terms';
import { DAY_MS, HOUR_MS } from '../../../quota/durations';
import { limitDefinition } from '../../../quota/limits/definition';
import { fillScope, keyWithin, type LimitTemplate } from '../../../quota/limits/limit';
import type { QuotaStatus } from '../../../quota/limits/quota-status';
import { CLOSED_POOL, stopping } from '../../../quota/pools/pool';
import type { PoolState } from '../../../quota/pools/state';
import type { Settings } from '../../../settings';
import { type Account, findAccount } from '../../../settings/accounts/accounts';
import { readDeployment } from '../../../store/deployment';
import {
  type CallCount,
  countCalls,
  readCallCounts,
  readMinuteCounts,
} from '../../../store/permits/call-counts';
import { type KindStop, listKindStops } from '../../../store/permits/call-kinds';
import { type LimitOverride, listOverrides } from '../../../store/permits/limit-overrides';
import { type LimitStatus, listLimits } from '../../../store/permits/permits';
import { organizationOfPool, type PoolRecord, poolsOf, readStoppingPools } from '../../../store/pools/pools';
import { vendors } from '../../../vendors/registry';
import { filesOfToday, quotaOf } from './quota';
import { type AttributesOf, type Frequencies, frequencies, type Share, shares } from './spending';

export interface PoolReport {
  readonly pool: string;
  readonly account: string;
  /** Of the pool or of its organization's: whichever stands in the way of calls. */
  readonly state: PoolState;
  /** Null for an account that names none. */
  readonly organization: OrganizationReport | null;
  /** As whom the vendor counts the calls of this deployment; null where it does not. */
  readonly client: string | null;
  readonly quotaRetries: QuotaRetries;
  readonly limits: readonly LimitStatus[];
  /** Kinds of calls that are stopped for themselves while the others go on. */
  readonly stops: readonly KindStop[];
  readonly quota: QuotaStatus;
  /** Of the last hour. */
  readonly calls: readonly CallCount[];
  /** Who spent what share. */
  readonly spending: { readonly hour: readonly Share[]; readonly day: readonly Share[] };
  readonly frequencies: Frequencies;
}

/** How often the vendor has refused for want of quota. */
export interface QuotaRetries {
  /** Without an accepted call between them, whichever account of the organization met them. */
  readonly inARow: number;
  /** Met by this account, as far back as counts are kept. */
  readonly total: number;
}

export interface OrganizationReport {
  readonly pool: string;
  readonly state: PoolState;
  /** Keys of the pools that it stops. */
  readonly pools: readonly string[];
  /** The account whose call found its limit; null while nothing has. */
  readonly foundBy: string | null;
}

/** A pool that nothing has used yet is reported as its settings make it. */
export async function readPoolReport(
  db: Pool,
  settings: Settings,
  name: string,
  now: number,
): Promise<PoolReport> {
  const account = findAccount(settings, name);
  // As it stands for the workers, whose settings may be newer than these.
  const stands = await organizationOfPool(db, account.poolKey);
  const organizationKey = stands === undefined ? (account.organization?.key ?? null) : stands;
  const daily = dailyLimitOf(account.limits)?.name;
  const [records, members, files, stored, calls, day, overrides, refusals] = await Promise.all([
    readStoppingPools(db, account.poolKey),
    organizationKey === null ? [] : poolsOf(db, organizationKey),
    filesOfToday(db, account, now),
    listLimits(db, account.poolKey),
    readCallCounts(db, account.poolKey, now - HOUR_MS),
    readCallCounts(db, account.poolKey, now - DAY_MS),
    listOverrides(db, { pool: account.poolKey, name: null, standing: true }),
    countCalls(db, account.poolKey, 'quota'),
  ]);
  const names = new Set(stored.map((limit) => limit.name));
  const unused = account.limits
    .filter((template) => !names.has(template.name))
    .map((template) => overridden(unusedLimit(account, template), overrides));
  const limits = [...stored, ...unused]
    .map((limit) => (limit.name === daily ? withItems(limit, files.items) : limit))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const counted = account.limits.map(({ name, operations, match }) => {
    const pools = limits.filter((limit) => limit.name === name).flatMap((limit) => limit.pools);
    return {
      ...{ name, operations, pools: [...new Set([account.poolKey, ...pools])] },
      ...(match === undefined ? {} : { match }),
    };
  });
  const sharing = [...new Set(counted.flatMap((limit) => limit.pools))];
  const minutes = await readMinuteCounts(db, sharing, now - HOUR_MS);
  return {
    pool: account.poolKey,
    account: name,
    state: stopping(records, now)?.state ?? CLOSED_POOL,
    client: account.identity === undefined ? null : account.identity.name(await readDeployment(db)),
    organization: organizationKey === null ? null : organizationReport(organizationKey, records, members),
    quotaRetries: { inARow: Math.max(0, ...records.map(({ state }) => state.strikes)), total: refusals },
    limits,
    stops: await listKindStops(db, account.poolKey),
    // What holds for the whole account, for one device's day says nothing of it; and the pace of each model.
    quota: quotaOf(
      account,
      limits.filter((limit) => limit.kind === 'bucket' || isAccountWide(account, limit)),
    ),
    calls,
    spending: { hour: shares(calls), day: shares(day) },
    frequencies: frequencies(minutes, account.poolKey, counted, now, attributesOf(settings)),
  };
}

/** Of the calls that are counted: what follows from whose they are, and of which dataset. */
function attributesOf(settings: Settings): AttributesOf {
  const accounts = new Map(
    Object.keys(settings.accounts).map((name) => {
      const account = findAccount(settings, name);
      return [account.poolKey, account] as const;
    }),
  );
  const described = vendors().flatMap(({ descriptions }) => descriptions);
  return ({ pool, caller }) => {
    const account = accounts.get(pool);
    if (account === undefined) return {};
    const { name, vendor, attributes } = account;
    const reportType = described.find(({ id }) => id === caller)?.reportType;
    return {
      ...{ ...attributes, vendor: vendor.id, account: name },
      ...(vendor.subject === undefined || reportType === undefined ? {} : { [vendor.subject]: reportType }),
    };
  };
}

function organizationReport(
  key: string,
  found: readonly PoolRecord[],
  members: readonly string[],
): OrganizationReport {
  const state = found.find((pool) => pool.key === key)?.state ?? CLOSED_POOL;
  return { pool: key, state, pools: members, foundBy: state.evidence?.account ?? null };
}

/** Items in files are calls of the day, too. */
function withItems(limit: LimitStatus, items: number): LimitStatus {
  const used = limit.used + items;
  return { ...limit, used, left: Math.max(0, limit.limit - used) };
}

function unusedLimit(account: Account, template: LimitTemplate): LimitStatus {
  const { capacity, period_ms: period, kind } = limitDefinition(template);
  const periodMs = period === null || period === undefined ? null : Number(period);
  return {
    key: keyWithin(account.vendor.id, scopeOf(account, template) ?? template.scope, template.name),
    pools: [account.poolKey],
    name: template.name,
    unit: template.unit,
    kind: kind === 'bucket' || kind === 'rolling' || kind === 'calendar' ? kind : 'vendor',
    limit: Number(capacity),
    used: 0,
    left: Number(capacity),
    resetsAt: null,
    blockedUntil: null,
    blockedSince: null,
    blockedReason: '',
    source: template.source,
    mode: template.mode,
    ratePerSecond: kind === 'bucket' && periodMs !== null ? 1000 / periodMs : null,
    periodMs,
    grantedCalls: 0,
    grantedUnits: 0,
    shadowOver: 0,
  };
}

/** As it will be when the first call needs it. */
function overridden(limit: LimitStatus, overrides: readonly LimitOverride[]): LimitStatus {
  const found =
    overrides.find(({ key }) => key === limit.key) ??
    overrides.find(({ key, name }) => key === null && name === limit.name);
  if (found === undefined) return limit;
  const { change, author, reason, at } = found;
  const capacity = change.capacity ?? limit.limit;
  return {
    ...limit,
    limit: capacity,
    left: capacity,
    mode: change.mode ?? limit.mode,
    ratePerSecond: change.period_ms === undefined ? limit.ratePerSecond : 1000 / change.period_ms,
    periodMs: change.period_ms ?? limit.periodMs,
    source: 'operator',
    override: { author, reason, at: new Date(at).toISOString() },
  };
}

function isAccountWide(account: Account, limit: LimitStatus): boolean {
  return account.limits.some((t) => {
    if (t.match !== undefined || t.name !== limit.name) return false;
    const scope = scopeOf(account, t);
    return scope !== null && limit.key === keyWithin(account.vendor.id, scope, t.name);
  });
}

/** Null for a scope that needs more than the account: a call fills it. */
function scopeOf(account: Account, template: LimitTemplate): string | null {
  try {
    return fillScope(template.scope, {
      ...account.attributes,
      vendor: account.vendor.id,
      account: account.name,
    });
  } catch {
    return null;
  }
}
