/** The object that answers `POST /v1/responses`, in a call of its own or as one line of a batch. */
import type { OpenAiScenario } from '../options';
import type { ResponseRequest } from '../validate';
import { type Draft, draft } from './text';

export interface ResponseObject {
  readonly id: string;
  readonly object: 'response';
  readonly created_at: number;
  readonly status: 'in_progress' | 'completed' | 'incomplete';
  readonly output: readonly Record<string, unknown>[];
  readonly usage: ResponseUsage | null;
  readonly [field: string]: unknown;
}

export interface ResponseUsage {
  readonly input_tokens: number;
  readonly input_tokens_details: { readonly cached_tokens: number };
  readonly output_tokens: number;
  readonly output_tokens_details: { readonly reasoning_tokens: number };
  readonly total_tokens: number;
}

/**
 * @param hash the request's `inputHash`.
 * @param id without prefix; the message and the reasoning item are named after it.
 * @param now epoch ms.
 */
export function makeResponse(
  scenario: OpenAiScenario,
  request: ResponseRequest,
  hash: string,
  id: string,
  now: number,
): ResponseObject {
  const reasons = scenario.models.find((m) => m.id === request.model)?.reasoning ?? false;
  const made = draft(scenario.seed, request, hash, reasons, scenario);
  const output = [
    ...(reasons ? [{ id: `rs_${id}`, type: 'reasoning', summary: [] }] : []),
    ...(made.text === '' ? [] : [message(made, id)]),
  ];
  return {
    ...emptyResponse(request, id, now),
    status: made.cut ? 'incomplete' : 'completed',
    incomplete_details: made.cut ? { reason: 'max_output_tokens' } : null,
    output,
    usage: {
      input_tokens: made.inputTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: made.outputTokens,
      output_tokens_details: { reasoning_tokens: made.reasoningTokens },
      total_tokens: made.inputTokens + made.outputTokens,
    },
  };
}

/** As a stream begins: nothing answered yet. */
export function emptyResponse(request: ResponseRequest, id: string, now: number): ResponseObject {
  return {
    id: `resp_${id}`,
    object: 'response',
    created_at: Math.floor(now / 1000),
    status: 'in_progress',
    background: false,
    error: null,
    incomplete_details: null,
    instructions: request.instructions,
    max_output_tokens: request.maxOutputTokens,
    model: request.model,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    store: true,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    truncation: 'disabled',
    user: null,
    ...request.echo,
    usage: null,
    metadata: request.metadata,
  };
}

function message(made: Draft, id: string): Record<string, unknown> {
  const content = made.refusal
    ? { type: 'refusal', refusal: made.text }
    : { type: 'output_text', annotations: [], logprobs: [], text: made.text };
  return {
    id: `msg_${id}`,
    type: 'message',
    status: made.cut ? 'incomplete' : 'completed',
    role: 'assistant',
    content: [content],
  };
}
