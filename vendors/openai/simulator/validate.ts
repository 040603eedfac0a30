/** Reads the body of `POST /v1/responses` and refuses, in OpenAI's words, what the API would refuse. */
import { invalidRequest, modelNotFound, type OpenAiError, promptsShutDown } from './answers/errors';
import type { OpenAiScenario } from './options';

export interface ResponseRequest {
  readonly model: string;
  readonly instructions: string | null;
  /** Every text of the input, in order. */
  readonly texts: readonly string[];
  readonly maxOutputTokens: number | null;
  readonly stream: boolean;
  /** Whether a JSON object was requested. */
  readonly json: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The parameters that the answer repeats. */
  readonly echo: Readonly<Record<string, unknown>>;
}

export type Validated =
  | { readonly ok: true; readonly request: ResponseRequest }
  | { readonly ok: false; readonly status: number; readonly error: OpenAiError };

/** Parameters of the Responses API; any other is an error. */
const PARAMETERS = new Set(
  (
    'background conversation include input instructions max_output_tokens max_tool_calls metadata model ' +
    'parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_retention reasoning ' +
    'safety_identifier service_tier store stream stream_options temperature text tool_choice tools top_logprobs ' +
    'top_p truncation user'
  ).split(' '),
);
const ROLES = ['user', 'assistant', 'system', 'developer'];
/** The smallest `max_output_tokens` that the API takes. */
const MIN_OUTPUT_TOKENS = 16;

class Refused extends Error {
  constructor(
    readonly status: number,
    readonly error: OpenAiError,
  ) {
    super(error.message);
  }
}

/** The JSON of a body; undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export const unparsableBody = (): OpenAiError =>
  invalidRequest(
    'We could not parse the JSON body of your request. (HINT: This likely means you aren’t using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)',
    null,
    null,
  );

/** @param body the parsed JSON; undefined when it was none. */
export function validateResponseRequest(body: unknown, models: OpenAiScenario['models']): Validated {
  try {
    return { ok: true, request: read(body, models) };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, status: error.status, error: error.error };
    throw error;
  }
}

function read(body: unknown, models: OpenAiScenario['models']): ResponseRequest {
  if (!isRecord(body)) throw new Refused(400, unparsableBody());
  if (body.prompt !== undefined && body.prompt !== null) throw new Refused(400, promptsShutDown());
  for (const name of Object.keys(body)) {
    if (!PARAMETERS.has(name)) refuse(`Unknown parameter: '${name}'.`, name, 'unknown_parameter');
  }
  if (body.model === undefined) missing('model');
  if (typeof body.model !== 'string') wrongType('model', 'a string', body.model);
  if (body.input === undefined) missing('input');
  const texts = readInput(body.input);
  const instructions = optional(body, 'instructions', 'string', 'a string');
  const maxOutputTokens = optional(body, 'max_output_tokens', 'number', 'an integer');
  if (maxOutputTokens !== null && !Number.isInteger(maxOutputTokens)) {
    wrongType('max_output_tokens', 'an integer', maxOutputTokens);
  }
  if (maxOutputTokens !== null && maxOutputTokens < MIN_OUTPUT_TOKENS) {
    refuse(
      `Invalid 'max_output_tokens': integer below minimum value. Expected a value >= ${MIN_OUTPUT_TOKENS}, but got ${maxOutputTokens} instead.`,
      'max_output_tokens',
      'integer_below_min_value',
    );
  }
  inRange('temperature', optional(body, 'temperature', 'number', 'a decimal'), 2);
  inRange('top_p', optional(body, 'top_p', 'number', 'a decimal'), 1);
  const stream = optional(body, 'stream', 'boolean', 'a boolean') ?? false;
  if (optional(body, 'background', 'boolean', 'a boolean') === true) {
    refuse('Background responses are not served here.', 'background', 'unsupported_parameter');
  }
  const metadata = readMetadata(body.metadata);
  const model = body.model;
  if (!models.some((m) => m.id === model)) throw new Refused(404, modelNotFound(model));
  const echo = Object.fromEntries(
    ['temperature', 'top_p', 'text', 'reasoning', 'store', 'truncation', 'user', 'safety_identifier']
      .filter((name) => body[name] !== undefined)
      .map((name) => [name, body[name]]),
  );
  const format = isRecord(body.text) && isRecord(body.text.format) ? body.text.format.type : undefined;
  return {
    model,
    instructions,
    texts,
    maxOutputTokens,
    stream,
    json: format === 'json_object' || format === 'json_schema',
    metadata,
    echo,
  };
}

function readInput(input: unknown): string[] {
  if (typeof input === 'string') return [input];
  if (!Array.isArray(input)) wrongType('input', 'one of a string or array of input items', input);
  if (input.length === 0) {
    refuse('Input must not be an empty array.', 'input', 'empty_array');
  }
  return input.flatMap((item: unknown, i) => {
    if (!isRecord(item)) wrongType(`input[${i}]`, 'an input item', item);
    // Items of other types, such as earlier answers, are not checked.
    if (item.type !== undefined && item.type !== 'message') return [];
    if (typeof item.role !== 'string' || !ROLES.includes(item.role)) {
      refuse(
        `Invalid value: '${String(item.role)}'. Supported values are: ${ROLES.map((r) => `'${r}'`).join(', ')}.`,
        `input[${i}].role`,
        'invalid_value',
      );
    }
    const { content } = item;
    if (typeof content === 'string') return [content];
    if (!Array.isArray(content)) wrongType(`input[${i}].content`, 'one of a string or array', content);
    return content.flatMap((part: unknown, j) => {
      if (!isRecord(part)) wrongType(`input[${i}].content[${j}]`, 'an object', part);
      return typeof part.text === 'string' ? [part.text] : [];
    });
  });
}

interface Primitives {
  readonly string: string;
  readonly number: number;
  readonly boolean: boolean;
}

function optional<T extends keyof Primitives>(
  body: Record<string, unknown>,
  name: string,
  type: T,
  expected: string,
): Primitives[T] | null {
  const value = body[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== type) wrongType(name, expected, value);
  return value as Primitives[T];
}

function inRange(name: string, value: number | null, max: number): void {
  if (value === null || (value >= 0 && value <= max)) return;
  const [side, bound] = value < 0 ? ['below minimum', '>= 0'] : ['above maximum', `<= ${max}`];
  refuse(
    `Invalid '${name}': decimal ${side} value. Expected a value ${bound}, but got ${value} instead.`,
    name,
    value < 0 ? 'decimal_below_min_value' : 'decimal_above_max_value',
  );
}

/** As documented: 16 pairs, names of 64 and values of 512 characters. */
function readMetadata(value: unknown): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (!isRecord(value)) wrongType('metadata', 'an object', value);
  const entries = Object.entries(value);
  if (entries.length > 16) refuse('metadata has more than 16 entries.', 'metadata', 'invalid_metadata');
  for (const [name, text] of entries) {
    if (typeof text !== 'string') wrongType(`metadata.${name}`, 'a string', text);
    if (name.length > 64 || text.length > 512) {
      refuse('A name or value of metadata is too long.', `metadata.${name}`, 'string_above_max_length');
    }
  }
  return value;
}

function missing(name: string): never {
  refuse(`Missing required parameter: '${name}'.`, name, 'missing_required_parameter');
}

function wrongType(name: string, expected: string, value: unknown): never {
  refuse(
    `Invalid type for '${name}': expected ${expected}, but got ${nameOfType(value)} instead.`,
    name,
    'invalid_type',
  );
}

function nameOfType(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function refuse(message: string, param: string, code: string): never {
  throw new Refused(400, invalidRequest(message, param, code));
}
