/** A batch's life as arithmetic: its state at any instant follows from a few times, so nothing runs in between. */
import { z } from 'zod';
import { batchOutcomeSchema } from '../options';

export type BatchStatus =
  | 'validating'
  | 'failed'
  | 'in_progress'
  | 'finalizing'
  | 'completed'
  | 'expired'
  | 'cancelling'
  | 'cancelled';

const errorSchema = z.object({
  code: z.string(),
  message: z.string(),
  line: z.number().nullable(),
  param: z.string().nullable(),
});

/** What is settled when a batch is created. Times are epoch ms. */
export const batchSchema = z.object({
  type: z.literal('batch'),
  number: z.number(),
  id: z.string(),
  project: z.string(),
  organization: z.string(),
  inputFileId: z.string(),
  endpoint: z.string(),
  metadata: z.record(z.string(), z.unknown()).nullable(),
  createdAt: z.number(),
  /** Not started before this, however soon its input is checked. */
  validUntil: z.number(),
  expiresAt: z.number(),
  requestsPerSecond: z.number(),
  finalizingMs: z.number(),
  cancellingMs: z.number(),
  outcome: batchOutcomeSchema.nullable(),
});
export type SimBatch = z.infer<typeof batchSchema>;

/** What the check of the input found. */
export const verdictSchema = z.object({
  type: z.literal('batch-checked'),
  id: z.string(),
  /** When it starts or fails. */
  startsAt: z.number(),
  total: z.number(),
  model: z.string(),
  inputTokens: z.number(),
  errors: z.array(errorSchema),
});
export type Verdict = z.infer<typeof verdictSchema>;

export interface BatchState {
  readonly status: BatchStatus;
  /** Requests that have been run, in the order of their running. */
  readonly run: number;
  readonly at: {
    readonly in_progress?: number;
    readonly finalizing?: number;
    readonly completed?: number;
    readonly failed?: number;
    readonly expired?: number;
    readonly cancelling?: number;
    readonly cancelled?: number;
  };
}

/** @param cancelledAt when it was asked to stop; null when it was not. */
export function stateOf(
  batch: SimBatch,
  verdict: Verdict | undefined,
  cancelledAt: number | null,
  now: number,
): BatchState {
  const cancelled = (run: number, started: number | null): BatchState => {
    const cancelling = cancelledAt ?? now;
    const ended = cancelling + batch.cancellingMs;
    const at = { ...(started === null ? {} : { in_progress: started }), cancelling };
    return now < ended
      ? { status: 'cancelling', run, at }
      : { status: 'cancelled', run, at: { ...at, cancelled: ended } };
  };
  const startsAt = verdict?.startsAt ?? Number.POSITIVE_INFINITY;
  if (cancelledAt !== null && cancelledAt < startsAt) return cancelled(0, null);
  if (!verdict || now < startsAt) return { status: 'validating', run: 0, at: {} };
  if (verdict.errors.length > 0) return { status: 'failed', run: 0, at: { failed: startsAt } };

  const { outcome, requestsPerSecond } = batch;
  const msFor = (requests: number) => (requests / requestsPerSecond) * 1000;
  const runBy = (at: number) =>
    Math.max(0, Math.min(verdict.total, Math.floor(((at - startsAt) * requestsPerSecond) / 1000 + 1e-6)));
  const doneAt = startsAt + msFor(verdict.total);
  const expiresAt =
    outcome?.end === 'completed'
      ? Number.POSITIVE_INFINITY
      : outcome?.end === 'expired'
        ? startsAt + msFor(Math.floor(verdict.total * outcome.doneShare))
        : batch.expiresAt;
  const stopsAt = Math.min(doneAt, expiresAt);
  if (cancelledAt !== null && cancelledAt < stopsAt) return cancelled(runBy(cancelledAt), startsAt);
  const run = runBy(Math.min(now, stopsAt));
  const in_progress = startsAt;
  if (now < stopsAt) return { status: 'in_progress', run, at: { in_progress } };
  if (expiresAt < doneAt) return { status: 'expired', run, at: { in_progress, expired: expiresAt } };
  const completed = doneAt + batch.finalizingMs;
  const at = { in_progress, finalizing: doneAt };
  return now < completed
    ? { status: 'finalizing', run, at }
    : { status: 'completed', run, at: { ...at, completed } };
}

export function isOver(status: BatchStatus): boolean {
  return status === 'failed' || status === 'completed' || status === 'expired' || status === 'cancelled';
}
