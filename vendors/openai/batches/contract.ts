/**
 * The shapes of the Files and Batch APIs, as far as they are used; unknown fields are ignored.
 *
 * Source: platform.openai.com/docs/api-reference/batch, …/files, …/guides/batch.
 */
import { z } from 'zod';
import { clipMessage } from '../../../quota/verdict';
import type {
  BatchProblem,
  BatchRefusal,
  BatchResult,
  UnusableBatch,
  VendorBatch,
  VendorBatchList,
} from '../../capabilities/text-batches';
import type { Parsed } from '../../http';
import { withoutMark } from '../errors/fields';
import { isPaymentWord } from '../errors/payment';
import { type ApiError, readError, readObject } from '../errors/text';
import { idText, instantMs, shownText } from '../fields';

/** The whole file is at fault, whoever sends it again. */
const REFUSED_CODES: ReadonlySet<string> = new Set([
  'model_not_found',
  'mismatched_model',
  'invalid_endpoint',
  'unsupported_model',
  'empty_file',
  'too_many_requests',
  'too_many_tasks',
  'duplicate_custom_id',
]);

const ENDS = ['completed', 'expired', 'cancelled', 'failed'] as const;
const UNDER_WAY: readonly string[] = ['validating', 'in_progress', 'finalizing', 'cancelling'];
const KNOWN: ReadonlySet<string> = new Set([...ENDS, ...UNDER_WAY]);
const OTHER_WORDS: ReadonlyMap<string, string> = new Map([
  ['canceled', 'cancelled'],
  ['canceling', 'cancelling'],
  ['succeeded', 'completed'],
]);

/** Where a number makes no sense, nothing is known. */
const count = z.coerce.number().int().min(0).max(1e9).catch(0);
/** What is known by its id. */
const id = idText.refine((found) => found !== undefined, 'is no id').transform(String);
const word = z.string().nullish().catch(null);

const fileSchema = z.object({ id });

const problemSchema = z.object({
  code: z.coerce.string().nullish().catch(null),
  message: word,
  line: z.number().int().nullish().catch(null),
});
/** A list of problems, however it is wrapped; one that cannot be read is one without a code. */
const problems = z.preprocess(
  (errors) => {
    const data = Array.isArray(errors) ? errors : (errors as { data?: unknown } | null)?.data;
    if (Array.isArray(data)) return data;
    return typeof errors === 'string' && errors !== '' ? [{ message: errors }] : [];
  },
  z.array(problemSchema.catch({ code: null, message: null, line: null })),
);

const batchSchema = z.object({
  id,
  object: z.literal(['batch', '']).nullish(),
  status: z
    .string()
    .min(1)
    .transform((status) => clipMessage(status)),
  created_at: instantMs,
  expires_at: instantMs,
  input_file_id: idText.catch(undefined),
  output_file_id: idText,
  error_file_id: idText,
  errors: problems,
  request_counts: z.object({ total: count, completed: count, failed: count }).nullish().catch(null),
  metadata: z.record(z.string(), z.unknown()).nullish().catch(null),
});

const listSchema = z.object({
  // Empty lists are null where the server is written in Go.
  data: z.array(z.unknown()).nullable(),
  last_id: idText.catch(undefined),
  has_more: z.unknown().optional(),
});

/** Of a record that cannot be used as a whole, whose it is. */
const traceSchema = z.object({
  id: idText.catch(undefined),
  input_file_id: idText.catch(undefined),
  metadata: z.record(z.string(), z.unknown()).nullish().catch(null),
});

const resultSchema = z.object({
  custom_id: z.preprocess((value) => (typeof value === 'number' ? String(value) : value), z.string().min(1)),
  response: z
    .preprocess(
      (value) => (typeof value === 'string' ? readObject(value) : value),
      z.looseObject({ request_id: shownText, body: z.unknown().optional() }).nullish(),
    )
    .catch(null),
  error: z.unknown().optional(),
  errors: z.unknown().optional(),
});

export function parseFile(body: string): Parsed<string> {
  return parsed(fileSchema, body, ({ id }) => id);
}

export function parseBatch(body: string): Parsed<VendorBatch> {
  return parsed(batchSchema, body, toBatch);
}

/** A record that cannot be used spoils none of the others; whose it is, is kept. */
export function parseBatchList(body: string): Parsed<VendorBatchList> {
  return parsed(listSchema, body, ({ data, last_id, has_more }): VendorBatchList => {
    const batches: VendorBatch[] = [];
    const unusable: UnusableBatch[] = [];
    let last: string | undefined;
    for (const record of data ?? []) {
      const batch = batchSchema.safeParse(record);
      if (batch.success) batches.push(toBatch(batch.data));
      else unusable.push(unusableOf(record, problemIn(batch.error)));
      last = batch.success ? batch.data.id : (unusable.at(-1)?.id ?? last);
    }
    const more = has_more === true || has_more === 'true';
    return { batches, unusable, after: more ? (last_id ?? last ?? null) : null };
  });
}

function unusableOf(record: unknown, problem: string): UnusableBatch {
  const trace = traceSchema.safeParse(record);
  const { id = null, input_file_id: inputFileId = null, metadata } = trace.success ? trace.data : {};
  return { id, inputFileId, labels: labelsOf(metadata), problem };
}

export function parseBatchResult(line: string): Parsed<BatchResult> {
  return parsed(resultSchema, line, ({ custom_id: customId, response, error, errors }): BatchResult => {
    const status = statusIn(response ?? {});
    const requestId = clipMessage(response?.request_id ?? '');
    // Some leave the envelope out: what would be its body stands in its place.
    const answered = bodyText(response?.body) ?? (isAnswer(response) ? bodyText(response) : null);
    if (answered !== null && status < 400) {
      return { customId, kind: 'answer', status: status === 0 ? 200 : status, requestId, body: answered };
    }
    // What it was refused with stands in the answer, beside it, or in its place.
    const body = answered ?? JSON.stringify({ error: error ?? errors ?? null });
    const said = readError(body, false);
    const notRun = notRunIn(said);
    if (notRun !== null) return { customId, kind: notRun, reason: clipMessage(said?.message ?? '') };
    if (status < 400 && !saysAnything(said)) {
      const reason = 'the line holds neither an answer nor an error';
      return { customId, kind: 'error', code: 'no_answer', reason };
    }
    // Judged as if the call had been answered so, for the words may speak of the whole account. Where neither a status nor
    // the words say whose fault it is, it is the vendor's.
    const named = status >= 400 ? status : (said?.status ?? 500);
    return { customId, kind: 'answer', status: named, requestId, body };
  });
}

/** `429`, `"429"`, `"429 Too Many Requests"`, whatever the field is called; 0 when there is none. */
function statusIn(response: Readonly<Record<string, unknown>>): number {
  const found = [response.status_code, response.statusCode, response.status]
    .map((value) => /^\s*([1-9]\d\d)(?:\.0+)?(?![\w.])/.exec(String(value ?? ''))?.[1])
    .find((digits) => digits !== undefined);
  return Number(found ?? 0);
}

/** The words for a request that was never begun. */
function notRunIn(said: ApiError | null): 'expired' | 'cancelled' | null {
  const words = [said?.code, said?.type].map((text) => text?.toLowerCase());
  if (words.includes('batch_expired')) return 'expired';
  return words.some((text) => text === 'batch_cancelled' || text === 'batch_canceled') ? 'cancelled' : null;
}

function saysAnything(said: ApiError | null): boolean {
  return said !== null && [said.code, said.type, said.message].some((text) => text !== '');
}

function isAnswer(response: Readonly<Record<string, unknown>> | null | undefined): boolean {
  return (
    response?.object === 'response' || Array.isArray(response?.output) || Array.isArray(response?.choices)
  );
}

/** An answer's text; null when there is none in it. */
function bodyText(body: unknown): string | null {
  if (typeof body === 'string') return body.trim() === '' ? null : body;
  if (typeof body !== 'object' || body === null || Object.keys(body).length === 0) return null;
  return JSON.stringify(body);
}

function toBatch(batch: z.output<typeof batchSchema>): VendorBatch {
  const { id, request_counts: counts, metadata } = batch;
  const word = batch.status.toLowerCase().replace(/[\s-]+/g, '_');
  const status = OTHER_WORDS.get(word) ?? (KNOWN.has(word) ? word : batch.status);
  const end = ENDS.find((word) => word === status) ?? null;
  return {
    id,
    status,
    begun: status !== 'validating',
    strange: end === null && !UNDER_WAY.includes(status),
    end,
    ending: end !== null || status === 'cancelling' || status === 'finalizing',
    createdAt: batch.created_at,
    expiresAt: batch.expires_at,
    inputFileId: batch.input_file_id ?? null,
    labels: labelsOf(metadata),
    total: counts?.total ?? 0,
    completed: counts?.completed ?? 0,
    failed: counts?.failed ?? 0,
    outputFileId: batch.output_file_id ?? null,
    errorFileId: batch.error_file_id ?? null,
    problems: end === 'failed' ? problemsOf(batch.errors) : [],
  };
}

function labelsOf(metadata: Readonly<Record<string, unknown>> | null | undefined): Record<string, string> {
  const labels = Object.entries(metadata ?? {}).filter((entry): entry is [string, string] => {
    return typeof entry[1] === 'string';
  });
  return Object.fromEntries(labels);
}

function problemsOf(errors: readonly z.output<typeof problemSchema>[]): BatchProblem[] {
  if (errors.length === 0) return [{ kind: 'service', text: 'the batch failed without a reason' }];
  return errors.map(({ code, message, line }): BatchProblem => {
    const text = clipMessage([code, message].filter(Boolean).join(': ') || 'no reason given');
    if (isQueueFull(code ?? '', message ?? '')) {
      return { kind: 'queue full', limit: statedLimit(message ?? ''), text };
    }
    if (code && isPaymentWord(code)) return { kind: 'billing', text };
    if (code && REFUSED_CODES.has(code)) return { kind: 'refused', text };
    if (line !== null && line !== undefined) return { kind: 'line', line, text };
    return { kind: 'service', text };
  });
}

/**
 * Why a batch was not made of a file at all. What is passing is waited for with the same upload.
 * @param error the code, the message and the field that the answer names.
 */
export function parseBatchRefusal(body: string): BatchRefusal {
  const { code = '', message = '', param = '' } = readError(body, false) ?? {};
  const text = clipMessage([code, message].filter((part) => part !== '').join(': ') || 'no reason given');
  // A code says in words, too, what it means: `file_not_ready`, `TooManyBatches`.
  const said = `${wordsOf(code)}: ${message}`;
  if (isQueueFull(code, message)) return { kind: 'queue full', limit: statedLimit(message), text };
  if (REFUSED_CODES.has(code) || param === 'model') return { kind: 'refused', text };
  if (NOT_READY.test(said)) return { kind: 'file not ready', text };
  if (/^(?:input_)?file_id$/.test(param) || FILE_MISSING.test(said)) return { kind: 'file missing', text };
  return { kind: 'unknown', text };
}

const wordsOf = (code: string) => code.replace(/([a-z])([A-Z])/g, '$1 $2').replace(/[_-]+/g, ' ');

const NOT_READY =
  /\bfile\b.{0,80}\b(?:being (?:processed|validated)|processing|pending|(?:in|under) (?:progress|validation)|not (?:yet )?(?:been )?(?:ready|processed|uploaded|available)|not in (?:a |the )?\w+ state|(?:cannot|can't|can not) be used yet)\b|\bstill\b.{0,30}\b(?:process|upload|import)/i;
const FILE_MISSING =
  /\b(?:cannot|could not|couldn't|can't|unable to) (?:find|locate|access)\b.{0,30}\bfile\b|\b(?:unknown (?:input )?file|invalid (?:input )?file id)\b|\bno such file\b|\bfile\b.{0,80}\b(?:not (?:be )?found|not exist)/i;
const BATCHES = String.raw`\b(?:batch(?:es)?|jobs?)\b`;
const WAITING = String.raw`\b(?:progress|active|running|queued?|enqueued|concurrent|pending|waiting)\b`;
const FULL = String.raw`\b(?:full|limit|capacity|quota|maximum|max|exceed(?:s|ed|ing)?|too many|no (?:more )?room|already have)\b`;
const QUEUE_TEXT = [
  /\benqueued\b.{0,40}\b(?:token|limit|request)/i,
  /\bqueue\b.{0,40}\b(?:full|limit|capacity|exceed)/i,
  // What is full and what waits, in either order; that a batch may hold so many requests is said of the file.
  new RegExp(`${FULL}.{0,50}${WAITING}.{0,20}(?:${BATCHES}|\\btokens\\b)`, 'i'),
  new RegExp(`${FULL}.{0,50}${BATCHES}.{0,60}${WAITING}`, 'i'),
  new RegExp(`${WAITING}.{0,30}(?:${BATCHES}|\\btokens\\b).{0,60}${FULL}`, 'i'),
  new RegExp(`\\b(?:concurrent|active|running|pending)\\b.{0,30}${BATCHES}`, 'i'),
  /\b(?:too many|(?:limit|number|maximum|max) of) (?:batch )?(?:batches|jobs)\b/i,
  /\b(?:no|not enough) (?:more )?room\b.{0,30}\b(?:batch|token)/i,
  /\bbatch(?:es)?\b(?! (?:size|file)).{0,40}\b(?:limit|quota)\b.{0,30}\b(?:reached|exceeded|full)/i,
];
/** A size of the file: no other batch has to end for it. */
const OF_FILE =
  /\b(?:per|in (?:one|a|an|each|the|this)|for (?:one|a|each)|single) (?:input )?(?:batch|file|job)\b/i;

function isQueueFull(code: string, message: string): boolean {
  if (/^(?:enqueued_)?token_limit_(?:exceeded|reached)$|queue.*(?:full|limit|exceed)/i.test(code))
    return true;
  if (REFUSED_CODES.has(code) || OF_FILE.test(message)) return false;
  const said = `${wordsOf(code)}: ${message}`;
  return QUEUE_TEXT.some((pattern) => pattern.test(said));
}

/**
 * "Enqueued token limit reached for gpt-x in organization org-y. Limit: 2,000,000 enqueued tokens. …", or Azure's
 * "… has surpassed the configured limit of 30K for the deployment …".
 */
function statedLimit(message: string): number | null {
  const found = /limit(?:\s+(?:of|is)|\s*:)\s*(\d[\d,_]*)(?:\.(\d+))?\s*([KM](?![a-z]))?/i.exec(message);
  if (!found) return null;
  const [, whole = '', fraction = '0', scale = ''] = found;
  const times = scale === '' ? 1 : /k/i.test(scale) ? 1000 : 1_000_000;
  const limit = Math.floor(Number(`${whole.replace(/\D/g, '')}.${fraction}`) * times);
  return Number.isSafeInteger(limit) && limit > 0 ? limit : null;
}

function parsed<S extends z.ZodType, T>(schema: S, body: string, make: (value: z.output<S>) => T): Parsed<T> {
  let root: unknown;
  try {
    root = JSON.parse(withoutMark(body));
  } catch {
    return { ok: false, problem: 'is not JSON' };
  }
  const result = schema.safeParse(root);
  if (result.success) return { ok: true, value: make(result.data) };
  return { ok: false, problem: problemIn(result.error) };
}

function problemIn({ issues: [issue] }: z.ZodError): string {
  return `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'unexpected'}`;
}
