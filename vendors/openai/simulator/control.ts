/** The OpenAI fields of `POST /_sim/control`. */
import { z } from 'zod';
import { rangeSchema } from '../../kit/server/start';
import { type ErrorBook, errorSchema } from './answers/error-book';
import type { ResponseDesk } from './answers/responses';
import type { BatchDesk } from './batches/batches';
import type { KeyRing } from './keys';
import { batchOutcomeSchema, type HeaderForm, headerFormSchema } from './options';

export const openAiControlShape = {
  /** OpenAI's own errors from now on, by code. */
  addErrors: z.array(errorSchema).optional(),
  /** All of them, or those with these ids. */
  clearErrors: z.union([z.literal(true), z.array(z.string())]).optional(),
  /** Replaces the whole form: what is not named is as OpenAI sends it. */
  headers: headerFormSchema.optional(),
  /** API keys, literally. */
  revokeKeys: z.array(z.string()).optional(),
  restoreKeys: z.array(z.string()).optional(),
  latencyMs: rangeSchema.optional(),
  /** For batches created from now on. */
  batches: z
    .strictObject({
      requestsPerSecond: z.number().positive().optional(),
      windowMs: z.number().positive().optional(),
      enqueuedTokens: z.number().positive().optional(),
    })
    .optional(),
  batchOutcomes: z.array(batchOutcomeSchema).optional(),
  clearBatchOutcomes: z.literal(true).optional(),
} satisfies z.ZodRawShape;

const openAiControlSchema = z.object(openAiControlShape);
export type OpenAiControl = z.input<typeof openAiControlSchema>;

export interface ControlledParts {
  readonly errors: ErrorBook;
  readonly keys: KeyRing;
  readonly responses: ResponseDesk;
  readonly batches: BatchDesk;
  readonly form: { current: HeaderForm };
}

/** @param now epoch ms of the command; an earlier instant when it is replayed. */
export function applyOpenAiControl(value: unknown, parts: ControlledParts, now: number): void {
  const command = openAiControlSchema.parse(value);
  const { errors, keys, responses, batches, form } = parts;
  if (command.clearErrors) errors.clear(command.clearErrors === true ? undefined : command.clearErrors);
  for (const error of command.addErrors ?? []) errors.add(error, now);
  form.current = command.headers ?? form.current;
  keys.revoke(command.revokeKeys ?? []);
  keys.restore(command.restoreKeys ?? []);
  responses.latencyMs = command.latencyMs ?? responses.latencyMs;
  const { requestsPerSecond, windowMs, enqueuedTokens } = command.batches ?? {};
  batches.settings = {
    ...batches.settings,
    requestsPerSecond: requestsPerSecond ?? batches.settings.requestsPerSecond,
    windowMs: windowMs ?? batches.settings.windowMs,
    enqueuedTokens: enqueuedTokens ?? batches.settings.enqueuedTokens,
  };
  if (command.clearBatchOutcomes) batches.clearOutcomes();
  for (const outcome of command.batchOutcomes ?? []) batches.addOutcome(outcome);
}
