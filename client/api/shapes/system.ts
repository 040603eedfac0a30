/** What runs, what is wrong, and what administrators do. */
import { z } from 'zod';
import { batch } from './batches';
import { count, instant, orNull } from './common';
import { poolLine } from './pools';
import { pollingRun, run, sync } from './work';

/** Each part states for itself why it is unknown. */
const orProblem = <T extends z.ZodType>(shape: T) => z.union([shape, z.object({ problem: z.string() })]);

export const status = z
  .object({
    worker: orProblem(z.object({ runs: z.boolean() })),
    pools: orProblem(z.array(poolLine)),
    batches: orProblem(z.array(batch)),
    backfills: orProblem(z.array(run)),
    syncs: orProblem(z.array(sync)),
    polling: orProblem(z.array(pollingRun)),
    streams: orProblem(
      z.array(
        z.object({
          account: z.string(),
          state: z.enum(['waiting', 'connected', 'silent']),
          reason: z.string(),
          held: z.boolean(),
          messages: count,
          connectedAt: orNull(instant),
          continuousSince: orNull(instant),
          messageAt: orNull(instant),
          retryAt: orNull(instant),
        }),
      ),
    ),
    troubles: orProblem(
      z.array(z.object({ what: z.string(), why: z.string(), since: orNull(instant), frees: z.string() })),
    ),
  })
  .meta({ id: 'Status' });

export const check = z.object({
  name: z.string(),
  result: z.enum(['ok', 'warn', 'fail']),
  detail: z.string(),
});

const kinds = ['jobs', 'events', 'refusals', 'callCounts', 'commands', 'batches', 'reads'] as const;
const ofKinds = <T extends z.ZodType>(shape: T) =>
  z.object(Object.fromEntries(kinds.map((kind) => [kind, shape])) as Record<(typeof kinds)[number], T>);

export const pruned = z.object({
  dryRun: z.boolean(),
  deleted: ofKinds(count),
  retention: ofKinds(orNull(z.number())),
});

export const secret = z.object({
  name: z.string(),
  version: z.int(),
  keyId: z.string(),
  updatedAt: orNull(instant),
});
export const putSecret = z.object({
  name: z.string(),
  version: z.int(),
  resumed: z.array(z.string()),
  unreached: orNull(z.string()),
});

const keyInUse = z.object({
  keyId: z.string(),
  vaultEntries: count,
  tokens: count,
  grants: count,
  spooled: count,
  openWorkflows: count,
  schedules: count,
  unreadable: orNull(z.string()),
  example: orNull(z.string()),
});
export const rotatedVault = z.object({
  keyId: z.string(),
  entries: count,
  grants: count,
  tokens: count,
  keys: orNull(z.object({ missing: z.array(keyInUse), older: z.array(keyInUse), idle: z.array(z.string()) })),
  unreached: orNull(z.string()),
});

export const apiKey = z
  .object({
    id: z.string(),
    name: z.string(),
    scope: z.enum(['read', 'operate', 'admin']),
    requestsPerMinute: orNull(z.int()),
    createdAt: instant,
    createdBy: z.string(),
    expiresAt: orNull(instant),
    revokedAt: orNull(instant),
    lastUsedAt: orNull(instant),
  })
  .meta({ id: 'ApiKey' });
