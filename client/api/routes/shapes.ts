/** Shapes of answers that several routes have in common. For the document; what is answered is the use cases' own JSON. */
import { z } from 'zod';

export const instant = z.iso.datetime();
export const orNull = <T extends z.ZodType>(shape: T) => shape.nullable();

/** Why something stands still, since when, and until when. */
export const wait = z.looseObject({ since: orNull(instant), until: orNull(instant) }).nullable();

export const run = z.looseObject({ workflowId: z.string(), running: z.boolean(), wait });
export const started = z.object({ workflowId: z.string(), alreadyRan: z.boolean(), workerRuns: z.boolean() });
export const partition = z.record(z.string(), z.string());
