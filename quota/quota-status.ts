/** What is left of an account's quotas, for people and for decisions, and when somebody should be told. Pure. */

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
}

/** Limits that are used up until a window ends. Buckets refill all the time and are meant to be used to the full. */
export function isHard(limit: LimitLevel): boolean {
  return limit.mode === 'enforce' && limit.kind !== 'bucket';
}

/** @param threshold share of a hard limit at which background work pauses. */
export function quotaStatus(limits: readonly LimitLevel[], threshold: number): QuotaStatus {
  const bucket = (unit: LimitLevel['unit']): QuotaMetrics | null => {
    const found = limits.find((l) => l.kind === 'bucket' && l.unit === unit && l.mode === 'enforce');
    if (!found) return null;
    const { limit, used, resetsAt } = found;
    return { remaining: Math.max(0, Math.floor(limit - used)), limit, resetsAt };
  };
  const tightest = limits.filter(isHard).sort((a, b) => b.used / b.limit - a.used / a.limit)[0];
  const daily = limits.find((l) => l.kind === 'calendar');
  const use = tightest ? tightest.used / tightest.limit : null;
  const shouldPause = use !== null && use >= threshold;
  return {
    requests: bucket('calls'),
    tokens: bucket('tokens'),
    usedToday: daily?.used ?? 0,
    dailyLimit: daily?.mode === 'enforce' ? daily.limit : null,
    use,
    shouldPause,
    reason:
      shouldPause && tightest
        ? `${tightest.name} is at ${Math.round(100 * (use ?? 0))} %, and background work pauses at ${Math.round(100 * threshold)} %`
        : '',
  };
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
