/**
 * From a log of arrivals: how much of a limit was used, and how often callers found its end by being refused. Tests
 * and benchmarks feed `/_sim/calls` into it.
 */

/** A line of `/_sim/calls`, as far as it is read here. */
export interface CallSeen {
  /** Epoch ms of the arrival. */
  readonly t: number;
  readonly operation: string;
  readonly status: number;
  readonly requestDetail: Readonly<Record<string, unknown>>;
}

export interface Discovery {
  /** Epoch ms of the first refusal. */
  readonly at: number;
  readonly refused: number;
  /** Calls that were on the way at the first refusal, the refused ones included. */
  readonly inFlight: number;
}

/** Refusals no further apart than this are of one discovery, ms: what was on the way when it was made. */
const TOGETHER_MS = 1000;

/** Runs of calls that were answered with 429. `calls` may be in any order. */
export function discoveriesOf(calls: readonly CallSeen[]): Discovery[] {
  const ordered = [...calls].sort((a, b) => a.t - b.t);
  const groups: number[][] = [];
  for (const { t, status } of ordered) {
    if (status !== 429) continue;
    const group = groups.at(-1);
    if (group && t - (group.at(-1) ?? 0) < TOGETHER_MS) group.push(t);
    else groups.push([t]);
  }
  return groups.map((group) => {
    const [at = 0] = group;
    const answering = ordered.filter((c) => c.status !== 429 && c.t <= at && at < c.t + latencyOf(c));
    return { at, refused: group.length, inFlight: answering.length + group.length };
  });
}

/**
 * Share 0..1 of a rate that admitted calls used, from the first to the last of them; above 1 when a burst helped.
 * @param skip calls at the beginning that are left out, e.g. while the number of calls in flight still grows.
 */
export function useOfRate(calls: readonly CallSeen[], ratePerSecond: number, skip = 0): number {
  const times = calls
    .filter((c) => c.status === 200)
    .map((c) => c.t)
    .sort((a, b) => a - b)
    .slice(skip);
  const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1000;
  return seconds > 0 ? (times.length - 1) / seconds / ratePerSecond : 0;
}

function latencyOf(call: CallSeen): number {
  const { latencyMs } = call.requestDetail;
  return typeof latencyMs === 'number' ? latencyMs : 0;
}
