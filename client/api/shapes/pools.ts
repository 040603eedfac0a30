/** Pools and limits, and what operators do with them. */
import { z } from 'zod';
import { count, evidence, instant, orNull } from './common';

export const poolState = z.enum(['closed', 'quota_paused', 'open', 'half_open', 'held']);
const mode = z.enum(['enforce', 'shadow']);

export const limit = z
  .object({
    name: z.string(),
    key: z.string(),
    pools: z.array(z.string()),
    unit: z.enum(['calls', 'tokens']),
    used: z.number(),
    limit: z.number(),
    left: z.number(),
    ratePerSecond: orNull(z.number()),
    resetsAt: orNull(instant),
    blockedUntil: orNull(instant),
    blockedReason: z.string(),
    source: z.string(),
    mode,
    shadowOver: z.number(),
    override: orNull(z.object({ author: z.string(), reason: z.string(), at: instant })),
  })
  .meta({ id: 'Limit' });

export const override = z
  .object({
    id: z.int(),
    pool: z.string(),
    name: z.string(),
    key: orNull(z.string()),
    change: z.object({ capacity: orNull(z.number()), ratePerSecond: orNull(z.number()), mode: orNull(mode) }),
    author: z.string(),
    reason: z.string(),
    at: orNull(instant),
    endedAt: orNull(instant),
    endedBy: orNull(z.string()),
  })
  .meta({ id: 'LimitOverride' });

const used = orNull(z.object({ remaining: z.number(), limit: z.number(), resetsAt: orNull(instant) }));

export const quota = z
  .object({
    requests: used,
    tokens: used,
    usePercent: orNull(z.number()),
    use: orNull(z.number()),
    usedToday: z.number(),
    dailyLimit: orNull(z.number()),
    shouldPause: z.boolean(),
    reason: z.string(),
    pausesUntil: orNull(instant),
  })
  .meta({ id: 'Quota' });

const spent = z.array(
  z.object({ caller: z.string(), operation: z.string(), calls: count, percent: z.number() }),
);
const frequencies = z.array(
  z.object({ name: z.string(), perMinute: orNull(z.number()), busiest: orNull(z.number()) }),
);

const stop = {
  operation: z.string(),
  subject: z.string(),
  part: z.string().describe('What part of the subject alone is stopped; empty for all of it'),
  since: orNull(instant),
  until: orNull(instant),
  reason: z.string(),
  strikes: count,
};

export const pool = z
  .object({
    pool: z.string(),
    account: z.string(),
    client: orNull(z.string()),
    state: poolState,
    since: orNull(instant),
    until: orNull(instant),
    reason: z.string(),
    strikes: count,
    failures: count,
    hint: orNull(z.string()),
    quotaRetries: z.object({ inARow: count, total: count }),
    evidence,
    organization: orNull(
      z.object({
        pool: z.string(),
        state: poolState,
        pools: z.array(z.string()),
        foundBy: orNull(z.string()),
      }),
    ),
    stops: z.array(
      z.object({
        ...stop,
        ...{ refusedFor: orNull(z.enum(['quota', 'access'])), hint: orNull(z.string()), evidence },
      }),
    ),
    limits: z.array(limit),
    quota,
    callsLastHour: z.array(
      z.object({ operation: z.string(), caller: z.string(), verdict: z.string(), calls: count }),
    ),
    spentLastHour: spent,
    spentLastDay: spent,
    callsPerMinute: z.object({ callers: frequencies, limits: frequencies }),
  })
  .meta({ id: 'Pool' });

/** Of a pool, as the status has it. */
export const poolLine = z.object({
  pool: z.string(),
  client: orNull(z.string()),
  state: poolState,
  since: orNull(instant),
  until: orNull(instant),
  reason: z.string(),
  strikes: count,
  stops: z.array(z.object(stop)),
  organization: orNull(z.object({ pool: z.string(), foundBy: orNull(z.string()) })),
  blockedLimits: z.array(z.object({ name: z.string(), until: orNull(instant), reason: z.string() })),
});

const ordered = {
  pool: z.string(),
  before: orNull(poolState),
  state: orNull(poolState),
  until: orNull(instant),
  reason: orNull(z.string()),
  pools: z.array(z.string()),
  freed: z.array(z.string()),
};

export const order = z
  .object({
    ...ordered,
    organization: orNull(z.object(ordered)),
    blockedLimits: z.array(
      z.object({ name: z.string(), key: z.string(), until: orNull(instant), reason: z.string() }),
    ),
    unreached: z.array(z.string()),
    stoppedBy: orNull(z.string()),
  })
  .meta({ id: 'PoolOrder' });

export const unblocked = z.object({
  pool: z.string(),
  ended: z.array(
    z.object({
      name: z.string(),
      key: z.string(),
      pools: z.array(z.string()),
      until: orNull(instant),
      because: z.string(),
    }),
  ),
  items: count,
  state: poolState,
  unreached: orNull(z.string()),
});

export const resetTimes = z.object({
  pool: z.string(),
  limits: z.array(z.object({ key: z.string(), name: z.string() })),
  pools: z.array(z.string()),
  unreached: orNull(z.string()),
});
