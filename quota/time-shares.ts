/** Where the time of a piece of work has gone. Pure; times are epoch ms. */

/**
 * Why it did not get on, the strongest first: at each instant the first one that holds counts. `person`: an operator has
 * paused it, or has to act. `vendor`: it takes its time, or is down.
 */
export const TIME_CAUSES = [
  'person',
  'noWorker',
  'quotaPause',
  'rateLimit',
  'vendor',
  'idle',
  'calling',
] as const;
export type TimeCause = (typeof TIME_CAUSES)[number];

export interface CausedSpan {
  readonly cause: TimeCause;
  readonly from: number;
  /** Infinity: it lasts. */
  readonly to: number;
}

export interface TimeShare {
  readonly cause: TimeCause;
  readonly ms: number;
  /** 0 to 1. */
  readonly share: number;
}

export interface Life {
  readonly from: number;
  readonly to: number;
}

/** In whole ms, as it is shown; one whose end lies before its beginning, by a clock that was set back, has no length. */
export function wholeLife({ from, to }: Life): Life {
  const begin = Math.floor(from);
  return { from: begin, to: Math.max(begin, Math.floor(to)) };
}

/**
 * The whole of a life, divided: what no span explains is `rest`. The shares are whole ms, and sum to the life exactly.
 * @param given both ends.
 */
export function timeShares(
  given: Life,
  spans: readonly CausedSpan[],
  rest: 'calling' | 'idle' = 'calling',
): readonly TimeShare[] {
  const life = wholeLife(given);
  const total = life.to - life.from;
  const ms = new Map<TimeCause, number>();
  const inside = spans
    .map(({ cause, from, to }) => ({
      cause,
      from: Math.max(Math.floor(from), life.from),
      to: Math.min(Math.floor(to), life.to),
    }))
    .filter(({ from, to }) => from < to);
  const edges = [...new Set([life.from, life.to, ...inside.flatMap(({ from, to }) => [from, to])])].sort(
    (a, b) => a - b,
  );
  const open = { person: 0, noWorker: 0, quotaPause: 0, rateLimit: 0, vendor: 0, idle: 0, calling: 0 };
  const begins = byEdge(inside, ({ from }) => from);
  const ends = byEdge(inside, ({ to }) => to);
  for (const [i, edge] of edges.entries()) {
    for (const cause of begins.get(edge) ?? []) open[cause]++;
    for (const cause of ends.get(edge) ?? []) open[cause]--;
    const next = edges[i + 1];
    if (next === undefined || edge >= life.to) break;
    const cause = TIME_CAUSES.find((one) => open[one] > 0) ?? rest;
    ms.set(cause, (ms.get(cause) ?? 0) + next - edge);
  }
  return TIME_CAUSES.flatMap((cause) => {
    const spent = ms.get(cause) ?? 0;
    return spent === 0 ? [] : [{ cause, ms: spent, share: spent / total }];
  });
}

/** What of the spans lies outside of the times in which there was nothing to do: nothing stood in its way then. */
export function outside(spans: readonly CausedSpan[], resting: readonly Life[]): CausedSpan[] {
  return resting.reduce<CausedSpan[]>(
    (left, rest) =>
      left.flatMap((span) =>
        [
          { ...span, to: Math.min(span.to, rest.from) },
          { ...span, from: Math.max(span.from, rest.to) },
        ].filter(({ from, to }) => from < to),
      ),
    [...spans],
  );
}

/** One of the tries that a window has taken. */
export interface Try {
  readonly from: number;
  /** Null: it goes on. */
  readonly to: number | null;
  /** It has brought what was wanted. */
  readonly done: boolean;
}

/** The times between tries: after one that was done there was nothing to do, after another it waited for the next one. */
export function betweenTries(tries: readonly Try[]): {
  readonly resting: readonly Life[];
  readonly retries: readonly CausedSpan[];
} {
  const resting: Life[] = [];
  const retries: CausedSpan[] = [];
  let last: { readonly to: number; readonly done: boolean } | null = null;
  for (const { from, to: ended, done } of [...tries].sort((a, b) => a.from - b.from)) {
    if (last !== null && from > last.to) {
      if (last.done) resting.push({ from: last.to, to: from });
      else retries.push({ cause: 'vendor', from: last.to, to: from });
    }
    const to = ended ?? Number.POSITIVE_INFINITY;
    if (last === null || to >= last.to) last = { to, done };
  }
  return { resting, retries };
}

function byEdge(
  spans: readonly CausedSpan[],
  edgeOf: (span: CausedSpan) => number,
): Map<number, TimeCause[]> {
  const found = new Map<number, TimeCause[]>();
  for (const span of spans) found.set(edgeOf(span), [...(found.get(edgeOf(span)) ?? []), span.cause]);
  return found;
}

/** What stands in the way at this time by its strongest span; null: nothing. */
export function causeAt(spans: readonly CausedSpan[], at: number): TimeCause | null {
  const open = new Set(spans.filter(({ from, to }) => from <= at && to > at).map(({ cause }) => cause));
  return TIME_CAUSES.find((cause) => open.has(cause)) ?? null;
}
