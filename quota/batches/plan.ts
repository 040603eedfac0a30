/**
 * The shortest time that a batch of equal calls takes, and what bounds it: a rate, tokens, calls in flight × latency,
 * or a daily limit. Pure.
 */
import { CALENDAR_MS, capacityOf, type LimitWindow, usableCapacity } from '../limits/limit';

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
  /** Milliseconds from the first call to the last answer, at the least, pauses included. */
  readonly ms: number;
  /** How often the batch waits for a calendar window to turn: each night, where a day's limit binds. */
  readonly pauses: number;
  /** Calls in flight that reach what the limits allow; null when no rate holds the batch. */
  readonly concurrencyNeeded: number | null;
}

export function planBatch(input: BatchPlanInput): BatchPlan {
  const { items, concurrency, latencyMs } = input;
  const meanMs = (latencyMs.min + latencyMs.max) / 2;
  const unitsOf = (limit: BatchLimit) => (limit.unit === 'calls' ? 1 : input.tokensPerItem);
  const alone = input.limits.map((limit) => limitTime(limit, items * unitsOf(limit), input.now));
  const constraints = input.limits.map(({ name }, i) => ({ name, ms: alone[i]?.ms ?? 0 }));
  constraints.push({ name: IN_FLIGHT, ms: (items * meanMs) / concurrency });
  constraints.sort((a, b) => b.ms - a.ms);
  const longest = constraints[0] ?? { name: 'none', ms: 0 };
  // After the last pause what is left still takes its time under the limits that know no pauses.
  const after = alone.map(({ ms, turns, lastUnits }, i) => {
    const limit = input.limits[i];
    if (turns === 0 || limit === undefined || !Number.isFinite(ms)) return ms;
    const left = lastUnits / Math.max(1e-9, unitsOf(limit));
    const others = input.limits
      .filter(({ window }) => window.kind === 'token-bucket' || window.kind === 'spacing')
      .map((other) => limitTime({ ...other, used: 0 }, left * unitsOf(other), input.now).ms);
    return ms + Math.max((left * meanMs) / concurrency, ...others);
  });
  const rates = input.limits.flatMap((limit) =>
    limit.window.kind === 'token-bucket' ? [limit.window.ratePerSecond / Math.max(1e-9, unitsOf(limit))] : [],
  );
  return {
    constraints,
    binding: longest.name,
    ms: items === 0 ? 0 : Math.max(longest.ms, ...after) + latencyMs.max,
    pauses: Math.max(0, ...alone.map(({ turns }) => turns)),
    // Enough for the slowest answers.
    concurrencyNeeded: rates.length === 0 ? null : Math.ceil((Math.min(...rates) * latencyMs.max) / 1000),
  };
}

const IN_FLIGHT = 'calls in flight';

interface LimitTime {
  /** Until the last unit may begin, ms; Infinity when it never may. */
  readonly ms: number;
  /** How often a calendar window is waited for. */
  readonly turns: number;
  /** Units that are left for the last of those windows. */
  readonly lastUnits: number;
}

const steady = (ms: number): LimitTime => ({ ms, turns: 0, lastUnits: 0 });

/** How long a limit alone makes `units` take. */
function limitTime({ window, used, share, resetsAt }: BatchLimit, units: number, now: number): LimitTime {
  const cap = usableCapacity(capacityOf(window), share);
  switch (window.kind) {
    case 'token-bucket':
      return steady((Math.max(0, units - Math.max(0, cap - used)) / window.ratePerSecond) * 1000);
    case 'spacing':
      return steady(Math.max(0, units - 1) * window.ms);
    case 'rolling': {
      const first = (resetsAt ?? now + window.ms) - now;
      return steady(windowsTime(units, cap, used, window.ms, first).ms);
    }
    case 'calendar': {
      const per = CALENDAR_MS[window.per];
      // Calendar windows in UTC; another zone shifts the first one by some hours at the most.
      const first = (resetsAt ?? Math.ceil(now / per) * per) - now;
      return windowsTime(units, cap, used, per, first);
    }
    case 'vendor-reset':
      return steady(units <= cap - used ? 0 : Number.POSITIVE_INFINITY);
  }
}

function windowsTime(
  units: number,
  cap: number,
  used: number,
  perMs: number,
  firstEndsIn: number,
): LimitTime {
  const whole = Math.floor(cap + 1e-9);
  const left = units - Math.max(0, whole - used);
  if (left <= 0) return steady(0);
  if (whole <= 0) return steady(Number.POSITIVE_INFINITY);
  const turns = Math.ceil(left / whole);
  return {
    ms: Math.max(0, firstEndsIn) + (turns - 1) * perMs,
    turns,
    lastUnits: left - (turns - 1) * whole,
  };
}
