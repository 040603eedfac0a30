/**
 * The wait of a refusal that states none itself: taken from its limits' headers, which say when a limit is full
 * again.
 */
import { announcedWindow, isFullRefill } from '../../quota/limits/announced-window';
import { parseReset, type StatedWait } from '../../quota/waits';
import { type HeaderLimit, headerLimits } from './limit-headers';
import { OPENAI_ANNOUNCED_WINDOWS } from './limits';

/**
 * Of the limit that was named; else of those that have nothing left; else the longest of all. Null when there is none.
 * @param headers with names in lower case. @param named the limit that the refusal names, e.g. `tokens`.
 */
export function resetWait(
  headers: Readonly<Record<string, string>>,
  named: string | null,
  nowMs: number,
): StatedWait | null {
  const all = headerLimits(headers).filter(({ reset }) => reset !== undefined);
  const usedUp = all.filter(isUsedUp);
  const isNamed = ({ name }: HeaderLimit) => name === named;
  // `tokens-minute` and `tokens-day` are both what is called `tokens`: the one that has nothing left is meant.
  const isOfNamed = ({ name }: HeaderLimit) => named !== null && name.startsWith(named);
  const meant = [usedUp.filter(isOfNamed), all.filter(isNamed), usedUp, all].find((some) => some.length > 0);
  return (meant ?? []).reduce<StatedWait | null>((longest, limit) => {
    const wait = waitOf(limit, nowMs);
    return wait !== null && wait.ms > (longest?.ms ?? 0) ? wait : longest;
  }, null);
}

/** `0`, `0.0`, and less than nothing of what was overdrawn. */
function isUsedUp({ remaining = '' }: HeaderLimit): boolean {
  return remaining !== '' && Number(remaining) <= 0;
}

function waitOf(of: HeaderLimit, nowMs: number): StatedWait | null {
  const wait = parseReset(of.reset ?? '', nowMs);
  const capacity = Number(of.limit ?? Number.NaN);
  if (wait === null || of.name !== 'requests' || !(capacity > 0) || !isUsedUp(of)) return wait;
  // A bucket that refills steadily has room for the next request long before it is full.
  const level = { capacity, remaining: 0, resetMs: wait.ms };
  const window = announcedWindow(null, level, OPENAI_ANNOUNCED_WINDOWS);
  const isSteady = isFullRefill(window, { ...level, remaining: 1e-9 });
  return isSteady ? { ...wait, ms: Math.ceil(window.ms / capacity), absurd: false } : wait;
}
