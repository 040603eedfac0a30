/**
 * The window of a limit that a vendor announces by size alone: a minute, an hour or a day. It follows from the time
 * until the limit is full again. Of 10,000 with one used and 8.64 s to go, all refill in 86,400 s: a day. Pure.
 */

/** What one answer says of a limit that refills continuously. */
export interface AnnouncedLevel {
  readonly capacity: number;
  readonly remaining: number | undefined;
  /** Milliseconds until it is full again. */
  readonly resetMs: number | undefined;
}

/** A window, and how it ends: bit by bit, as a bucket refills, or at once. */
export interface WindowBelief {
  readonly ms: number;
  /** Answers that contradict this window, since the last one that clearly confirmed it. */
  readonly doubts: number;
  /** The answer before, of a window that ends at once; undefined of one that refills steadily. */
  readonly last?: WindowEvidence;
}

/** As many answers that contradict a window change it: one may be a coincidence. */
const DOUBTS = 2;
/** Vendors round: numbers to whole units, times to milliseconds, or up to seconds. */
const ROUNDED_MS = 2;

/**
 * The window that is believed after an answer. One without information, because nothing is used or no reset is stated,
 * leaves it as it was; the first of `windows` is what the vendor's numbers are counted in by its own documents.
 *
 * A reset that counts down to the end of a minute passes through what a longer window would say as well, one that
 * refills steadily. Answer by answer they differ: there, the more is used, the longer the reset; here it only shrinks.
 * @param windows lengths in ms, ascending, the documented one first; at least one.
 */
export function announcedWindow(
  before: WindowBelief | null,
  level: AnnouncedLevel,
  windows: readonly number[],
): WindowBelief {
  const [documented = 60_000] = windows;
  const evidence = evidenceOf(level);
  if (evidence === null) return before ?? { ms: documented, doubts: 0 };
  const fits = (ms: number) => explains(ms, level.capacity, evidence);
  // No window ends later than its own length: a bucket that refills all at once shows at least that.
  const isInside = (ms: number) => evidence.resetMs <= ms + SHORT_RESET_MS;
  const steady = windows.find(fits);
  const found: WindowBelief =
    steady === undefined
      ? { ms: windows.find(isInside) ?? documented, doubts: 0, last: evidence }
      : { ms: steady, doubts: 0 };
  if (before === null) {
    // OpenAI's guide itself has a minute's tokens that are full in six.
    return steady === undefined && found.ms !== documented
      ? { ms: documented, doubts: 1, last: evidence }
      : found;
  }
  const { ms, last } = before;
  // An answer that a window which ends at once would often give as well confirms nothing.
  if (last === undefined && fits(ms)) {
    return { ms, doubts: isTelling(ms, level.capacity, evidence, documented) ? 0 : before.doubts };
  }
  // An end at once explains any reset within the window, but not one that grows with what is used.
  const isExplained =
    last === undefined ? ms === documented && steady === undefined : !isTogether(last, evidence);
  if (isInside(ms) && (isExplained || (last !== undefined && (steady ?? ms) === ms))) {
    return { ms, doubts: 0, last: evidence };
  }
  if (before.doubts + 1 >= DOUBTS) return found;
  return { ms, doubts: before.doubts + 1, ...(last && { last: evidence }) };
}

/** Whether use and reset have grown together, or shrunk together, by more than a vendor rounds. */
function isTogether(before: WindowEvidence, { used, resetMs }: WindowEvidence): boolean {
  const grown = resetMs - before.resetMs;
  return Math.abs(grown) > ROUNDED_MS && grown * (used - before.used) > 0;
}

/** Below this a reset with nothing left may be the time to the next unit, ms. */
const SHORT_RESET_MS = 1000;

/**
 * Whether an answer's reset is the time to a full refill: its numbers fit together, or nothing is left and the reset is
 * the end of a window.
 */
export function isFullRefill({ ms }: WindowBelief, level: AnnouncedLevel): boolean {
  const evidence = evidenceOf(level);
  if (evidence === null) return false;
  return (
    (level.remaining === 0 && evidence.resetMs >= SHORT_RESET_MS) || explains(ms, level.capacity, evidence)
  );
}

interface WindowEvidence {
  readonly used: number;
  readonly resetMs: number;
}

function evidenceOf({ capacity, remaining, resetMs }: AnnouncedLevel): WindowEvidence | null {
  if (remaining === undefined || resetMs === undefined || resetMs <= 0) return null;
  const used = capacity - remaining;
  return used >= 1 ? { used, resetMs } : null;
}

function explains(ms: number, capacity: number, evidence: WindowEvidence): boolean {
  const { least, most } = refillOf(ms, capacity, evidence);
  return evidence.resetMs >= least && evidence.resetMs <= most;
}

/** Whether the answer confirms the window: few resets of a countdown from `documented` ms would fit as well. */
function isTelling(ms: number, capacity: number, evidence: WindowEvidence, documented: number): boolean {
  const { least, most } = refillOf(ms, capacity, evidence);
  return Math.min(most, documented) - least < TELLING_SHARE * documented;
}

/** The share of a countdown's resets that may fit by chance. */
const TELLING_SHARE = 0.05;

/**
 * The resets that a bucket which refills steadily in `ms` can state, in ms. What is left is rounded down: between
 * `used − 1` and `used` units are to be refilled.
 */
function refillOf(ms: number, capacity: number, { used, resetMs }: WindowEvidence) {
  const unitMs = ms / capacity;
  const isWholeSeconds = resetMs % 1000 === 0;
  return {
    // A single one has just been used: little of it can be back.
    least: Math.max(used - 1, 0.5) * unitMs * 0.999 - ROUNDED_MS,
    most: used * unitMs * 1.001 + (isWholeSeconds ? 1000 : ROUNDED_MS),
  };
}
