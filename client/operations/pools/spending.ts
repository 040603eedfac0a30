/** Who spent an account's calls: how often each function calls, and under which limits. Pure. */
import { MINUTE_MS } from '../../../quota/durations';
import { charges, type LimitTemplate, matches } from '../../../quota/limits/limit';
import type { CallCount, MinuteCount } from '../../../store/permits/call-counts';

/** "Now", for a frequency: short enough to follow, long enough to hold what comes every few minutes. */
const RECENT_MINUTES = 10;

export interface Share {
  readonly caller: string;
  readonly operation: string;
  readonly calls: number;
  /** Of all calls, 0..1. */
  readonly share: number;
}

/** Whoever spent most comes first. */
export function shares(counts: readonly CallCount[]): Share[] {
  const total = counts.reduce((sum, c) => sum + c.calls, 0);
  const by = new Map<string, { caller: string; operation: string; calls: number }>();
  for (const { caller, operation, calls } of counts) {
    const id = JSON.stringify([caller, operation]);
    const entry = by.get(id) ?? { caller, operation, calls: 0 };
    entry.calls += calls;
    by.set(id, entry);
  }
  return [...by.values()]
    .map((entry) => ({ ...entry, share: entry.calls / Math.max(1, total) }))
    .sort((a, b) => b.calls - a.calls || (a.caller < b.caller ? -1 : 1));
}

export interface Frequency {
  /** A caller, or the name of a limit. */
  readonly name: string;
  /** Calls a minute over the last ten whole minutes; null for a limit whose calls are not told apart in what is counted. */
  readonly perMinute: number | null;
  /** Calls of the busiest minute there was. */
  readonly busiest: number | null;
}

export interface Frequencies {
  readonly callers: readonly Frequency[];
  /** Of a limit that holds for each of many things (a device), of all of them together. */
  readonly limits: readonly Frequency[];
}

/** A limit as its calls are counted: by the operations that fall under it, in all pools that it holds for. */
export interface CountedLimit extends Pick<LimitTemplate, 'name' | 'operations' | 'match'> {
  readonly pools: readonly string[];
}

/** What is known of the calls that a count adds up, as far as a limit may match it. */
export type AttributesOf = (count: MinuteCount) => Readonly<Record<string, string>>;

/**
 * @param counts of the last hour, of all pools that share a limit with this one.
 * @param pool whose callers are meant.
 */
export function frequencies(
  counts: readonly MinuteCount[],
  pool: string,
  limits: readonly CountedLimit[],
  now: number,
  attributesOf: AttributesOf = () => ({}),
): Frequencies {
  const callers = [...new Set(counts.filter((c) => c.pool === pool).map((c) => c.caller))].sort();
  return {
    callers: callers.map((name) =>
      frequencyOf(name, counts, now, (c) => c.pool === pool && c.caller === name),
    ),
    limits: limits.map((limit) => {
      const { name, match = {} } = limit;
      const charged = counts.filter((c) => limit.pools.includes(c.pool) && charges(limit, c.operation));
      const isTold = charged.every((c) =>
        Object.keys(match).every((attribute) => Object.hasOwn(attributesOf(c), attribute)),
      );
      if (!isTold) return { name, perMinute: null, busiest: null };
      return frequencyOf(name, charged, now, (c) => matches(limit, attributesOf(c)));
    }),
  };
}

function frequencyOf(
  name: string,
  counts: readonly MinuteCount[],
  now: number,
  belongs: (count: MinuteCount) => boolean,
): Frequency {
  const byMinute = new Map<number, number>();
  for (const count of counts.filter(belongs)) {
    byMinute.set(count.minute, (byMinute.get(count.minute) ?? 0) + count.calls);
  }
  const thisMinute = Math.floor(now / MINUTE_MS) * MINUTE_MS;
  const from = thisMinute - RECENT_MINUTES * MINUTE_MS;
  let recent = 0;
  for (const [minute, calls] of byMinute) if (minute >= from && minute < thisMinute) recent += calls;
  return { name, perMinute: recent / RECENT_MINUTES, busiest: Math.max(0, ...byMinute.values()) };
}
