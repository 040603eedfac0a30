/** Times and durations as text. Pure; epoch milliseconds. */

/** `2026-11-23 23:14:05 UTC`. */
export function instantText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `2026-11-23 23:14:05 UTC (in 12 min)`. */
export function whenText(ms: number, now: number): string {
  return `${instantText(ms)} (${relativeText(ms, now)})`;
}

/** `in 12 min`, `3 h ago`, `now`. */
export function relativeText(ms: number, now: number): string {
  const difference = ms - now;
  if (Math.abs(difference) < 500) return 'now';
  const length = lengthText(Math.abs(difference));
  return difference > 0 ? `in ${length}` : `${length} ago`;
}

/** The two largest units at most: `850 ms`, `12 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`. */
export function lengthText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  const parts: string[] = [];
  let rest = seconds;
  for (const [name, size] of units.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.join(' ');
}

/** `2026-11-01T00:00Z`, the way the command line takes times. */
export function shortInstant(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16)}Z`;
}

export function spanText(span: { readonly from: number; readonly to: number }): string {
  return `${shortInstant(span.from)} to ${shortInstant(span.to)}`;
}

/** `12,345`. By hand: loading a locale would be a tenth of a short command's time. */
export function countText(value: number): string {
  const text = String(Math.round(value));
  return /^-?\d+$/.test(text) ? text.replace(/\B(?=(?:\d{3})+$)/g, ',') : text;
}

/** `1 gap`, `3 gaps`. */
export function pluralText(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** At most one decimal: `4`, `3.5`. */
export function amountText(value: number): string {
  return String(Math.round(value * 10) / 10);
}

export function isoOrNull(ms: number | null): string | null {
  return ms === null || !Number.isFinite(ms) ? null : new Date(ms).toISOString();
}
