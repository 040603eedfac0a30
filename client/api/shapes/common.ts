/**
 * Shapes of good answers, as the document and the typed client have them. What is answered is the use cases' own JSON, as
 * the command line prints it with `--json`: `operationRoute` holds each shape against its type, and a test against real
 * answers, which must have no other field. Those with an `id` are named in the document.
 */
import { z } from 'zod';

export const instant = z.iso.datetime();
export const orNull = <T extends z.ZodType>(shape: T) => shape.nullable();

/** Whole, for everything that is counted. */
export const count = z.int().min(0);

export const priority = z.enum(['interactive', 'live', 'scheduled', 'background']);
export const partition = z.record(z.string(), z.string());

/** Why something stands still, since when, and until when. */
const standstill = {
  what: z.string(),
  why: z.string(),
  since: orNull(instant),
  until: orNull(instant),
  frees: z.string(),
};
export const wait = orNull(z.object(standstill).meta({ id: 'Wait' }));

/** What a vendor's answer says. */
export const evidence = orNull(
  z
    .object({
      vendor: z.string(),
      account: z.string(),
      operation: z.string(),
      subject: z.string().exactOptional(),
      caller: z.string().exactOptional(),
      httpStatus: z.int().exactOptional(),
      code: z.string().exactOptional(),
      message: z.string().exactOptional(),
      requestId: z.string().exactOptional(),
    })
    .meta({ id: 'Evidence' }),
);
