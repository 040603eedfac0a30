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
  /** So many answers make it true, and only when they lie over so many milliseconds. */
  readonly answers: number;
  readonly overMs: number;
}

/** Hours of a document that has more rows than that: fewer are lost by single cancellations. */
const NOTABLE_ROWS = 20;

/** Distance to the first look again, ms; each is three times the one before it, up to a day. */
const FIRST_LOOK_MS = 2 * HOUR_MS;
const LOOK_FACTOR = 3;
const LONGEST_LOOK_MS = DAY_MS;

export interface Doubt {
  /** Answers that told it so far. */
  readonly answers: number;
  readonly firstAt: number;
  /** An operator has said that the next answer is to be believed. */
  readonly accepted: boolean;
}

export interface DoubtedHour {
  /** Start of the hour. */
  readonly hour: number;
  readonly known: number;
  readonly told: number;
  readonly answers: number;
  readonly firstAt: number;
  readonly lookAgainAt: number;
}

export interface RestatementInput {
  /** Rows that are stored, by hour; of hours in the document's span only. */
  readonly known: ReadonlyMap<number, number>;
  /** Rows that the document tells, by hour. */
  readonly told: ReadonlyMap<number, number>;
  /** Doubts of earlier answers, by hour. */
  readonly doubts: ReadonlyMap<number, Doubt>;
  readonly policy: RestatementPolicy;
  readonly now: number;
}

/** The hours whose known rows stay. All other hours are the document's. */
export function doubtedHours(input: RestatementInput): readonly DoubtedHour[] {
  const { told, doubts, policy, now } = input;
  return suspectHours(input).flatMap(([hour, known]): DoubtedHour[] => {
    const before = doubts.get(hour);
    const answers = (before?.answers ?? 0) + 1;
    const firstAt = before?.firstAt ?? now;
    const isTrue = before?.accepted || (answers >= policy.answers && now - firstAt >= policy.overMs);
    if (isTrue) return [];
    const lookAgainAt = now + recheckDelayMs(answers);
    return [{ hour, known, told: told.get(hour) ?? 0, answers, firstAt, lookAgainAt }];
  });
}

/** After so many answers, ms until it is asked again. */
export function recheckDelayMs(answers: number): number {
  return Math.min(LONGEST_LOOK_MS, FIRST_LOOK_MS * LOOK_FACTOR ** (answers - 1));
}

/** Hours that would lose rows in a way that no ordinary restatement takes them, with their known rows. */
function suspectHours({ known, told, policy }: RestatementInput): readonly (readonly [number, number])[] {
  const hours = [...known].filter(([, rows]) => rows > 0).sort(([a], [b]) => a - b);
  const reportedIn = (hour: number) => told.get(hour) ?? 0;
  const isTooFew = (rows: number, known: number) => rows === 0 || rows < policy.doubtShare * known;
  const allKnown = hours.reduce((sum, [, rows]) => sum + rows, 0);
  const allReported = hours.reduce((sum, [hour]) => sum + reportedIn(hour), 0);
  if (allKnown > 0 && isTooFew(allReported, allKnown))
    return hours.filter(([hour, rows]) => reportedIn(hour) < rows);

  // The document as a whole is plausible; a part of it may still be missing.
  const suspects: (readonly [number, number])[] = [];
  let run: (readonly [number, number])[] = [];
  const endRun = () => {
    if (run.reduce((sum, [, rows]) => sum + rows, 0) >= NOTABLE_ROWS) suspects.push(...run);
    run = [];
  };
  for (const entry of hours) {
    const [hour, rows] = entry;
    if (isTooFew(reportedIn(hour), rows)) run.push(entry);
    else endRun();
  }
  endRun();
  return suspects;
}
