/** Datasets: what is there, what is missing, and what a backfill would take. */
import { z } from 'zod';
import { count, instant, orNull, partition, priority } from './common';

const window = { from: orNull(instant), to: orNull(instant), partition };

export const namedDataset = z.object({
  dataset: z.string(),
  account: z.string(),
  enabled: z.boolean(),
  kind: z.enum(['reports', 'fleet']),
});

const lastAudit = z.object({ daily: orNull(instant), weekly: orNull(instant) });

/** Of devices' positions, which have no windows. */
const positions = z.object({
  devices: count,
  located: count,
  oldest: orNull(instant),
  newest: orNull(instant),
  listedAt: orNull(instant),
  readAt: orNull(instant),
});

const windows = z.object({
  from: orNull(instant),
  to: orNull(instant),
  windows: count,
  done: count,
  rows: count,
  gaps: z.array(z.object({ ...window, partition: orNull(partition) })),
  states: z.object({
    done: count,
    emptyProvisional: count,
    requested: count,
    failed: count,
    missing: count,
  }),
  lastAudit,
  series: z.array(z.object({ partition, windows: count, done: count, rows: count, gaps: count, lastAudit })),
});

export const coverage = z.union([windows, positions]).meta({ id: 'Coverage' });

/** The columns are the dataset's. */
export const rows = z.object({
  rows: z.array(z.record(z.string(), z.unknown())),
  next: orNull(z.string()),
});

export const failedWindow = z.object({
  ...window,
  cause: orNull(
    z.enum([
      ...(['failed', 'fatal', 'not_yet', 'no_data', 'cancelled'] as const),
      ...(['refused', 'unreadable', 'lost', 'skipped'] as const),
    ]),
  ),
  reason: z.string(),
  tries: count,
  since: orNull(instant),
  lastTry: orNull(instant),
  nextTry: orNull(instant),
});

export const doubt = z.object({
  ...window,
  knownRows: count,
  reportedRows: count,
  answers: count,
  since: orNull(instant),
  recheckAt: orNull(instant),
  accepted: z.boolean(),
});
export const acceptedDoubts = z.object({ accepted: count });

export const setAsideRow = z.object({
  document: z.object({ from: orNull(instant), to: orNull(instant) }),
  partition,
  code: z.enum(['unusable', 'duplicate_key']),
  problem: z.string(),
  row: orNull(z.int()),
  start: orNull(instant),
  key: orNull(z.array(z.string())),
  text: z.string(),
  at: orNull(instant),
});

const range = z.object({ min: z.number(), max: z.number() });

const reportsPlan = z.object({
  chunks: count,
  priority,
  calls: z.record(z.string(), range),
  binding: orNull(z.object({ limit: z.string(), operation: z.string(), waitMs: z.number() })),
  earliestFinish: orNull(instant),
  latestFinish: orNull(instant),
  earliestMs: orNull(z.number()),
  latestMs: orNull(z.number()),
  reportMs: range,
  reportSource: z.enum(['given', 'measured', 'usual']),
  pausedUntil: orNull(instant),
  held: z.boolean(),
  limits: z.array(z.object({ name: z.string(), used: z.number(), left: z.number(), share: z.number() })),
});

const fleetPlan = z.object({
  from: orNull(instant),
  to: orNull(instant),
  devices: count,
  operation: z.string(),
  priority,
  calls: z.number(),
  callsADevice: orNull(z.number()),
  callsADay: z.number(),
  liveADay: z.number(),
  days: orNull(z.number()),
  finish: orNull(instant),
  finishMs: orNull(z.number()),
  binding: orNull(z.object({ limit: z.string(), days: orNull(z.number()) })),
  shared: z.array(z.object({ name: z.string(), perDay: z.number(), leftToday: orNull(z.number()) })),
  pausedUntil: orNull(instant),
  held: z.boolean(),
});

export const backfillPlan = z.union([reportsPlan, fleetPlan]).meta({ id: 'BackfillPlan' });
