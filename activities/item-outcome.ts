/** What an answer or a verdict means for an item, whichever way it came: by a call of its own or in a file. Pure. */
import { describeEvidence, type Verdict } from '../quota/verdict';
import type { ItemOutcome } from '../store/batches';
import type { TextAnswer, TextApi } from '../vendors/texts';

/** An answer that came as usable: its text, or why it is none. */
export function answeredOutcome(api: Pick<TextApi, 'parse'>, seq: number, body: string): ItemOutcome {
  const parsed = api.parse(body);
  if (!parsed.ok) {
    const evidence = { kind: 'invalid', reason: `the answer is not a response: ${parsed.problem}` };
    return { seq, state: 'failed', evidence };
  }
  const { problem } = parsed.value;
  const responseId = storable(parsed.value.responseId);
  const result = resultOf(parsed.value);
  if (problem === null) return { seq, state: 'done', responseId, result };
  return {
    seq,
    state: 'failed',
    evidence: { kind: 'content', reason: storable(problem) },
    responseId,
    result,
  };
}

/** @param retryable whether the item has attempts left. @param waitMs before the next one. */
export function refusedOutcome(
  seq: number,
  verdict: Verdict,
  waitMs: number,
  retryable: boolean,
): ItemOutcome {
  const evidence = evidenceOf(verdict);
  // "Too fast" says nothing about the item: it is asked again for as long as it takes.
  const free = verdict.kind === 'rate';
  return free || retryable
    ? { seq, state: 'retry', evidence, waitMs, free }
    : { seq, state: 'failed', evidence };
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
