/** `POST /_sim/control`: the fields that every vendor's simulator understands. */
import { z } from 'zod';
import { type FaultBook, faultSchema } from '../faults';
import type { ArrivalLog } from '../judge/arrivals';
import type { LimitBook } from '../judge/limit-book';

/** Fields of a limit's window to replace; which of them a limit has depends on its kind. */
export const limitPatchSchema = z.strictObject({
  ratePerSecond: z.number().positive().optional(),
  burst: z.number().positive().optional(),
  count: z.number().nonnegative().optional(),
  ms: z.number().positive().optional(),
  everyMs: z.number().positive().optional(),
  per: z.enum(['minute', 'hour', 'day', 'month']).optional(),
  zone: z.string().min(1).optional(),
  /** What headers claim; the rest is what is enforced. */
  announcedRatePerSecond: z.number().positive().optional(),
  /** False: calls above it are counted as violations and let through. */
  enforced: z.boolean().optional(),
});

export const limitPatchesSchema = z.record(z.string(), limitPatchSchema);

export const kitControlShape = {
  /** By limit name. */
  limits: limitPatchesSchema.optional(),
  addFaults: z.array(faultSchema).optional(),
  /** All of them, or those with these ids. */
  clearFaults: z.union([z.literal(true), z.array(z.string())]).optional(),
  /** Short for a fault of kind `quota`: refuse every matching call for a while. */
  quota: z
    .strictObject({
      operation: z.string().default('*'),
      account: z.string().default('*'),
      forMs: z.number().positive().optional(),
      untilMs: z.number().optional(),
      count: z.int().positive().optional(),
      waitMs: z.number().nonnegative().optional(),
    })
    .optional(),
  nextReset: z
    .strictObject({
      limit: z.string(),
      scope: z.string().optional(),
      /** Epoch ms. */
      at: z.number().optional(),
      inMs: z.number().positive().optional(),
    })
    .optional(),
  /** Empties every window. */
  resetLimits: z.literal(true).optional(),
  /** Empties the log of arrivals and the counts over it. */
  resetLog: z.literal(true).optional(),
} satisfies z.ZodRawShape;

const kitControlSchema = z.object(kitControlShape);
export type KitControl = z.input<typeof kitControlSchema>;

/** Carries out the kit's fields of a command; throws RangeError for a limit that is not there. */
export function applyKitControl(
  value: unknown,
  parts: { limits: LimitBook; faults: FaultBook; log: ArrivalLog },
  now: number,
): void {
  const command = kitControlSchema.parse(value);
  const { limits, faults, log } = parts;
  // Checked before anything changes: a command takes effect as a whole or not at all.
  for (const [name, patch] of Object.entries(command.limits ?? {})) limits.checkChange(name, patch);
  if (command.nextReset) limits.checkReset(command.nextReset.limit);
  for (const [name, patch] of Object.entries(command.limits ?? {})) limits.change(name, patch, now);
  if (command.clearFaults) faults.clear(command.clearFaults === true ? undefined : command.clearFaults);
  for (const fault of command.addFaults ?? []) faults.add(fault, now);
  if (command.quota) faults.add({ kind: 'quota', ...command.quota }, now);
  if (command.nextReset) {
    const { limit, scope, at, inMs } = command.nextReset;
    limits.setReset(limit, at ?? now + (inMs ?? 0), scope);
  }
  if (command.resetLimits) limits.reset();
  if (command.resetLog) log.clear();
}
