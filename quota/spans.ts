/** Half-open spans of time `[from, to)`, epoch milliseconds. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

/** What is left of a span when others are taken away, oldest first. */
export function subtract(span: TimeSpan, taken: readonly TimeSpan[]): TimeSpan[] {
  let left: TimeSpan[] = [{ from: span.from, to: span.to }];
  for (const { from, to } of taken) {
    left = left.flatMap((part) => {
      if (to <= part.from || from >= part.to) return [part];
      return [
        { from: part.from, to: Math.min(from, part.to) },
        { from: Math.max(to, part.from), to: part.to },
      ].filter((piece) => piece.from < piece.to);
    });
  }
  return left;
}
