/**
 * How long a batch of equal calls takes at the least, and what decides it: a rate, tokens, calls in flight × latency,
 * or a daily limit. Pure.
 */
import type { LimitWindow } from './limit';

export interface BatchLimit {
  readonly name: string;
  readonly unit: 'calls' | 'tokens';
  readonly window: LimitWindow;
  /** Units used up now. */
  readonly used: number;
  /** The share that this work's priority may use, above 0 up to 1. */
  readonly share: number;
  /** Epoch ms at which what is used is free again; null when unknown. */
  readonly resetsAt: number | null;
}

export interface BatchPlanInput {
  readonly items: number;
  readonly tokensPerItem: number;
  readonly limits: readonly BatchLimit[];
  /** Most calls in flight. */
  readonly concurrency: number;
  readonly latencyMs: { readonly min: number; readonly max: number };
  /** Epoch ms. */
  readonly now: number;
}

export interface BatchPlan {
  /** What each alone makes the batch take, ms, longest first; the first one binds. */
  readonly constraints: readonly { readonly name: string; readonly ms: number }[];
  readonly binding: string;
  /** Milliseconds from the first call to the last answer, at the least. */
  readonly ms: number;
  /** Calls in flight that reach what the limits allow; null when no rate holds the batch. */
  readonly concurrencyNeeded: number | null;
}

const PER_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000, month: 30 * 86_400_000 } as const;

export function planBatch(input: BatchPlanInput): BatchPlan {
  const { items, concurrency, latencyMs } = input;
  const meanMs = (latencyMs.min + latencyMs.max) / 2;
  const unitsOf = (limit: BatchLimit) => (limit.unit === 'calls' ? 1 : input.tokensPerItem);
  const constraints = input.limits.map((limit) => ({
    name: limit.name,
    ms: limitMs(limit, items * unitsOf(limit), input.now),
  }));
  constraints.push({ name: 'calls in flight', ms: (items * meanMs) / concurrency });
  constraints.sort((a, b) => b.ms - a.ms);
  const longest = constraints[0] ?? { name: 'none', ms: 0 };
  const rates = input.limits.flatMap((limit) =>
    limit.window.kind === 'token-bucket' ? [limit.window.ratePerSecond / Math.max(1e-9, unitsOf(limit))] : [],
  );
  return {
    constraints,
    binding: longest.name,
    ms: items === 0 ? 0 : longest.ms + latencyMs.max,
    // Enough for the slowest answers.
    concurrencyNeeded: rates.length === 0 ? null : Math.ceil((Math.min(...rates) * latencyMs.max) / 1000),
  };
}

/** How long a limit alone makes `units` take, ms; Infinity when it never lets them through. */
function limitMs({ window, used, share, resetsAt }: BatchLimit, units: number, now: number): number {
  switch (window.kind) {
    case 'token-bucket':
      return (Math.max(0, units - Math.max(0, window.burst * share - used)) / window.ratePerSecond) * 1000;
    case 'spacing':
      return Math.max(0, units - 1) * window.ms;
    case 'rolling':
      return windowsMs(units, window.count * share, used, window.ms, (resetsAt ?? now + window.ms) - now);
    case 'calendar': {
      const per = PER_MS[window.per];
      // Calendar windows in UTC; another zone shifts the first one by some hours at the most.
      return windowsMs(
        units,
        window.count * share,
        used,
        per,
        (resetsAt ?? Math.ceil(now / per) * per) - now,
      );
    }
    case 'vendor-reset':
      return units <= window.count * share - used ? 0 : Number.POSITIVE_INFINITY;
  }
}

function windowsMs(units: number, cap: number, used: number, perMs: number, firstEndsIn: number): number {
  const left = units - Math.max(0, Math.floor(cap) - used);
  if (left <= 0) return 0;
  if (Math.floor(cap) <= 0) return Number.POSITIVE_INFINITY;
  return Math.max(0, firstEndsIn) + (Math.ceil(left / Math.floor(cap)) - 1) * perMs;
}
