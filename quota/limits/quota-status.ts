/** What is left of an account's quotas, for people and for decisions, and when to raise an alert. Pure. */
import { capReason, type RunCap } from '../batches/run-terms';

/** A limit as it stands. */
export interface LimitLevel {
  readonly name: string;
  readonly unit: 'calls' | 'tokens';
  readonly kind: 'bucket' | 'rolling' | 'calendar' | 'vendor';
  readonly limit: number;
  readonly used: number;
  /** Epoch ms; null when it is full, or when only the vendor knows. */
  readonly resetsAt: number | null;
  readonly mode: 'enforce' | 'shadow';
  /** Length of a rolling window, ms. */
  readonly periodMs?: number | null;
  /** Share of it at which background work pauses; default 1. */
  readonly threshold?: number;
  /** Epoch ms before which no call of it leaves, as the vendor stated; null when it does not wait. */
  readonly blockedUntil?: number | null;
}

/** A limit that is reported by its key. */
export type KeyedLevel = LimitLevel & { readonly key: string };

/** The levels with items in files counted as calls of the day, which no limit's row knows of. */
export function withFileItems(
  levels: readonly KeyedLevel[],
  cap: Pick<RunCap, 'limit' | 'dailyLimit'>,
  files: { readonly key: string; readonly items: number; readonly dayEndsAt: number },
): KeyedLevel[] {
  const { key, items, dayEndsAt } = files;
  const known = levels.find(({ name }) => name === cap.limit);
  const unused = { key, name: cap.limit, unit: 'calls', kind: 'calendar', mode: 'shadow' } as const;
  const daily = { ...unused, limit: cap.dailyLimit, ...known };
  return [
    ...levels.filter(({ name }) => name !== cap.limit),
    { ...daily, used: (known?.used ?? 0) + items, resetsAt: known?.resetsAt ?? dayEndsAt },
  ];
}

export interface QuotaMetrics {
  readonly remaining: number;
  readonly limit: number;
  readonly resetsAt: number | null;
}

export interface QuotaStatus {
  /** The buckets of a minute; null when the account has none. */
  readonly requests: QuotaMetrics | null;
  readonly tokens: QuotaMetrics | null;
  readonly usedToday: number;
  readonly dailyLimit: number | null;
  /** Share 0..1 of the tightest limit that comes back only with its window; null when there is none. */
  readonly use: number | null;
  readonly shouldPause: boolean;
  readonly reason: string;
  /** Epoch ms at which that pause is over; null when there is none, or only the vendor knows. */
  readonly pausesUntil: number | null;
}

/** A rolling window shorter than this is a pace and no quota, ms. */
const PACE_MS = 600_000;

/**
 * Limits that are used up until a window ends. Buckets and short rolling windows come back all the time and are meant
 * to be used to the full.
 */
export function isHard({ mode, kind, periodMs }: LimitLevel): boolean {
  if (mode !== 'enforce' || kind === 'bucket') return false;
  return kind !== 'rolling' || (periodMs ?? PACE_MS) >= PACE_MS;
}

/**
 * Whether a call that this limit has kept back waits for the limit's window. Another cause is a vendor's "too fast",
 * which blocks what it may have meant whether that is used up or not, even a limit that is only watched.
 */
export function keepsUntilReset(level: LimitLevel): boolean {
  return isHard(level) && (level.blockedUntil ?? null) === null;
}

/** @param cap the pause of one run's own, when the status of a run is wanted. */
export function quotaStatus(limits: readonly LimitLevel[], cap: RunCap | null = null): QuotaStatus {
  const byUse = (a: LimitLevel, b: LimitLevel) => useOf(b) - useOf(a);
  const bucket = (unit: LimitLevel['unit']): QuotaMetrics | null => {
    // A bucket of one is a spacing: it is never more than one call from full. Of several models', the fullest.
    const [found] = limits
      .filter((l) => l.kind === 'bucket' && l.unit === unit && l.mode === 'enforce' && l.limit > 1)
      .sort(byUse);
    if (!found) return null;
    const { limit, used, resetsAt } = found;
    return { remaining: Math.max(0, Math.floor(limit - used)), limit, resetsAt };
  };
  const hard = limits.filter(isHard).sort(byUse);
  const reached = hard.find((limit) => useOf(limit) >= (limit.threshold ?? 1));
  const days = limits.filter((l) => l.kind === 'calendar');
  const daily = days.filter(isHard).sort(byUse)[0] ?? days[0];
  const status = {
    requests: bucket('calls'),
    tokens: bucket('tokens'),
    usedToday: daily?.used ?? 0,
    dailyLimit: daily?.mode === 'enforce' ? daily.limit : null,
    use: hard[0] === undefined ? null : useOf(hard[0]),
    shouldPause: reached !== undefined,
    reason: reached === undefined ? '' : thresholdReason(reached),
    pausesUntil: reached?.resetsAt ?? null,
  };
  return cap === null
    ? status
    : withCap(
        status,
        cap,
        limits.find(({ name }) => name === cap.limit),
      );
}

function withCap(account: QuotaStatus, cap: RunCap, daily: LimitLevel | undefined): QuotaStatus {
  const used = daily?.used ?? 0;
  const reached = used >= cap.calls;
  return {
    ...account,
    usedToday: used,
    dailyLimit: cap.dailyLimit,
    use: Math.max(account.use ?? 0, used / cap.dailyLimit),
    shouldPause: account.shouldPause || reached,
    reason: account.shouldPause || !reached ? account.reason : capReason(cap, Math.floor(used)),
    pausesUntil: account.shouldPause || !reached ? account.pausesUntil : (daily?.resetsAt ?? null),
  };
}

function useOf({ used, limit }: LimitLevel): number {
  return used / limit;
}

function thresholdReason(limit: LimitLevel): string {
  const at = Math.round(100 * (limit.threshold ?? 1));
  return `${limit.name} is at ${Math.round(100 * useOf(limit))} %, and background work pauses at ${at} %`;
}

const ALERTS = [
  ['warning', 0.6],
  ['critical', 0.8],
  ['emergency', 0.95],
] as const;
export type AlertLevel = (typeof ALERTS)[number][0];

/** Every level that a use has reached, mildest first. */
export function alertsAt(use: number): AlertLevel[] {
  return ALERTS.filter(([, share]) => use >= share).map(([level]) => level);
}
