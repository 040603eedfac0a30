/** The settings of an OpenAI project, or of any server that speaks its Responses API. */
import { z } from 'zod';
import { commonAccountFields, duration, httpUrl, secretRef, wholePositive } from '../account-fields';

const OPENAI_URL = 'https://api.openai.com/v1';

const text = z.string({ error: 'must be text' }).min(1, 'must not be empty');
const flag = z.boolean({ error: 'must be true or false' });
const THRESHOLD = 'must be a share above 0 and up to 1';
const concurrency = wholePositive.max(2000, 'must be at most 2000');

/** Exported for the environment names and command options that set the same things. */
export const openaiBatchFields = {
  quotaThreshold: z
    .number({ error: THRESHOLD })
    .gt(0, THRESHOLD)
    .max(1, THRESHOLD)
    .default(0.8)
    .describe('Share of the daily limit at which background work pauses (env QUOTA_THRESHOLD).'),
  dailyLimit: wholePositive
    .optional()
    .describe('Calls a day, UTC; without it there is none (env DAILY_LIMIT).'),
  pauseHours: duration('hours', { min: 0.001, max: 24 * 31 })
    .prefault(24)
    .describe('Longest sleep at the threshold before looking again (env PAUSE_DURATION_HOURS).'),
  quotaMonitoring: flag
    .default(true)
    .describe(
      'Watch the use of quota: alerts at 60, 80 and 95 %, and a part in concurrency (env QUOTA_MONITORING).',
    ),
  logInterval: wholePositive.default(100).describe('Items between two lines of progress (env LOG_INTERVAL).'),
} as const;

export const openaiAccountSchema = z
  .strictObject({
    vendor: z.literal('openai'),
    baseUrl: httpUrl.default(OPENAI_URL).describe('Where the API answers, with /v1; e.g. a simulator.'),
    apiKey: secretRef,
    organization: text.optional().describe('Sent as OpenAI-Organization.'),
    project: text.optional().describe('Sent as OpenAI-Project.'),
    timeoutSeconds: duration('seconds', { min: 0.001 })
      .prefault(120)
      .describe('Longest wait for an answer; texts take longer than most calls.'),
    concurrency: z
      .strictObject({
        min: concurrency.default(4).describe('Calls in flight at the least.'),
        max: concurrency
          .default(16)
          .describe('Calls in flight at the most; rate × latency reaches the rate.'),
      })
      .prefault({})
      .describe('Calls of a batch that are in flight at once; adapted between min and max.'),
    ...openaiBatchFields,
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
