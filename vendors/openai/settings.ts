/** The settings of an OpenAI project, or of any server that speaks its Responses API. */
import { z } from 'zod';
import { commonAccountFields, duration, httpUrl, secretRef } from '../account-fields';
import { batchConcurrency, batchFields } from '../batch-fields';
import { openaiBatchApiFields } from './batch-settings';

const OPENAI_URL = 'https://api.openai.com/v1';

const text = z.string({ error: 'must be text' }).min(1, 'must not be empty');

export const openaiAccountSchema = z
  .strictObject({
    vendor: z.literal('openai'),
    baseUrl: httpUrl.default(OPENAI_URL).describe('Where the API answers, with /v1; e.g. a simulator.'),
    apiKey: secretRef,
    organization: text
      .optional()
      .describe(
        "The organization's id (org-…), sent as OpenAI-Organization. Accounts that name the same one stop together when a limit of the organization's is reached, and one resume ends it.",
      ),
    project: text.optional().describe('Sent as OpenAI-Project.'),
    timeoutSeconds: duration('seconds', { min: 0.001 })
      .prefault(120)
      .describe('Longest wait for an answer; texts take longer than most calls.'),
    concurrency: z
      .strictObject({
        min: batchConcurrency.default(4).describe('Calls in flight at the least.'),
        max: batchConcurrency
          .default(16)
          .describe('Calls in flight at the most; rate × latency reaches the rate.'),
      })
      .prefault({})
      .describe('Calls of a batch that are in flight at once; adapted between min and max.'),
    ...batchFields,
    ...openaiBatchApiFields,
    ...commonAccountFields,
  })
  .superRefine((account, context) => {
    if (account.concurrency.min <= account.concurrency.max) return;
    context.addIssue({
      code: 'custom',
      path: ['concurrency', 'max'],
      message: `must be at least concurrency.min (${account.concurrency.min})`,
    });
  });

export type OpenAiAccount = z.infer<typeof openaiAccountSchema>;
