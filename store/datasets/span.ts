/** Spans of time as Postgres ranges. */
import { toTimestamptz } from '../db';

/** Half-open `[from, to)`, epoch milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** As a tstzrange parameter. @throws RangeError when it is empty or not finite. */
export function toRange(span: Span): string {
  if (!Number.isFinite(span.from) || !Number.isFinite(span.to) || span.from >= span.to) {
    throw new RangeError(`span ${span.from} to ${span.to}: needs two finite times, the first one earlier`);
  }
  return `[${toTimestamptz(span.from)},${toTimestamptz(span.to)})`;
}

/** For messages: `2026-11-20T20:00:00.000Z to 2026-11-20T22:00:00.000Z`. */
export function spanText(span: Span): string {
  return `${new Date(span.from).toISOString()} to ${new Date(span.to).toISOString()}`;
}
