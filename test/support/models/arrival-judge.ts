/** Whether calls kept a limit, from the limit's definition alone. It knows nothing of slack, leads or permits. */
import type { LimitWindow } from '../../../quota/limits/limit';
import { windowName } from './calendar-windows';

export interface JudgedCall {
  /** Milliseconds on any clock; epoch ms for calendar windows. */
  readonly at: number;
  readonly units: number;
}

/** Rounding of epoch ms with a fraction. */
const EPSILON = 1e-6;

/** One sentence for each call that broke the limit. */
export function violations(window: LimitWindow, calls: readonly JudgedCall[]): string[] {
  const sorted = calls.filter((c) => c.units > 0).sort((a, b) => a.at - b.at);
  switch (window.kind) {
    case 'spacing':
      return overRolling(sorted, 1, window.ms, () => 1);
    case 'rolling':
      return overRolling(sorted, window.count, window.ms, (c) => c.units);
    case 'token-bucket':
      return overBucket(sorted, window.ratePerSecond, window.burst);
    case 'calendar': {
      const used = new Map<string, number>();
      for (const c of sorted) {
        const name = windowName(c.at, window.per, window.zone);
        used.set(name, (used.get(name) ?? 0) + c.units);
      }
      return [...used]
        .filter(([, units]) => units > window.count)
        .map(([name, units]) => `${units} units in ${name}, where ${window.count} are allowed`);
    }
    case 'vendor-reset':
      throw new RangeError('a vendor-reset window cannot be judged from arrivals alone');
  }
}

function overRolling(
  sorted: readonly JudgedCall[],
  count: number,
  ms: number,
  unitsOf: (call: JudgedCall) => number,
): string[] {
  const found: string[] = [];
  let first = 0;
  let held = 0;
  for (const [i, call] of sorted.entries()) {
    held += unitsOf(call);
    for (let c = sorted[first]; c && c.at + ms <= call.at + EPSILON; c = sorted[++first]) held -= unitsOf(c);
    if (held > count + EPSILON) {
      const span = call.at - (sorted[first]?.at ?? call.at);
      found.push(`call ${i}: ${held} units in ${span.toFixed(3)} ms, where ${count} in ${ms} ms are allowed`);
    }
  }
  return found;
}

function overBucket(sorted: readonly JudgedCall[], ratePerSecond: number, burst: number): string[] {
  const found: string[] = [];
  let level = 0;
  let last = sorted[0]?.at ?? 0;
  for (const [i, call] of sorted.entries()) {
    level = Math.max(0, level - ((call.at - last) * ratePerSecond) / 1000) + call.units;
    last = call.at;
    if (level > burst + EPSILON)
      found.push(`call ${i}: the bucket of ${burst} would hold ${level.toFixed(6)}`);
  }
  return found;
}
