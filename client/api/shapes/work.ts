/** Runs that fetch, sync or poll. */
import { z } from 'zod';
import { count, instant, orNull, wait } from './common';

const status = z
  .object({
    phase: z.enum(['starting', 'running', 'waiting for quota', 'paused', 'sleeping', 'done', 'failed']),
    detail: z.string(),
    until: orNull(instant),
    since: orNull(instant),
    chunksTotal: count,
    chunksDone: count,
    chunksFailed: count,
    rows: count,
    problems: z.array(z.string()),
  })
  .meta({ id: 'WorkStatus' });

const asked = {
  workflowId: z.string(),
  running: z.boolean(),
  status: orNull(status),
  problem: orNull(z.string()),
};

export const started = z.object({ workflowId: z.string(), alreadyRan: z.boolean(), workerRuns: z.boolean() });
export const steered = z.object({ workflowId: z.string() });

export const run = z.object({ ...asked, wait }).meta({ id: 'Run' });
export const steeredRun = z.object({ ...asked, wait, wasPaused: orNull(z.boolean()) });

export const pollingRun = z.object({ ...asked, account: z.string() }).meta({ id: 'PollingRun' });

const schedule = z
  .object({
    id: z.string(),
    paused: z.boolean(),
    note: z.string(),
    changedAt: orNull(instant),
    intervalMs: orNull(z.number()),
    nextRunAt: orNull(instant),
    running: z.boolean(),
    lastRun: orNull(
      z.object({
        workflowId: z.string(),
        at: orNull(instant),
        status: z.enum(['running', 'done', 'failed', 'unknown']),
        result: orNull(
          z.object({
            outcome: z.enum(['done', 'skipped', 'stopped']),
            detail: z.string(),
            counts: z.record(z.string(), z.number()),
          }),
        ),
        problem: orNull(z.string()),
      }),
    ),
  })
  .meta({ id: 'Schedule' });

export const sync = z
  .object({
    ...asked,
    ...{ dataset: z.string(), account: z.string(), enabled: z.boolean(), schedule: orNull(schedule), wait },
  })
  .meta({ id: 'Sync' });
