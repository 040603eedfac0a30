/** The lines of a simulator's journal. */
import { z } from 'zod';

const countsSchema = z.record(z.string(), z.number());

export const kitEntrySchema = z.discriminatedUnion('k', [
  z.object({ k: z.literal('vendor'), e: z.unknown() }),
  z.object({ k: z.literal('control'), t: z.number(), command: z.unknown() }),
  z.object({ k: z.literal('fault'), id: z.string() }),
  z.object({
    k: z.literal('arrival'),
    arrival: z.object({
      t: z.number(),
      operation: z.string(),
      account: z.string(),
      status: z.number(),
      requestId: z.string(),
      requestDetail: z.record(z.string(), z.unknown()),
      refusedBy: z.string().exactOptional(),
      fault: z.string().exactOptional(),
      refused: z.boolean(),
      /** The call as the limits counted it; null when they did not. */
      counted: z
        .object({
          operation: z.string(),
          account: z.string(),
          attributes: z.record(z.string(), z.string()),
          units: countsSchema.exactOptional(),
        })
        .nullable(),
    }),
  }),
]);

export type KitEntry = z.input<typeof kitEntrySchema>;
