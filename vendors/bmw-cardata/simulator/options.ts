/** Options of a CarData simulator: everything has a default. */
import { z } from 'zod';
import { DAY_MS } from '../../../quota/durations';
import { carsSchema } from '../../bmw/simulator/cars';
import { tokensSchema } from '../../bmw/simulator/grants';
import { carTimeShape } from '../../bmw/simulator/time';
import { usersSchema } from '../../bmw/simulator/users';
import { serverFields } from '../../kit/server/start';

export const carDataScenarioSchema = z.strictObject({
  ...serverFields,
  ...carTimeShape,
  users: usersSchema,
  /** How many cars, of all kinds in turn, or which; Toyota is not served here. */
  cars: carsSchema.default(3),
  quota: z
    .strictObject({
      callsPerDay: z.int().nonnegative().default(50),
      /** Whether the count starts over at midnight UTC, or each call is forgotten after a day. */
      window: z.enum(['midnight', 'rolling']).default('midnight'),
      /** What a "day" is; shorter ones make tests short. `day` for midnight, `dayMs` for rolling. */
      day: z.enum(['minute', 'hour', 'day']).default('day'),
      dayMs: z.number().positive().default(DAY_MS),
      /** The day under way ends so soon after the start. */
      endsInMs: z.number().positive().optional(),
      /** True: a refused call has been counted all the same. */
      countRefusedCalls: z.boolean().default(true),
      /** With which status CU-429 comes. */
      status: z.union([z.literal(403), z.literal(429)]).default(403),
      /** True: the message says how long the wait is. */
      statesWait: z.boolean().default(false),
    })
    .prefault({}),
  tokens: tokensSchema(3600),
  login: z
    .strictObject({
      /** Client ids that are known; any when empty. */
      clients: z.array(z.string().min(1)).default([]),
      intervalSeconds: z.number().nonnegative().default(5),
      /** Added to the interval of whoever polls too fast. */
      slowDownSeconds: z.number().nonnegative().default(5),
      expiresSeconds: z.number().positive().default(300),
      /** The first user approves a code by itself when it has been polled so often; never when absent. */
      approveAfterPolls: z.int().nonnegative().optional(),
    })
    .prefault({}),
  containers: z
    .strictObject({
      max: z.int().positive().default(10),
      maxDescriptors: z.int().positive().default(300),
    })
    .prefault({}),
  /** How mappings come: as one object when there is one car, always as a list, or as a list in an object. */
  mappings: z.enum(['object', 'array', 'wrapped']).default('array'),
  chargingPageSize: z.int().positive().default(5),
  /** Name of the field that leads to the next page. */
  pageTokenField: z.enum(['next_token', 'nextToken']).default('next_token'),
});
export type CarDataScenario = z.output<typeof carDataScenarioSchema>;
export type CarDataScenarioInput = z.input<typeof carDataScenarioSchema>;
