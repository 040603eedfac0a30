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
 * What to ask for so that no trip is cut in two, and what of the window is then in. Where the whole is longer than a
 * call may be, the beginning of the window is left for another call: the trip at its end is the one that would be cut.
 * @param whole the window, widened to the trips at its edges.
 */
export function askAround(
  window: Span,
  whole: Span,
  maxSpanMs: number,
): { readonly span: Span; readonly covered: Span } {
  const to = Math.min(ceil(whole.to), floor(window.to + maxSpanMs / 2));
  const from = Math.max(floor(whole.from), to - maxSpanMs);
  return { span: { from, to }, covered: { from: Math.max(window.from, from), to: window.to } };
}

const floor = (ms: number) => Math.floor(ms / GRID_MS) * GRID_MS;
const ceil = (ms: number) => Math.ceil(ms / GRID_MS) * GRID_MS;
