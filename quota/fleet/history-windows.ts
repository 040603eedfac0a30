/** Windows of a backfill that goes device by device. Pure; times are epoch milliseconds. */

interface Span {
  readonly from: number;
  readonly to: number;
}

/** The pieces of the gaps between the marks that lie `lengthMs` apart from `origin` on: each is one call. */
export function piecesOf(gaps: readonly Span[], origin: number, lengthMs: number): Span[] {
  const pieces: Span[] = [];
  for (const gap of gaps) {
    for (let from = gap.from; from < gap.to; ) {
      const mark = origin + (Math.floor((from - origin) / lengthMs) + 1) * lengthMs;
      const to = Math.min(mark, gap.to);
      pieces.push({ from, to });
      from = to;
    }
  }
  return pieces;
}

/** Vendors take whole seconds. */
const GRID_MS = 1000;

/**
 * What to ask for so that no trip is cut in two: the window, widened to the trips at its edges where one call may be as
 * long. Where it may not, the window alone: calls are few, and vendors return a trip that touches the span as a whole.
 * @param whole the window with those trips.
 */
export function askAround(window: Span, whole: Span, maxSpanMs: number): Span {
  const wide = { from: floor(whole.from), to: ceil(whole.to) };
  return wide.to - wide.from <= maxSpanMs ? wide : { from: floor(window.from), to: ceil(window.to) };
}

const floor = (ms: number) => Math.floor(ms / GRID_MS) * GRID_MS;
const ceil = (ms: number) => Math.ceil(ms / GRID_MS) * GRID_MS;
