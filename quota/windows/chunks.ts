/**
 * Cuts gaps of a dataset into the spans of single reports. Pure and deterministic.
 *
 * Reports are scarce, so the size of a chunk is policy. Recent hours go in small chunks, because their data is still
 * arriving and a failure should cost little. Old gaps go in chunks as long as the vendor allows: 30 days in chunks of
 * 6 h are 120 reports and well over an hour of quota, in chunks of 14 days they are 3.
 */

/** Half-open `[from, to)`, epoch milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface ChunkPolicy {
  /** Chunks begin and end on this grid of the UTC clock, milliseconds (an hour for hourly reports). */
  readonly gridMs: number;
  /** Length of a chunk of recent hours and of an explicit backfill, milliseconds. */
  readonly chunkMs: number;
  /** What is older than this is cut as long as `maxSpanMs` allows, milliseconds before now. */
  readonly joinOlderThanMs: number;
  /** The vendor's longest span, milliseconds. */
  readonly maxSpanMs: number;
  /** The vendor answers for no earlier than this, milliseconds before now. */
  readonly lookbackMs: number;
  /** Hours that ended later than this before now are not requested: their data is not ready. */
  readonly safeLagMs: number;
}

export interface ChunkRequest {
  /** In any order; overlapping ones are joined first. Only whole grid cells inside a gap can be covered. */
  readonly gaps: readonly Span[];
  /** Epoch milliseconds. */
  readonly now: number;
  readonly policy: ChunkPolicy;
  /**
   * `sync`: chunks on the clock (e.g. 00, 06, 12 and 18 h), old gaps joined.
   * `fixed`: chunks counted from `alignTo`, as somebody who requested a backfill from then expects.
   */
  readonly mode: 'sync' | 'fixed';
  /** Epoch milliseconds; only for `fixed`. Default: the start of the earliest gap. */
  readonly alignTo?: number;
  /** Default `newest`: the live hours come first, and history is filled in behind them. */
  readonly order?: 'newest' | 'oldest';
}

const floorTo = (value: number, grid: number, origin = 0) =>
  Math.floor((value - origin) / grid) * grid + origin;
const ceilTo = (value: number, grid: number, origin = 0) =>
  Math.ceil((value - origin) / grid) * grid + origin;

/**
 * The span that may be requested at `now`: within the vendor's lookback and old enough to be ready, on the
 * grid. Null when there is none.
 */
export function askableSpan(policy: ChunkPolicy, now: number): Span | null {
  const from = ceilTo(now - policy.lookbackMs, policy.gridMs);
  const to = floorTo(now - policy.safeLagMs, policy.gridMs);
  return from < to ? { from, to } : null;
}

/** Whether a vendor keeps a span's beginning no more: one that could be requested when it was planned, and has waited. */
export function isTooOld({ from }: Span, lookbackMs: number, now: number): boolean {
  return from < now - lookbackMs;
}

/** Sorted, overlapping and touching spans joined, empty ones dropped. */
export function joinSpans(spans: readonly Span[]): readonly Span[] {
  const joined: { from: number; to: number }[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    if (span.to <= span.from) continue;
    const last = joined.at(-1);
    if (last !== undefined && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else joined.push({ from: span.from, to: span.to });
  }
  return joined;
}

/**
 * Spans to request: they cover every whole grid cell of the gaps that may be requested at `now` exactly
 * once, and none is longer than the policy's chunk (recent, or explicit) or the vendor's maximum (old).
 * @throws RangeError when the policy is not on its own grid.
 */
export function planChunks(request: ChunkRequest): readonly Span[] {
  const { policy, now, mode } = request;
  checkPolicy(policy);
  const askable = askableSpan(policy, now);
  if (askable === null) return [];
  const gaps = joinSpans(request.gaps)
    .map((gap) => ({
      from: ceilTo(Math.max(gap.from, askable.from), policy.gridMs),
      to: floorTo(Math.min(gap.to, askable.to), policy.gridMs),
    }))
    .filter((gap) => gap.from < gap.to);
  const first = gaps[0];
  if (first === undefined) return [];

  const spans: Span[] = [];
  const chunk = Math.min(policy.chunkMs, policy.maxSpanMs);
  if (mode === 'fixed') {
    const origin = ceilTo(request.alignTo ?? first.from, policy.gridMs);
    for (const gap of gaps) cutOnClock(gap, chunk, origin, spans);
  } else {
    const boundary = floorTo(now - policy.joinOlderThanMs, policy.gridMs);
    for (const gap of gaps) {
      cutFromStart({ from: gap.from, to: Math.min(gap.to, boundary) }, policy.maxSpanMs, spans);
      cutOnClock({ from: Math.max(gap.from, boundary), to: gap.to }, chunk, 0, spans);
    }
  }
  return request.order === 'oldest' ? spans : spans.reverse();
}

/** What of the spans lies in none of `less`. */
export function subtractSpans(spans: readonly Span[], less: readonly Span[]): readonly Span[] {
  return less.reduce<readonly Span[]>(
    (left, { from, to }) =>
      left.flatMap((span) => {
        if (to <= span.from || from >= span.to) return [span];
        const parts = [
          { from: span.from, to: from },
          { from: to, to: span.to },
        ];
        return parts.filter((part) => part.from < part.to);
      }),
    spans,
  );
}

function cutOnClock(span: Span, length: number, origin: number, into: Span[]): void {
  for (let from = span.from; from < span.to; ) {
    const to = Math.min(floorTo(from, length, origin) + length, span.to);
    into.push({ from, to });
    from = to;
  }
}

function cutFromStart(span: Span, length: number, into: Span[]): void {
  for (let from = span.from; from < span.to; from += length) {
    into.push({ from, to: Math.min(from + length, span.to) });
  }
}

function checkPolicy(policy: ChunkPolicy): void {
  for (const name of ['chunkMs', 'maxSpanMs'] as const) {
    const value = policy[name];
    if (!(value >= policy.gridMs) || value % policy.gridMs !== 0) {
      throw new RangeError(
        `chunk policy: ${name} is ${value}; it must be a multiple of gridMs (${policy.gridMs})`,
      );
    }
  }
}
