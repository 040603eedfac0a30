/**
 * Everything about the Amazon simulator that can be set, as one schema: a scenario file, the options of
 * `startAmazonSimulator` and the defaults are the same thing. Durations say their unit in their name.
 */
import { z } from 'zod';
import type { VendorLimit } from '../../kit/judge/limit-book';
import { serverFields } from '../../kit/server/start';
import { DATASETS } from './report-types';

const range = (min: number, max: number) =>
  z
    .strictObject({ min: z.number().nonnegative().default(min), max: z.number().nonnegative().default(max) })
    .refine((r) => r.min <= r.max, { message: 'min must not be above max' })
    .prefault({});

const share = (value: number) => z.number().min(0).max(1).default(value);

/** An account that may log in. Without any, every refresh token is good and `Atzr|acme` is the account `acme`. */
const accountSchema = z.strictObject({
  name: z.string().min(1),
  refreshToken: z.string().min(1),
  clientId: z.string().min(1).optional(),
  clientSecret: z.string().min(1).optional(),
});

/** How the next matching reports end. */
export const outcomeSchema = z.strictObject({
  id: z.string().min(1).optional(),
  account: z.string().default('*'),
  dataset: z.enum([...DATASETS, '*']).default('*'),
  /** Only reports that touch this range, ISO 8601 with zone. */
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
  /** How many reports; without it, all of them. */
  count: z.int().positive().optional(),
  /** `IN_QUEUE`: it never leaves the queue. `REFUSED`: createReport answers 400, with `errorDetails` as the reason. */
  status: z.enum(['CANCELLED', 'FATAL', 'DONE', 'IN_QUEUE', 'REFUSED']),
  /** FATAL: the text of the document; null for FATAL without a document. */
  errorDetails: z.string().nullable().default(null),
  /** FATAL: name of the field that holds the text. */
  errorField: z.enum(['errorDetails', 'reportRequestError']).default('errorDetails'),
  /** FATAL: each text is another one: a number is put behind it. */
  varyText: z.boolean().default(false),
  /** DONE: with a document whose reportData is empty. */
  empty: z.boolean().default(false),
  /** DONE: with a document that holds this share of the rows. */
  rowShare: share(1),
  /** DONE: so many rows of the document, from its first, have this JSON text as their value of a field. */
  badRows: z
    .strictObject({
      field: z.string().min(1).default('orderedUnits'),
      value: z.string().default('null'),
      count: z.int().positive().default(1),
    })
    .optional(),
  /** DONE: so many rows, from the first, are there twice; with another number at the second time when they differ. */
  duplicates: z
    .strictObject({ count: z.int().positive().default(1), differ: z.boolean().default(false) })
    .optional(),
  /** DONE: how the document is said to be compressed, and is not: plain text as GZIP, or GZIP as plain text. */
  compressionLie: z.enum(['none', 'plain-as-gzip', 'gzip-as-plain']).default('none'),
});
export type OutcomeInput = z.input<typeof outcomeSchema>;

/**
 * From `at` on, rows of the hours in [from, to) change: some are lost, some have other values. Without `at` it has
 * always been so (in a scenario) or is so from now on (in a control command).
 */
export const restatementSchema = z.strictObject({
  account: z.string().default('*'),
  dataset: z.enum([...DATASETS, '*']).default('*'),
  from: z.iso.datetime({ offset: true }),
  to: z.iso.datetime({ offset: true }),
  at: z.iso.datetime({ offset: true }).optional(),
  loseShare: share(0.25),
  changeShare: share(0.5),
});

const dataSchema = z
  .strictObject({
    /** ASINs that a marketplace can have; each is in an hour with probability `density`. */
    catalogueSize: z.int().positive().max(5_000_000).default(400),
    density: share(0.15),
    /** Hours without any row: the documents are sparse. */
    emptyHourShare: share(0.08),
    zeroUnitsShare: share(0.15),
    negativeUnitsShare: share(0.03),
    /** After the hour's end, minutes until its rows exist. */
    readyAfterMinutes: range(10, 55),
    /** Share of hours that come later than that, by up to `lateByMinutes`. */
    lateShare: share(0),
    lateByMinutes: z
      .number()
      .nonnegative()
      .default(24 * 60),
    /** What a report that covers an hour without its rows does: leave them out, or end FATAL. */
    whenNotReady: z.enum(['omit', 'fatal']).default('omit'),
    /** Share of hours restated without notice, so many minutes after their end. */
    restatedShare: share(0),
    restatedAfterMinutes: z
      .number()
      .nonnegative()
      .default(48 * 60),
    restatements: z.array(restatementSchema).default([]),
    /** Rows carry fields that the published schema does not know. */
    extraFields: z.boolean().default(false),
    /** Share of sales rows whose revenue has more digits than a double can hold. */
    longRevenueShare: share(0),
  })
  .prefault({});
export type DataOptions = z.output<typeof dataSchema>;

export const amazonScenarioSchema = z.strictObject({
  ...serverFields,
  accounts: z.array(accountSchema).default([]),
  /** One more bucket over all operations of an account; off by default. */
  accountWideLimit: z
    .strictObject({ ratePerSecond: z.number().positive(), burst: z.number().positive() })
    .optional(),
  /** One more bucket over all accounts of an application; off by default. */
  applicationWideLimit: z
    .strictObject({ ratePerSecond: z.number().positive(), burst: z.number().positive() })
    .optional(),
  outcomes: z.array(outcomeSchema).default([]),
  latencyMs: range(0, 0),
  tokens: z.strictObject({ lifetimeSeconds: z.number().positive().default(3600) }).prefault({}),
  reports: z
    .strictObject({
      queueMs: range(500, 2000),
      processingMs: range(1000, 4000),
      /** Reports of one account that are processed at the same time; the others wait IN_QUEUE. */
      concurrency: z.int().positive().optional(),
      /** getReports shows a report only so long after it was made. */
      listLagSeconds: z.number().nonnegative().default(0),
      /** getReports names a next page after the last, too, and that one leads to itself. */
      listLoops: z.boolean().default(false),
      /** Ids of reports come as numbers. */
      numericIds: z.boolean().default(false),
      /** getReport answers 404 for so long after the report was made, getReportDocument after it was done. */
      unknownForSeconds: z.number().nonnegative().default(0),
      /** The same request within this time ends CANCELLED or FATAL; 0 turns it off. */
      duplicateWindowMinutes: z.number().nonnegative().default(30),
    })
    .prefault({}),
  documents: z
    .strictObject({
      urlLifetimeSeconds: z.number().positive().default(300),
      uncompressedShare: share(0),
      /** What documents' URLs begin with in place of the simulator's own origin, e.g. `http://169.254.169.254`. */
      origin: z.url().optional(),
    })
    .prefault({}),
  data: dataSchema,
});
export type AmazonScenario = z.output<typeof amazonScenarioSchema>;
export type AmazonScenarioInput = z.input<typeof amazonScenarioSchema>;

export const OPERATIONS = [
  'getReports',
  'createReport',
  'getReport',
  'cancelReport',
  'getReportDocument',
] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Published usage plans of the Reports API 2021-06-30: units a second, burst. */
const USAGE_PLANS: Readonly<Record<Operation, readonly [number, number]>> = {
  getReports: [0.0222, 10],
  createReport: [0.0167, 15],
  getReport: [2, 15],
  cancelReport: [0.0222, 10],
  getReportDocument: [0.0167, 15],
};

/** One bucket for each operation × application × account, and the wider ones when they are configured. */
export function amazonLimits(scenario: AmazonScenario): VendorLimit[] {
  const limits: VendorLimit[] = OPERATIONS.map((operation) => {
    const [ratePerSecond, burst] = USAGE_PLANS[operation];
    return {
      name: operation,
      operations: [operation],
      scope: '{application}/{account}',
      window: { kind: 'token-bucket', ratePerSecond, burst },
    };
  });
  const { accountWideLimit, applicationWideLimit } = scenario;
  if (accountWideLimit) {
    limits.push({
      name: 'accountWide',
      operations: OPERATIONS,
      scope: '{application}/{account}',
      window: { kind: 'token-bucket', ...accountWideLimit },
    });
  }
  if (applicationWideLimit) {
    limits.push({
      name: 'applicationWide',
      operations: OPERATIONS,
      scope: '{application}',
      window: { kind: 'token-bucket', ...applicationWideLimit },
    });
  }
  return limits;
}
