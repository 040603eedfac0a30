/** The wait of a refusal that states none but in `x-ratelimit-reset-…`, which say when a limit is full again. */
import { announcedWindow, isFullRefill } from '../../quota/limits/announced-window';
import { parseReset, type StatedWait } from '../../quota/waits';
import { OPENAI_ANNOUNCED_WINDOWS } from './limits';

const RESET = 'x-ratelimit-reset-';
const REMAINING = 'x-ratelimit-remaining-';
const LIMIT = 'x-ratelimit-limit-';

/**
 * Of the limit that was named; else of those that have nothing left; else the longest of all. Null when there is none.
 * @param headers with names in lower case. @param named the limit that the refusal names, e.g. `tokens`.
 */
export function resetWait(
  headers: Readonly<Record<string, string>>,
  named: string | null,
  nowMs: number,
): StatedWait | null {
  const all = Object.keys(headers)
    .filter((name) => name.startsWith(RESET))
    .map((name) => name.slice(RESET.length));
  const ofNamed = all.filter((name) => named !== null && name === named);
  const usedUp = all.filter((name) => headers[REMAINING + name]?.trim() === '0');
  const meant = [ofNamed, usedUp, all].find((names) => names.length > 0) ?? [];
  return meant.reduce<StatedWait | null>((longest, name) => {
    const wait = waitOf(headers, name, nowMs);
    return wait !== null && wait.ms > (longest?.ms ?? 0) ? wait : longest;
  }, null);
}

function waitOf(headers: Readonly<Record<string, string>>, name: string, nowMs: number): StatedWait | null {
  const wait = parseReset(headers[RESET + name] ?? '', nowMs);
  const capacity = Number(headers[LIMIT + name] ?? Number.NaN);
  const remaining = Number(headers[REMAINING + name] ?? Number.NaN);
  if (wait === null || name !== 'requests' || !(capacity > 0) || remaining !== 0) return wait;
  // A bucket that refills steadily has room for the next request long before it is full.
  const level = { capacity, remaining, resetMs: wait.ms };
  const window = announcedWindow(null, level, OPENAI_ANNOUNCED_WINDOWS);
  const isSteady = isFullRefill(window, { ...level, remaining: 1e-9 });
  return isSteady ? { ...wait, ms: Math.ceil(window.ms / capacity), absurd: false } : wait;
}
