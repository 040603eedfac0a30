/**
 * The shapes of the Files and Batch APIs, as far as they are used; unknown fields are ignored.
 *
 * Source: platform.openai.com/docs/api-reference/batch, …/files, …/guides/batch.
 */
import { z } from 'zod';
import { clipMessage } from '../../quota/verdict';
import type { Parsed } from '../http';
import type { BatchProblem, BatchResult, VendorBatch } from '../text-batches';
import { isPaymentWord } from './payment';

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

/** What it is known by: goes into paths, logs and the database. */
const id = z.string().regex(/^[^\p{Cc}\p{Surrogate}]{1,512}$/u, 'is no id');
/** Where a number makes no sense, nothing is known. Seconds until the year 5138. */
const seconds = z.number().min(0).max(1e11).nullish().catch(null);
const count = z.number().int().min(0).max(1e9).catch(0);

const fileSchema = z.object({ id });

const problemSchema = z.object({
  code: z.string().nullish(),
  message: z.string().nullish(),
  line: z.number().int().nullish(),
});

const batchSchema = z.object({
  id,
  object: z.literal('batch'),
  status: z
    .string()
    .min(1)
    .transform((word) => clipMessage(word)),
  created_at: z.number(),
  expires_at: seconds,
  output_file_id: id.nullish(),
  error_file_id: id.nullish(),
  errors: z.object({ data: z.array(problemSchema).nullish() }).nullish(),
  request_counts: z.object({ total: count, completed: count, failed: count }).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});

const listSchema = z.object({
  data: z.array(batchSchema),
  last_id: z.string().nullish(),
  has_more: z.boolean().nullish(),
});

const resultSchema = z.object({
  custom_id: z.string().min(1),
  response: z
    .object({ status_code: z.number().int(), request_id: z.string().nullish(), body: z.unknown() })
    .nullish(),
  error: z.object({ code: z.string().nullish(), message: z.string().nullish() }).nullish(),
});

export function parseFile(body: string): Parsed<string> {
  return parsed(fileSchema, body, ({ id }) => id);
}

export function parseBatch(body: string): Parsed<VendorBatch> {
  return parsed(batchSchema, body, toBatch);
}

export function parseBatchList(
  body: string,
): Parsed<{ readonly batches: readonly VendorBatch[]; readonly after: string | null }> {
  return parsed(listSchema, body, ({ data, last_id, has_more }) => ({
    batches: data.map(toBatch),
    after: has_more ? (last_id ?? data.at(-1)?.id ?? null) : null,
  }));
}

export function parseBatchResult(line: string): Parsed<BatchResult> {
  return parsed(resultSchema, line, ({ custom_id: customId, response, error }): BatchResult => {
    if (response && response.body !== undefined) {
      return {
        customId,
        kind: 'answer',
        status: response.status_code,
        requestId: clipMessage(response.request_id ?? ''),
        body: JSON.stringify(response.body),
      };
    }
    const code = error?.code ?? 'no_answer';
    const reason = clipMessage(error?.message ?? 'the line holds neither an answer nor an error');
    if (code === 'batch_expired') return { customId, kind: 'expired', reason };
    if (code === 'batch_cancelled') return { customId, kind: 'cancelled', reason };
    return { customId, kind: 'error', code: clipMessage(code), reason };
  });
}

function toBatch(batch: z.output<typeof batchSchema>): VendorBatch {
  const { id, status, request_counts: counts, metadata } = batch;
  const end = ENDS.find((word) => word === status) ?? null;
  const labels = Object.entries(metadata ?? {}).filter((entry): entry is [string, string] => {
    return typeof entry[1] === 'string';
  });
  return {
    id,
    status,
    strange: end === null && !UNDER_WAY.includes(status),
    end,
    ending: end !== null || status === 'cancelling' || status === 'finalizing',
    createdAt: batch.created_at * 1000,
    expiresAt: batch.expires_at ? batch.expires_at * 1000 : null,
    labels: Object.fromEntries(labels),
    total: counts?.total ?? 0,
    completed: counts?.completed ?? 0,
    failed: counts?.failed ?? 0,
    outputFileId: batch.output_file_id ?? null,
    errorFileId: batch.error_file_id ?? null,
    problems: end === 'failed' ? problemsOf(batch.errors?.data ?? []) : [],
  };
}

function problemsOf(errors: readonly z.output<typeof problemSchema>[]): BatchProblem[] {
  if (errors.length === 0) return [{ kind: 'service', text: 'the batch failed without a reason' }];
  return errors.map(({ code, message, line }): BatchProblem => {
    const text = clipMessage([code, message].filter(Boolean).join(': ') || 'no reason given');
    if (code === 'token_limit_exceeded') {
      return { kind: 'queue full', limit: statedLimit(message ?? ''), text };
    }
    if (code && isPaymentWord(code)) return { kind: 'billing', text };
    if (code && REFUSED_CODES.has(code)) return { kind: 'refused', text };
    if (line !== null && line !== undefined) return { kind: 'line', line, text };
    return { kind: 'service', text };
  });
}

/**
 * "Enqueued token limit reached for gpt-x in organization org-y. Limit: 2,000,000 enqueued tokens. …", or Azure's
 * "… has surpassed the configured limit of 30K for the deployment …".
 */
function statedLimit(message: string): number | null {
  const found = /limit(?:\s+of|\s*:)\s*(\d[\d,_]*)(?:\.(\d+))?\s*([KM](?![a-z]))?/i.exec(message);
  if (!found) return null;
  const [, whole = '', fraction = '0', scale = ''] = found;
  const times = scale === '' ? 1 : /k/i.test(scale) ? 1000 : 1_000_000;
  const limit = Math.floor(Number(`${whole.replace(/\D/g, '')}.${fraction}`) * times);
  return Number.isSafeInteger(limit) && limit > 0 ? limit : null;
}

function parsed<S extends z.ZodType, T>(schema: S, body: string, make: (value: z.output<S>) => T): Parsed<T> {
  let root: unknown;
  try {
    root = JSON.parse(body);
  } catch {
    return { ok: false, problem: 'is not JSON' };
  }
  const result = schema.safeParse(root);
  if (result.success) return { ok: true, value: make(result.data) };
  const [issue] = result.error.issues;
  return { ok: false, problem: `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'unexpected'}` };
}
