/** Vehicles and what they say; commands to them, and their end users. */
import { z } from 'zod';
import { count, instant, orNull } from './common';

/** Why nothing fresher can be had, and until when. */
const stale = orNull(
  z
    .object({
      cause: z.enum(['quota', 'limit', 'pool', 'failed', 'refused', 'asking']),
      reason: z.string(),
      until: orNull(instant),
      pool: z.string().exactOptional(),
      limit: z.string().exactOptional(),
      requestId: z.string().exactOptional(),
    })
    .meta({ id: 'Stale' }),
);

export const vehicle = z
  .object({
    account: z.string(),
    vehicleId: z.string(),
    name: z.string(),
    brand: z.string(),
    model: z.string(),
    driveTrain: orNull(z.enum(['combustion', 'plug-in hybrid', 'electric', 'other'])),
    readable: z.boolean(),
    listedAt: orNull(instant),
    // What the vendor says besides.
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Vehicle' });

export const vehicleLists = z.array(
  z.object({
    account: z.string(),
    listedAt: orNull(instant),
    ageMs: orNull(z.number()),
    stale,
    vehicles: z.array(vehicle),
  }),
);

const params = z.record(z.string(), z.union([z.string(), z.number()]));

export const vehicleDetails = z.object({
  ...vehicle.shape,
  reads: z.array(
    z.object({
      name: z.string(),
      about: z.string(),
      staleMs: z.number(),
      stored: z.array(
        z.object({
          read: z.string(),
          params,
          answeredAt: orNull(instant),
          values: count,
          failures: count,
          failedAt: orNull(instant),
          retryAt: orNull(instant),
          failure: orNull(
            z.object({
              kind: z.enum(['refused', 'passing']),
              reason: z.string(),
              code: orNull(z.string()),
            }),
          ),
        }),
      ),
    }),
  ),
});

const source = z.enum(['call', 'polling', 'stream', 'live']);

export const readAnswer = z
  .object({
    account: z.string(),
    vehicleId: z.string(),
    read: z.string(),
    params,
    freshAt: orNull(instant),
    ageMs: z.number(),
    source,
    requestId: orNull(z.string()),
    servedFrom: z.enum(['call', 'database', 'memory']),
    stale,
    values: z.record(
      z.string(),
      z.object({
        state: z.enum(['value', 'null', 'not-available']),
        value: z.unknown(),
        unit: orNull(z.string()),
        at: orNull(instant),
        receivedAt: orNull(instant),
        changedAt: orNull(instant),
        source,
      }),
    ),
    records: orNull(z.array(z.record(z.string(), z.unknown()))),
    document: orNull(z.object({ contentType: z.string(), base64: z.string() })),
  })
  .meta({ id: 'ReadAnswer' });

export const command = z
  .object({
    id: z.int(),
    account: z.string(),
    requestId: orNull(z.string()),
    device: z.string(),
    code: z.string(),
    params: z.array(z.string()),
    repeatable: z.boolean(),
    timeoutMs: z.number(),
    waitForPool: z.boolean(),
    askedBy: z.string(),
    state: z.enum(['created', 'sending', 'queued', 'succeeded', 'failed', 'cancelled', 'unknown']),
    attempts: count,
    vendorCommandId: orNull(z.string()),
    resultName: orNull(z.string()),
    resultCode: orNull(z.string()),
    resultMessage: orNull(z.string()),
    overdue: z.boolean(),
    createdAt: orNull(instant),
    sentAt: orNull(instant),
    endedAt: orNull(instant),
  })
  .meta({ id: 'Command' });

/** Whether a vendor takes an end user's name and password. */
export const userAnswer = z
  .union([
    z.object({
      kind: z.literal('ok'),
      devices: z.array(z.object({ deviceId: z.string(), name: z.string(), group: z.string() })),
      acceptedAt: orNull(instant),
    }),
    z.object({ kind: z.literal('refused'), message: z.string(), code: z.string() }),
    z.object({ kind: z.enum(['limited', 'closed']), message: z.string(), until: orNull(instant) }),
    z.object({ kind: z.literal('unavailable'), message: z.string() }),
  ])
  .meta({ id: 'UserAnswer' });
