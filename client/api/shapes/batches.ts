/** Batches: what they are, how far, and what they would cost. */
import { z } from 'zod';
import { count, instant, orNull, priority, wait } from './common';
import { poolState, quota } from './pools';

const via = z.enum(['responses', 'batch-api']);

const counts = { pending: count, running: count, retry: count, done: count, failed: count };

export const batch = z
  .object({
    ...counts,
    id: z.int(),
    kind: z.string(),
    account: z.string(),
    model: z.string(),
    inputName: z.string(),
    priority,
    via,
    items: count,
    state: z.string(),
    reason: z.string(),
    waits: wait,
    createdAt: orNull(instant),
    nextDueAt: orNull(instant),
  })
  .meta({ id: 'Batch' });

const file = z.object({
  part: z.int(),
  vendorBatch: orNull(z.string()),
  state: z.enum(['cutting', 'cut', 'uploaded', 'creating', 'created', 'ended', 'settled']),
  status: z.string(),
  note: z.string(),
  items: count,
  bytes: count,
  tokens: count,
  counts: z.object({ total: count, completed: count, failed: count }),
  files: z.object({ input: orNull(z.string()), output: orNull(z.string()), errors: orNull(z.string()) }),
  createdAt: orNull(instant),
  expiresAt: orNull(instant),
});

export const batchDetails = z
  .object({
    ...batch.shape,
    options: z.object({
      maxOutputTokens: orNull(z.number()),
      maxConcurrency: orNull(z.number()),
      quotaThreshold: z.number().exactOptional(),
      dailyLimit: z.number().exactOptional(),
      pauseHours: z.number().exactOptional(),
      quotaMonitoring: z.boolean().exactOptional(),
      logInterval: z.number().exactOptional(),
    }),
    quota,
    pool: orNull(z.object({ state: poolState, reason: z.string() })),
    problems: z.array(z.object({ reason: z.string(), n: count })),
    vendorBatches: z.array(file),
  })
  .meta({ id: 'BatchDetails' });

const input = z
  .object({
    columns: z.array(z.string()),
    items: count,
    badRows: z.object({ count, first: z.array(z.object({ line: z.int(), reason: z.string() })) }),
    comments: z.object({ count, firstLine: z.int() }),
    asksTheSame: z.boolean(),
  })
  .meta({ id: 'BatchInput' });

const voidTerms = z.array(
  z.object({ term: z.enum(['quotaThreshold', 'dailyLimit']), value: z.number(), why: z.string() }),
);

export const startedBatch = z
  .object({
    batch: z.int(),
    items: count,
    via,
    counts: z.object({ ...counts, nextDueAt: orNull(instant) }),
    input,
    workflowId: z.string(),
    goesOn: z.boolean(),
    workerRuns: z.boolean(),
    changes: z.array(z.object({ name: z.string(), before: z.unknown(), after: z.unknown() })),
    delivery: orNull(z.object({ to: via, cancelled: z.object({ files: count, items: count }) })),
    voidTerms,
  })
  .meta({ id: 'StartedBatch' });

export const batchPlan = z
  .object({
    items: count,
    input,
    tokensPerItem: z.number(),
    priority,
    constraints: z.array(z.object({ name: z.string(), ms: orNull(z.number()) })),
    binding: z.string(),
    ms: orNull(z.number()),
    endsAt: orNull(instant),
    pauses: z.number(),
    concurrency: z.object({ most: z.number(), needed: orNull(z.number()) }),
    latencyMs: z.object({ min: z.number(), max: z.number() }),
    via,
    batchApi: orNull(
      z.object({
        price: orNull(
          z.object({
            currency: z.string(),
            responses: z.number(),
            batchApi: z.number(),
            saved: z.number(),
          }),
        ),
        files: z.number(),
        tokens: z.number(),
        enqueuedTokens: orNull(z.number()),
        rounds: orNull(z.number()),
        priceShare: z.number(),
      }),
    ),
    itemsADay: orNull(z.number()),
    voidTerms,
    // As the vendor would get them.
    requests: z.array(z.record(z.string(), z.unknown())),
  })
  .meta({ id: 'BatchPlan' });

export const batchItems = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      state: z.enum(['pending', 'running', 'retry', 'done', 'failed']),
      attempts: count,
      nextAttemptAt: orNull(instant),
      answeredAt: orNull(instant),
      responseId: orNull(z.string()),
      // The vendor's words, or why it failed.
      evidence: z.unknown(),
    }),
  ),
  next: orNull(z.string()),
});

export const pausedBatch = z.object({ batch: z.int(), files: count });
export const resumedBatch = z.object({ batch: z.int() });
export const cancelledBatch = z.object({ batch: z.int(), files: z.array(z.string()) });
export const skippedItems = z.object({
  batch: z.int(),
  items: count,
  onTheWay: count,
  ended: z.array(z.string()),
});
export const retriedItems = z.object({
  batch: z.int(),
  items: count,
  state: z.enum(['running', 'paused', 'cancelled']),
});
