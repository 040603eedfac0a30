/** One answer from all its pages. Each page is stored as it comes, so that none is paid for twice. */
import { isDeepStrictEqual } from 'node:util';
import { HOUR_MS } from '../../quota/durations';
import type { ReadRow } from '../../store/reads/reads';
import type { ReadAnswer } from '../../vendors/capabilities/vehicles';
import { CallFailed } from '../gateway/call-errors';
import type { Answered } from './calls';

/** A list that does not end by then is cut: no vendor pages a vehicle's reads so finely. */
const MAX_PAGES = 25;
/** Where a vendor's pages begin is not remembered by it for ever. */
const PROGRESS_MS = HOUR_MS;

export interface Pages {
  /** Asks for one page. @param next from the page before; null for the first. */
  readonly ask: (next: string | null) => Promise<Answered<ReadAnswer>>;
  readonly keep: (progress: Progress) => Promise<void>;
}

export interface Progress {
  readonly answer: Answered<ReadAnswer>;
  readonly pages: number;
  /** The resource that the pages are of, e.g. the account's container. */
  readonly of: string | null;
  /** Where the pages so far began; left out by who kept them before this was known. */
  readonly asked?: readonly string[];
}

/** @param of the resource that the pages are of now: pages of another one are not continued. */
export async function allPages(pages: Pages, row: ReadRow, of: string | null): Promise<Answered<ReadAnswer>> {
  const begun = progressOf(row, of);
  if (begun !== null) {
    try {
      return await continueFrom(pages, begun, of);
    } catch (error) {
      // The vendor does not know that page any more: from the first one, then.
      const unknown =
        error instanceof CallFailed && (error.verdict.kind === 'invalid' || error.verdict.kind === 'gone');
      if (!unknown) throw error;
    }
  }
  return continueFrom(pages, null, of);
}

async function continueFrom(
  pages: Pages,
  begun: Progress | null,
  of: string | null,
): Promise<Answered<ReadAnswer>> {
  let sofar = begun;
  for (;;) {
    const from = sofar?.answer.value.next ?? null;
    const page = await pages.ask(from);
    const count = (sofar?.pages ?? 0) + 1;
    if (sofar !== null && isRepeated(sofar.answer.value, page.value))
      return { ...sofar.answer, pages: count };
    const answer = sofar === null ? page : joined(sofar.answer, page);
    const asked = [...(sofar?.asked ?? []), ...(from === null ? [] : [from])];
    const { next } = page.value;
    // A list that leads back to a page that has come would go round until the day is spent.
    if (next === null || asked.includes(next) || count >= MAX_PAGES) return { ...answer, pages: count };
    sofar = { answer, pages: count, of, asked };
    await pages.keep(sofar);
  }
}

/** The page before once more: whoever answers pays no heed to where a page is to begin, or does not know the end. */
function isRepeated({ records: before = [] }: ReadAnswer, { records = [] }: ReadAnswer): boolean {
  if (records.length === 0 || records.length > before.length) return false;
  return isDeepStrictEqual(before.slice(-records.length), records);
}

function joined(
  { value: before, at: begun }: Answered<ReadAnswer>,
  { value: page, requestId, at }: Answered<ReadAnswer>,
): Answered<ReadAnswer> {
  const records = [...(before.records ?? []), ...(page.records ?? [])];
  const document = page.document ?? before.document;
  const value: ReadAnswer = {
    values: { ...before.values, ...page.values },
    ...(before.records || page.records ? { records } : {}),
    ...(document ? { document } : {}),
    next: page.next,
  };
  return { value, requestId, at: { asked: begun.asked, answered: at.answered } };
}

/** What was kept by this very code. */
function progressOf({ progress, progressAt, now }: ReadRow, of: string | null): Progress | null {
  if (progress === null || progressAt === null || now - progressAt > PROGRESS_MS) return null;
  const kept = progress as Progress;
  return kept.of === of ? kept : null;
}
