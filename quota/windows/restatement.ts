/**
 * Decides whether to believe a later document that holds fewer rows than are known. Vendors sometimes deliver empty or
 * partial documents for hours that were complete before, because data is late or a system of theirs has failed. Known
 * rows stay until the same smaller answer has come several times over days, or until a person accepts it. Decided hour
 * by hour, so that the other hours of a document are ingested. Pure; times are epoch milliseconds.
 */
import { DAY_MS, HOUR_MS } from '../durations';

export interface RestatementPolicy {
  /** A document, or hours in a row, with less than this share of the known rows is doubted, 0 to 1; 0: only an empty one. */
  readonly doubtShare: number;
  /** The share of an hour's rows that ordinary restatements take away, 0 to 1: what it explains is believed. */
  readonly usualLoss: number;
  /** So many answers make it true, and only when they lie over so many milliseconds. */
  readonly answers: number;
  readonly overMs: number;
}

/** A loss that ordinary restatements bring about more rarely than this is none of theirs. */
const CHANCE = 1e-3;
/** What the document's other hours lose counts from about so many rows on: a few say little. */
const MEANINGFUL_ROWS = 20;

/** Wait before the first check, ms; each wait is three times the one before it, up to a day. */
const FIRST_RECHECK_MS = 2 * HOUR_MS;
const RECHECK_FACTOR = 3;
const LONGEST_RECHECK_MS = DAY_MS;

export interface Doubt {
  /** Answers that reported it so far. */
  readonly answers: number;
  readonly firstAt: number;
  /** An operator has accepted it: the next answer is believed. */
  readonly accepted: boolean;
}

export interface DoubtedHour {
  /** Start of the hour. */
  readonly hour: number;
  readonly known: number;
  readonly reported: number;
  readonly answers: number;
  readonly firstAt: number;
  readonly recheckAt: number;
}

export interface RestatementInput {
  /** Rows that are stored, by hour; of hours in the document's span only. */
  readonly known: ReadonlyMap<number, number>;
  /** Rows that the document reports, by hour. */
  readonly reported: ReadonlyMap<number, number>;
  /** Doubts of earlier answers, by hour. */
  readonly doubts: ReadonlyMap<number, Doubt>;
  readonly policy: RestatementPolicy;
  readonly now: number;
}

/** The hours whose known rows stay. All other hours are the document's. */
export function doubtedHours(input: RestatementInput): readonly DoubtedHour[] {
  const { reported, doubts, policy, now } = input;
  return suspectHours(input).flatMap(([hour, known]): DoubtedHour[] => {
    const before = doubts.get(hour);
    const answers = (before?.answers ?? 0) + 1;
    const firstAt = before?.firstAt ?? now;
    const isTrue = before?.accepted || (answers >= policy.answers && now - firstAt >= policy.overMs);
    if (isTrue) return [];
    const recheckAt = now + recheckDelayMs(answers);
    return [{ hour, known, reported: reported.get(hour) ?? 0, answers, firstAt, recheckAt }];
  });
}

/** Wait before the next check after so many answers, ms. */
export function recheckDelayMs(answers: number): number {
  return Math.min(LONGEST_RECHECK_MS, FIRST_RECHECK_MS * RECHECK_FACTOR ** (answers - 1));
}

/** Hours that would lose rows in a way that no ordinary restatement takes them, with their known rows. */
function suspectHours({ known, reported, policy }: RestatementInput): readonly (readonly [number, number])[] {
  const hours = [...known].filter(([, rows]) => rows > 0).sort(([a], [b]) => a - b);
  const reportedIn = (hour: number) => reported.get(hour) ?? 0;
  const isTooFew = ([hour, rows]: readonly [number, number]) => isFarLess(reportedIn(hour), rows, policy);
  const lossOf = (some: readonly (readonly [number, number])[]) => ({
    known: some.reduce((sum, [, rows]) => sum + rows, 0),
    lost: some.reduce((sum, [hour, rows]) => sum + Math.max(0, rows - reportedIn(hour)), 0),
  });
  const allKnown = lossOf(hours).known;
  const allReported = hours.reduce((sum, [hour]) => sum + reportedIn(hour), 0);
  if (allKnown > 0 && isFarLess(allReported, allKnown, policy))
    return hours.filter(([hour, rows]) => reportedIn(hour) < rows);

  // The document as a whole is plausible; a part of it may still be missing. How much such a restatement takes away
  // elsewhere shows in its plausible hours.
  const plausible = lossOf(hours.filter((entry) => !isTooFew(entry)));
  const elsewhere =
    (plausible.lost + policy.usualLoss * MEANINGFUL_ROWS) / (plausible.known + MEANINGFUL_ROWS);
  const usual = Math.max(policy.usualLoss, elsewhere);
  const runs: (readonly [number, number])[][] = [[]];
  for (const entry of hours) {
    if (isTooFew(entry)) runs.at(-1)?.push(entry);
    else runs.push([]);
  }
  return runs.filter((run) => run.length > 0 && chanceOf(lossOf(run), usual) < CHANCE).flat();
}

function isFarLess(reported: number, known: number, { doubtShare }: RestatementPolicy): boolean {
  return reported === 0 || reported < doubtShare * known;
}

/**
 * How likely so many of the known rows go, or more, when each goes by itself with that chance: Chernoff's bound, which is
 * exact where all of them go. 3 of 3 at 5 % are 1 in 8,000.
 */
function chanceOf({ known, lost }: { readonly known: number; readonly lost: number }, usual: number): number {
  const share = lost / known;
  if (share <= usual) return 1;
  if (usual <= 0) return 0;
  const kept = share < 1 ? (1 - share) * Math.log((1 - share) / (1 - usual)) : 0;
  return Math.exp(-known * (share * Math.log(share / usual) + kept));
}
