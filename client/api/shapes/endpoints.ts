/** Answers of the earlier services' endpoints. */
import { z } from 'zod';
import { REFRESH_ERRORS } from '../../operations/endpoints/sales';
import { count, instant, orNull } from './common';
import { readAnswer, vehicle } from './vehicles';

export const health = z
  .object({
    status: z.enum(['healthy', 'degraded']),
    quota_status: z.object({
      paused: z.boolean(),
      until: orNull(instant),
      retry_after: orNull(z.number()),
      reason: z.string(),
    }),
    user_agent_info: z.object({ user_agent: orNull(z.string()) }),
    circuit_breaker_state: z.string(),
    worker: orNull(z.object({ running: z.boolean(), last_seen: orNull(instant) })),
    accounts: z.array(
      z.object({
        account: z.string(),
        circuit_breaker_state: z.string(),
        until: orNull(instant),
        reason: z.string(),
      }),
    ),
  })
  .meta({ id: 'Health' });

export const metrics = z.object({
  ...health.shape,
  main_account: orNull(z.string()),
  quota_retry_count: count,
  calls_total: count,
  calls: z.array(z.object({ pool: z.string(), verdict: z.string(), calls: count })),
});

const window = z.enum(['last_3h', 'last_24h']);

export const refreshed = z.union([
  z.object({
    status: z.literal('success'),
    window,
    ingest_summary: orNull(
      z.object({ from: orNull(instant), to: orNull(instant), complete: z.boolean(), rows: count }),
    ),
  }),
  z.object({ status: z.literal('error'), error: z.enum(REFRESH_ERRORS), message: z.string(), window }),
]);

export const summary = z.object({
  status: z.literal('success'),
  dataset: z.string(),
  account: z.string(),
  latest: orNull(instant),
  spans: z.array(z.object({ window, rows: count, totals: z.record(z.string(), z.string()) })),
});

export const ownVehicle = z.object({ status: z.literal('success'), vehicle, read: readAnswer });
