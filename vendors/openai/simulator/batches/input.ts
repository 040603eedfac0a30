/** Checks the input file of a batch, line by line, in slices, so that other calls are judged in between. */
import { hash32, unitOf } from '../../../kit/random';
import { contentPolicyViolation, type OpenAiError, serverError } from '../answers/errors';
import { estimateInputTokens } from '../answers/text';
import type { OpenAiScenario } from '../options';
import { isRecord, parseJson, type ResponseRequest, validateResponseRequest } from '../validate';

/** An entry of `errors.data` of a batch that failed. */
export interface BatchError {
  readonly code: string;
  readonly message: string;
  readonly line: number | null;
  readonly param: string | null;
}

/** One request of a batch: where it lies in the file, and whether it will fail. */
export interface BatchLine {
  readonly customId: string;
  readonly from: number;
  readonly to: number;
  readonly fails: boolean;
}

export interface CheckedInput {
  readonly lines: readonly BatchLine[];
  readonly model: string;
  readonly inputTokens: number;
  /** Not empty = the batch fails as a whole. */
  readonly errors: readonly BatchError[];
}

/** Lines checked in one go. */
const SLICE = 500;
/** More are not listed: a file of the wrong kind is wrong in every line. */
const MAX_ERRORS = 1000;
const NEWLINE = 0x0a;

/** @param batchId decides, with the seed, which requests end as a server error. */
export function* checkBatchInput(
  content: Buffer,
  endpoint: string,
  batchId: string,
  scenario: OpenAiScenario,
): Generator<undefined, CheckedInput> {
  const lines: BatchLine[] = [];
  const errors: BatchError[] = [];
  const seen = new Set<string>();
  let model = '';
  let inputTokens = 0;
  let number = 0;
  for (let from = 0; from < content.length; ) {
    const newline = content.indexOf(NEWLINE, from);
    const to = newline === -1 ? content.length : newline;
    const text = content.toString('utf8', from, to).trim();
    number++;
    if (number % SLICE === 0) yield;
    if (text !== '') {
      const fault = (code: string, message: string, param: string | null = null) =>
        errors.push({ code, message, line: number, param });
      const entry = parseJson(text);
      const problem = problemOf(entry, endpoint);
      if (problem) fault(problem.code, problem.message, problem.param);
      else if (isRecord(entry) && isRecord(entry.body)) {
        const customId = String(entry.custom_id);
        const body = entry.body;
        if (seen.has(customId)) {
          fault('duplicate_custom_id', `The custom_id '${customId}' was used more than once.`, 'custom_id');
        }
        seen.add(customId);
        if (model === '') model = String(body.model ?? '');
        if (body.model !== model) {
          fault('mismatched_model', `All requests of a batch must use one model, '${model}'.`, 'body.model');
        }
        const result = resultOf(body, batchId, customId, scenario);
        if (result.ok) inputTokens += estimateInputTokens(result.request, scenario.tokens);
        lines.push({ customId, from, to, fails: !result.ok });
      }
      if (lines.length > scenario.batches.maxRequests || errors.length >= MAX_ERRORS) break;
    }
    from = to + 1;
  }
  if (lines.length > scenario.batches.maxRequests) {
    const message = `The batch has more than ${scenario.batches.maxRequests} requests.`;
    errors.push({ code: 'too_many_requests', message, line: null, param: null });
  }
  if (number === 0 || (lines.length === 0 && errors.length === 0)) {
    errors.push({ code: 'empty_file', message: 'The batch input file is empty.', line: null, param: null });
  }
  if (model !== '' && !scenario.models.some((m) => m.id === model)) {
    const message = `The model '${model}' does not exist or you do not have access to it.`;
    errors.push({ code: 'model_not_found', message, line: null, param: 'body.model' });
  }
  return { lines, model, inputTokens, errors };
}

export type LineResult =
  | { readonly ok: true; readonly request: ResponseRequest }
  | { readonly ok: false; readonly status: number; readonly error: OpenAiError };

/** What becomes of one request of a batch. */
export function resultOf(
  body: unknown,
  batchId: string,
  customId: string,
  scenario: OpenAiScenario,
): LineResult {
  const validated = validateResponseRequest(body, scenario.models);
  if (!validated.ok) return validated;
  if (validated.request.texts.some((t) => t.includes(scenario.text.contentFilterMarker))) {
    return { ok: false, status: 400, error: contentPolicyViolation() };
  }
  return unitOf(hash32(scenario.seed, batchId, customId, 'error')) < scenario.batches.errorShare
    ? { ok: false, status: 500, error: serverError() }
    : validated;
}

function problemOf(
  entry: unknown,
  endpoint: string,
): { code: string; message: string; param: string | null } | null {
  if (!isRecord(entry)) {
    return { code: 'invalid_json_line', message: 'This line is not parseable as valid JSON.', param: null };
  }
  const { custom_id, method, url, body } = entry;
  if (typeof custom_id !== 'string' || custom_id === '' || custom_id.length > 512) {
    const message = 'custom_id must be a string of 1 to 512 characters.';
    return { code: 'invalid_custom_id', message, param: 'custom_id' };
  }
  if (method !== 'POST') {
    return { code: 'invalid_method', message: "method must be 'POST'.", param: 'method' };
  }
  if (url !== endpoint) {
    const message = `The URL provided for this request does not match the batch endpoint '${endpoint}'.`;
    return { code: 'invalid_url', message, param: 'url' };
  }
  if (!isRecord(body)) {
    return { code: 'missing_required_parameter', message: 'body must be an object.', param: 'body' };
  }
  return isRecord(body) && body.stream === true
    ? { code: 'invalid_request', message: 'Batches do not stream.', param: 'body.stream' }
    : null;
}
