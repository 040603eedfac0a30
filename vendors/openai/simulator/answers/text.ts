/** Texts and token counts. Both follow from the seed and from what was asked, so that a repeated call is equal. */
import { createHash } from 'node:crypto';
import { hash32, mix32, pickBetween, unitOf } from '../../../kit/random';
import type { TextOptions, TokenOptions } from '../options';
import type { ResponseRequest } from '../validate';

const WORDS = (
  'the a their her his this early later quiet bold northern southern record stage city studio voice rhythm ' +
  'album tour song audience critics decade childhood family piano guitar orchestra band label festival award ' +
  'collaboration tradition folk jazz electronic classical modern experimental recorded released toured wrote ' +
  'performed composed studied moved returned found became remained began explored shaped inspired carried with ' +
  'from through across after before during between into'
).split(' ');
/** English prose has about this many words for each token. */
const WORDS_PER_TOKEN = 0.75;
const SENTENCE_WORDS = 12;

/** Names what was asked: the model, the instructions and the texts. 16 characters. */
export function inputHash(request: ResponseRequest): string {
  const hash = createHash('sha1').update(request.model).update('\0');
  hash.update(request.instructions ?? '');
  for (const text of request.texts) hash.update('\0').update(text);
  return hash.digest('base64url').slice(0, 16);
}

/** Input tokens as OpenAI estimates them before it runs a model: from the number of characters. */
export function estimateInputTokens(request: ResponseRequest, options: TokenOptions): number {
  const characters = request.texts.reduce((sum, t) => sum + t.length, request.instructions?.length ?? 0);
  return Math.max(1, Math.ceil(characters / options.charactersPerToken));
}

/** What the rate limit is charged at arrival: the input and all the output that the request allows. */
export function estimateTokens(request: ResponseRequest, options: TokenOptions): number {
  return estimateInputTokens(request, options) + (request.maxOutputTokens ?? options.defaultOutputEstimate);
}

export interface Draft {
  readonly text: string;
  /** True when `max_output_tokens` ended it. */
  readonly cut: boolean;
  readonly refusal: boolean;
  readonly inputTokens: number;
  readonly reasoningTokens: number;
  /** Reasoning included. */
  readonly outputTokens: number;
}

/** What the model answers. `hash` is the request's `inputHash`. */
export function draft(
  seed: number,
  request: ResponseRequest,
  hash: string,
  reasons: boolean,
  options: { readonly text: TextOptions; readonly tokens: TokenOptions },
): Draft {
  const { text, tokens } = options;
  const estimate = estimateInputTokens(request, tokens);
  const error = (unitOf(hash32(seed, hash, 'input tokens')) * 2 - 1) * tokens.inputErrorShare;
  const inputTokens = Math.max(1, Math.round(estimate * (1 + error)));
  const { reasoningTokens: reasoning, outputTokens: output } = text;
  const reasoningWanted = reasons ? pickBetween(reasoning.min, reasoning.max, seed, hash, 'reasoning') : 0;
  const wanted = pickBetween(output.min, output.max, seed, hash, 'length');
  const room = request.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  const reasoningTokens = Math.min(reasoningWanted, room);
  const textTokens = Math.max(0, Math.min(wanted, room - reasoningTokens));
  const refusal = request.texts.some((t) => t.includes(text.refusalMarker));
  const words = writeText(hash32(seed, hash, 'text'), Math.floor(textTokens * WORDS_PER_TOKEN));
  return {
    text: refusal
      ? 'I’m sorry, but I can’t help with that.'
      : request.json
        ? JSON.stringify({ text: words })
        : words,
    cut: textTokens < wanted,
    refusal,
    inputTokens,
    reasoningTokens,
    outputTokens: reasoningTokens + textTokens,
  };
}

/** Sentences of so many words in all. */
function writeText(start: number, words: number): string {
  let state = start;
  let text = '';
  for (let i = 0; i < words; i++) {
    state = mix32(state + 0x9e3779b9);
    const word = WORDS[state % WORDS.length] ?? '';
    const first = i % SENTENCE_WORDS === 0;
    text += first ? `${i === 0 ? '' : '. '}${word.charAt(0).toUpperCase()}${word.slice(1)}` : ` ${word}`;
  }
  return text === '' ? '' : `${text}.`;
}
