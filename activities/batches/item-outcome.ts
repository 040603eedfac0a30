/** What an answer or a verdict means for an item, in either delivery mode. Pure. */
import { type AlikeKey, alikeOf, causeOf, type PutBack } from '../../quota/batches/alike';
import { describeEvidence, type Verdict } from '../../quota/verdict';
import type { ItemOutcome } from '../../store/batches/outcomes';
import type { TextAnswer, TextApi } from '../../vendors/capabilities/texts';

/** What became of an item, and what others may have in common with it: null when it was of use, or it says nothing. */
export interface JudgedOutcome {
  readonly outcome: Exclude<ItemOutcome, { state: 'later' }>;
  readonly alike: AlikeKey | null;
}

/** An answer that came as usable: its text, or why it is none. */
export function answeredOutcome(api: Pick<TextApi, 'parse'>, seq: number, body: string): JudgedOutcome {
  const parsed = api.parse(body);
  if (!parsed.ok) {
    const evidence = { kind: 'invalid', reason: `the answer is not a response: ${storable(parsed.problem)}` };
    return { outcome: { seq, state: 'failed', evidence }, alike: 'shape:' };
  }
  const { problem } = parsed.value;
  const responseId = storable(parsed.value.responseId);
  const result = resultOf(parsed.value);
  if (problem === null) return { outcome: { seq, state: 'done', responseId, result }, alike: null };
  const evidence = { kind: 'content', reason: storable(problem.text) };
  const alike: AlikeKey = problem.kind === 'failed' ? `shape:${evidence.reason}` : `${problem.kind}:`;
  return { outcome: { seq, state: 'failed', evidence, responseId, result }, alike };
}

/** @param retryable whether the item has attempts left. @param waitMs before the next one. */
export function refusedOutcome(
  seq: number,
  verdict: Verdict,
  waitMs: number,
  retryable: boolean,
): JudgedOutcome {
  const evidence = evidenceOf(verdict);
  const alike = alikeOf(verdict);
  // "Too fast" says nothing about the item: it is retried for as long as it takes.
  const free = verdict.kind === 'rate';
  const outcome: JudgedOutcome['outcome'] =
    free || retryable ? { seq, state: 'retry', evidence, waitMs, free } : { seq, state: 'failed', evidence };
  return { outcome, alike };
}

/**
 * The item's answer concerns all items: it is retried behind the others, so that another one goes first. It counts as put
 * back: should the others be accepted, and it be answered so again, it is this item.
 */
export function behindOthers(
  seq: number,
  verdict: Verdict,
  before: PutBack | null,
  now: number,
): Extract<ItemOutcome, { state: 'retry' }> {
  const alike = alikeOf(verdict);
  const times = before?.alike === alike ? before.times : 0;
  const mark =
    alike !== null && causeOf(alike) === 'access'
      ? { alike, at: now, putBack: times + 1, putBackAt: now }
      : {};
  return { seq, state: 'retry', evidence: { ...evidenceOf(verdict), ...mark }, waitMs: 0, free: true };
}

/** As it is stored with an item. */
export function evidenceOf({ kind, evidence }: Verdict) {
  return { kind, reason: describeEvidence(evidence), ...evidence };
}

function resultOf({ text, createdAt }: TextAnswer) {
  return { text: storable(text), createdAt };
}

/** Postgres stores neither U+0000 nor half a surrogate pair in jsonb. */
function storable(text: string): string {
  return text.replace(/\0|\p{Surrogate}/gu, '\ufffd');
}
