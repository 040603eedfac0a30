/** The shape of an answer of the Responses API, as far as it is used; unknown fields are ignored. */
import { z } from 'zod';
import { clipMessage } from '../../quota/verdict';
import type { TextAnswer, TextProblem } from '../capabilities/texts';
import type { Parsed } from '../http';
import { instantMs, shownText } from './fields';

/** Ten times the largest context of any model: what is more is a fault, and would stop the bucket of tokens for hours. */
const TOKENS_MAX = 10_000_000;
const tokensSchema = z.number().int().nonnegative().max(TOKENS_MAX);

const usageSchema = z.object({
  input_tokens: tokensSchema,
  output_tokens: tokensSchema,
  total_tokens: tokensSchema,
});

const partSchema = z.union([
  z.object({ type: z.literal('output_text'), text: z.string() }),
  z.object({ type: z.literal('refusal'), refusal: z.string() }),
  z.object({ type: z.string() }),
]);

const responseSchema = z.object({
  id: shownText,
  /** Epoch seconds; others send text, or milliseconds. */
  created_at: instantMs,
  status: z.string().nullish(),
  incomplete_details: z.object({ reason: z.string().nullish() }).nullish().catch(null),
  output: z.array(z.object({ type: z.string(), content: z.array(partSchema).nullish() })),
});

/** The text of an answer. An answer without one, a refusal and a text cut short carry a `problem`. */
export function parseResponse(body: string): Parsed<TextAnswer> {
  const root = json(body);
  const parsed = responseSchema.safeParse(root);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const found = `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not a response'}`;
    return { ok: false, problem: `${otherAnswer(root)}${found}` };
  }
  const { id, created_at, status, incomplete_details, output } = parsed.data;
  const parts = output.flatMap((item) => (item.type === 'message' ? (item.content ?? []) : []));
  const text = parts.map((part) => ('text' in part ? part.text : '')).join('');
  const refusal = parts.map((part) => ('refusal' in part ? part.refusal : '')).join('');
  return {
    ok: true,
    value: {
      responseId: id,
      createdAt: created_at ?? 0,
      text,
      problem: problemOf({
        status: status || 'completed',
        reason: incomplete_details?.reason,
        text,
        refusal,
      }),
    },
  };
}

/** Names an answer of another API: `it is a chat.completion; `. */
function otherAnswer(root: unknown): string {
  const { object } = (root ?? {}) as { object?: unknown };
  if (typeof object !== 'string' || object === '' || object === 'response') return '';
  return `it is a ${clipMessage(object, 60)}; `;
}

/** What a filter has cut short is no longer with more room. */
const FILTERED = /filter|safety|moderation|polic(?:y|ies)|recitation/i;

function problemOf(a: {
  readonly status: string;
  readonly reason: string | null | undefined;
  readonly text: string;
  readonly refusal: string;
}): { readonly kind: TextProblem; readonly text: string } | null {
  if (a.refusal !== '') return { kind: 'declined', text: `refused: ${a.refusal}` };
  if (a.status === 'incomplete') {
    const text = `incomplete: ${a.reason || 'no reason given'}`;
    return { kind: FILTERED.test(a.reason ?? '') ? 'declined' : 'incomplete', text };
  }
  if (a.status !== 'completed') return { kind: 'failed', text: `status ${a.status}` };
  return a.text === '' ? { kind: 'empty', text: 'the answer holds no text' } : null;
}

/** What an answer says that it cost; undefined when it does not, and then the estimate stays. */
export function usageOf(body: string): { readonly total: number; readonly output: number } | undefined {
  const root = json(body);
  const parsed = usageSchema.safeParse((root as { usage?: unknown } | null)?.usage);
  return parsed.success ? { total: parsed.data.total_tokens, output: parsed.data.output_tokens } : undefined;
}

function json(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
