/** Settings of a dataset: what is kept complete for an account, and how. */
import { z } from 'zod';
import { duration, wholePositive } from '../../vendors/account-fields';
import { flag, priority, share, text } from './fields';

/** Settings of one dataset of one account. Exported for the environment names that set the same things. */
export const datasetFields = {
  dataset: z
    .string({ error: 'must be vendor/name such as amazon/rt-sales' })
    .regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, 'must be vendor/name such as amazon/rt-sales')
    .describe('What to keep complete, e.g. amazon/rt-sales.'),
  account: text.describe('Name of the account, as under accounts.'),
  enabled: flag.default(true),
  chunkHours: duration('hours', { min: 1, whole: true })
    .optional()
    .describe(
      'Span of one request. Reports: for recent hours, default 6 (env CHUNK_HOURS). Trips and tracks of fleets: of a backfill, default 24.',
    ),
  joinOlderThanHours: duration('hours', { min: 1 })
    .prefault(48)
    .describe("Adjoining gaps older than this are joined, up to the vendor's longest span."),
  lookbackDays: duration('days', { min: 1, max: 3650 })
    .optional()
    .describe(
      "How far back to be complete, default 30; the vendor's own limit holds too. Trips of fleets: how far back the first call of a device goes, default 1.",
    ),
  safeMinutesLag: duration('minutes', { min: 0 })
    .prefault(60)
    .describe('An hour is requested only when it ended this long ago (env SAFE_MINUTES_LAG).'),
  syncIntervalMinutes: duration('minutes', { min: 1 })
    .optional()
    .describe("Time between cycles, default 15; of a fleet's live positions 1."),
  overlapHours: duration('hours', { min: 0, max: 12 })
    .optional()
    .describe(
      'Fleets: trips and tracks may reach the vendor this late, default 2. Each call covers that time again.',
    ),
  deviceListMinutes: duration('minutes', { min: 1 })
    .optional()
    .describe(
      'Fleets: age at which the list of devices is requested again, default 360. A new device is seen with the next list; each list is a call of the day.',
    ),
  dailyAudit: flag
    .default(true)
    .describe(
      'Fetch the last day again every day (env ENABLE_VENDOR_RT_SALES_DAILY_AUDIT for amazon/rt-sales).',
    ),
  weeklyAudit: flag
    .default(false)
    .describe(
      'Fetch the last days again every week (env ENABLE_VENDOR_RT_SALES_WEEKLY_AUDIT for amazon/rt-sales).',
    ),
  weeklyAuditDays: duration('days', { min: 1, max: 90, whole: true })
    .prefault(7)
    .describe('How many days the weekly audit covers.'),
  onBadRow: z
    .enum(['setAside', 'refuse'], { error: 'must be setAside or refuse' })
    .default('setAside')
    .describe('A row that cannot be used is set aside with its reason, or makes its document be refused.'),
  badRowShare: share
    .default(0.05)
    .describe('A document with more bad rows than this share (and more than 10) is refused.'),
  doubtShare: share
    .default(0.5)
    .describe(
      'A document that holds less than this share of the rows that are known, or none, is doubted: the known rows stay, and it is requested again. Trips of fleets: of the trips that are known.',
    ),
  usualLoss: share
    .default(0.05)
    .describe(
      'The share of their rows that hours lose in ordinary restatements. Where a document is plausible as a whole, hours that lose more than this explains, and keep less than doubtShare, are doubted. Higher doubts fewer.',
    ),
  doubtAnswers: wholePositive
    .default(3)
    .describe(
      'This many such answers, over at least doubtDays, are believed; an operator accepts them at once by `sluice doubts`.',
    ),
  doubtDays: duration('days', { min: 0 }).prefault(3).describe('See doubtAnswers.'),
  minRerequestMinutes: duration('minutes', { min: 0 })
    .prefault(30)
    .describe('The same window is not requested again sooner than this.'),
  poll: z
    .strictObject({
      initialSeconds: duration('seconds', { min: 0.001 }).prefault(15).describe('First wait for a report.'),
      factor: z
        .number({ error: 'must be a number, at least 1' })
        .min(1, 'must be a number, at least 1')
        .default(1.5),
      maxSeconds: duration('seconds', { min: 0.001 })
        .prefault(300)
        .describe(
          'Longest wait between two polls; a report older than ten times this is polled more rarely.',
        ),
      reportAfterMinutes: duration('minutes', { min: 0.001 })
        .prefault(60)
        .describe('A report that is not made by then is reported (event `report.slow`).'),
      requestAgainAfterHours: duration('hours', { min: 0.0001 })
        .prefault(24)
        .describe('A report that is not made by then is given up and requested again.'),
    })
    .prefault({}),
  priority: priority.default('scheduled').describe('Priority of the live hours and audits.'),
  backfillPriority: priority.default('background').describe('Priority of everything older.'),
} as const;

export const datasetSchema = z.strictObject(datasetFields);
