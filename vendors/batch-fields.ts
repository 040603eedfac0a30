/**
 * Account settings for batches: any vendor of texts spreads them into its schema. The environment variables and the
 * options of `batch start` are checked by the same fields.
 */
import { z } from 'zod';
import { duration, wholePositive } from './account-fields';

const THRESHOLD = 'must be a share above 0 and up to 1';

export const batchFields = {
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
    .describe('Longest sleep at the threshold before checking again (env PAUSE_DURATION_HOURS).'),
  quotaMonitoring: z
    .boolean({ error: 'must be true or false' })
    .default(true)
    .describe(
      'Watch the use of quota: alerts at 60, 80 and 95 %, and a part in concurrency (env QUOTA_MONITORING).',
    ),
  logInterval: wholePositive.default(100).describe('Items between two lines of progress (env LOG_INTERVAL).'),
} as const;

/** Most calls of a batch in flight. */
export const batchConcurrency = wholePositive.max(2000, 'must be at most 2000');
