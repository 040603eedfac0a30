/** The plan of a day of polling. */
import { z } from 'zod';
import { instant, orNull } from './common';

export const pollingPlan = z
  .object({
    account: z.string(),
    limit: z.string(),
    capacity: z.number(),
    used: z.number(),
    reserve: z.number(),
    leftAfter: z.number(),
    from: orNull(instant),
    to: orNull(instant),
    calls: z.array(z.object({ at: orNull(instant), vehicleId: z.string(), read: z.string() })),
    windows: z.array(
      z.object({
        from: orNull(instant),
        to: orNull(instant),
        budget: z.number(),
        planned: z.number(),
        stretch: orNull(z.number()),
      }),
    ),
    items: z.array(
      z.object({
        vehicleId: z.string(),
        read: z.string(),
        calls: z.number(),
        wishedSeconds: z.number(),
        oldestSeconds: orNull(z.number()),
        meanSeconds: orNull(z.number()),
      }),
    ),
    assumed: z.array(z.string()),
    closed: orNull(z.object({ until: orNull(instant), reason: z.string() })),
  })
  .meta({ id: 'PollingPlan' });
