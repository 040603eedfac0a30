/** Pools and operators' commands as JSON: instants in ISO 8601. */
import type { QuotaMetrics, QuotaStatus } from '../../../quota/limits/quota-status';
import type { LimitStatus } from '../../../store/permits/permits';
import { isoOrNull } from '../time-text';
import type { OrderReport, ResetReport, UnblockReport } from './orders';
import type { PoolReport } from './report';
import type { Share } from './spending';

export function poolJson(report: PoolReport) {
  const { state } = report;
  return {
    pool: report.pool,
    account: report.account,
    client: report.client,
    state: state.state,
    since: isoOrNull(state.since === 0 ? null : state.since),
    until: isoOrNull(state.until),
    reason: state.reason,
    strikes: state.strikes,
    failures: state.failures,
    hint: state.hint,
    quotaRetries: report.quotaRetries,
    evidence: state.evidence,
    organization: report.organization && {
      pool: report.organization.pool,
      state: report.organization.state.state,
      pools: report.organization.pools,
      foundBy: report.organization.foundBy,
    },
    stops: report.stops.map((stop) => ({
      ...stop,
      since: isoOrNull(stop.since),
      until: isoOrNull(stop.until),
    })),
    limits: report.limits.map(limitJson),
    quota: quotaJson(report.quota),
    ...spendingJson(report),
  };
}

export function limitJson(limit: LimitStatus) {
  return {
    name: limit.name,
    key: limit.key,
    pools: limit.pools,
    unit: limit.unit,
    used: limit.used,
    limit: limit.limit,
    left: limit.left,
    ratePerSecond: limit.ratePerSecond,
    resetsAt: isoOrNull(limit.resetsAt),
    blockedUntil: isoOrNull(limit.blockedUntil),
    blockedReason: limit.blockedReason,
    source: limit.source,
    mode: limit.mode,
    shadowOver: limit.shadowOver,
    override: limit.override ? { ...limit.override, at: new Date(limit.override.at).toISOString() } : null,
  };
}

export function quotaJson(status: QuotaStatus) {
  const metrics = (m: QuotaMetrics | null) => m && { ...m, resetsAt: isoOrNull(m.resetsAt) };
  const usePercent = status.use === null ? null : Math.round(1000 * status.use) / 10;
  const pausesUntil = isoOrNull(status.pausesUntil);
  return {
    ...status,
    requests: metrics(status.requests),
    tokens: metrics(status.tokens),
    usePercent,
    pausesUntil,
  };
}

function spendingJson({ calls, spending, frequencies }: PoolReport) {
  const withPercent = (all: readonly Share[]) =>
    all.map(({ share, ...rest }) => ({ ...rest, percent: Math.round(1000 * share) / 10 }));
  return {
    callsLastHour: calls,
    spentLastHour: withPercent(spending.hour),
    spentLastDay: withPercent(spending.day),
    callsPerMinute: frequencies,
  };
}

export function orderJson({ outcomes, blocked, unreached, stoppedBy }: OrderReport) {
  const [first, organization] = outcomes.map(({ pool, before, state, pools, freed }) => ({
    pool,
    before: before?.state ?? null,
    state: state?.state ?? null,
    until: isoOrNull(state?.until ?? null),
    reason: state?.reason ?? null,
    pools,
    freed,
  }));
  return {
    ...first,
    organization: organization ?? null,
    blockedLimits: blocked.map(({ name, key, blockedUntil, blockedReason }) => ({
      name,
      key,
      until: isoOrNull(blockedUntil),
      reason: blockedReason,
    })),
    unreached,
    stoppedBy,
  };
}

export function unblockJson({ pool, ended, items, state, unreached }: UnblockReport) {
  return {
    pool,
    ended: ended.map(({ name, key, pools, until, because }) => ({
      name,
      key,
      pools,
      until: isoOrNull(until),
      because,
    })),
    items,
    state: state.state,
    unreached,
  };
}

export function resetJson({ pool, limits, pools, unreached }: ResetReport) {
  return { pool, limits: limits.map(({ key, name }) => ({ key, name })), pools, unreached };
}
