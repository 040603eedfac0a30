/**
 * The shapes of Amazon's answers, checked where they enter. All are open: unknown fields are ignored. Ids are opaque
 * strings, timestamps come as `Z` and as offsets and leave as epoch milliseconds. A problem never quotes a value,
 * for values can be tokens.
 *
 * Sources: amzn/selling-partner-api-models, reports_2021-06-30.json; Login with Amazon developer guide.
 */
import { z } from 'zod';
import { parseIsoInstant } from '../../quota/instants';
import type { FatalClass } from '../capabilities/reports';

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

/** Opaque. One that comes as a number is kept by its digits, as far as these have been read exactly. */
const id = z.union([z.string().min(1).max(2048), z.number().refine(Number.isSafeInteger).transform(String)], {
  error: 'must be a text of 1 to 2048 characters',
});

const instant = z.string().transform((text, context) => {
  const ms = parseIsoInstant(text);
  if (ms === null) {
    context.addIssue({
      code: 'custom',
      message: 'must be a timestamp with a zone, such as 2026-11-24T00:00:00Z',
    });
    return z.NEVER;
  }
  return ms;
});

/** Optional fields arrive absent, null or as an empty text; all mean "not said". */
function optional<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => value || undefined, schema.optional()).optional();
}

const createReportSchema = z.object({ reportId: id });
export type CreateReportAnswer = z.infer<typeof createReportSchema>;

/**
 * What cannot be read of a report counts as not said: nothing but its id, and how it ended, is needed of it, and a status
 * that is none says that it has not ended. `reportOptions` is not among the fields: Amazon does not echo it.
 */
const reportSchema = z.object({
  reportId: id,
  reportType: z.string().catch(''),
  createdTime: instant.catch(0),
  processingStatus: z
    .string()
    .transform((text) => text.trim().slice(0, 40))
    .catch(''),
  marketplaceIds: z.array(z.string()).optional().catch(undefined),
  dataStartTime: instant.optional().catch(undefined),
  dataEndTime: instant.optional().catch(undefined),
  reportDocumentId: optional(id).catch(undefined),
});
/** Times are epoch milliseconds. */
export type AmazonReport = z.infer<typeof reportSchema>;

const reportsPageSchema = z.object({
  // Some serializers write an empty list as null.
  reports: z
    .array(z.unknown())
    .nullable()
    .transform((reports) =>
      (reports ?? []).flatMap((report) => {
        const read = reportSchema.safeParse(report);
        return read.success ? [read.data] : [];
      }),
    ),
  nextToken: optional(id),
});
export type ReportsPage = z.infer<typeof reportsPageSchema>;

const documentSchema = z.object({
  reportDocumentId: id,
  /** Holds its own key in the query, for 5 minutes: never logged. */
  url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }),
  /** Whatever it says: the bytes of the document decide. */
  compressionAlgorithm: z
    .unknown()
    .optional()
    .transform((said) => (typeof said === 'string' && said ? said : undefined)),
});
export type ReportDocument = z.infer<typeof documentSchema>;

/** How long a token of Login with Amazon lasts when it does not say so, seconds. */
const TOKEN_SECONDS = 3600;

/** Some gateways put numbers into quotes. */
const seconds = z
  .union(
    [
      z.number(),
      z
        .string()
        .regex(/^\d{1,9}(?:\.\d+)?$/)
        .transform(Number),
    ],
    { error: 'must be a number' },
  )
  .pipe(
    z
      .number()
      .positive()
      .max(366 * 86_400),
  );

const tokenSchema = z
  .object({
    access_token: z.string().min(1),
    token_type: optional(z.string().regex(/^bearer$/i, 'must be bearer')),
    expires_in: seconds.nullish(),
    refresh_token: optional(z.string().min(1)).catch(undefined),
  })
  .transform((t) => ({
    accessToken: t.access_token,
    expiresInMs: Math.floor((t.expires_in ?? TOKEN_SECONDS) * 1000),
    refreshToken: t.refresh_token,
  }));
export type LwaToken = z.infer<typeof tokenSchema>;

/** The 202 of POST /reports. */
export function parseCreateReport(body: string): Parsed<CreateReportAnswer> {
  return parseBody('createReport', createReportSchema, body);
}

/** GET /reports/{reportId}. */
export function parseReport(body: string): Parsed<AmazonReport> {
  return parseBody('getReport', reportSchema, body);
}

/** One page of GET /reports; `nextToken` is undefined on the last. */
export function parseReportsPage(body: string): Parsed<ReportsPage> {
  return parseBody('getReports', reportsPageSchema, body);
}

/** GET /documents/{reportDocumentId}. */
export function parseReportDocument(body: string): Parsed<ReportDocument> {
  return parseBody('getReportDocument', documentSchema, body);
}

/** POST /auth/o2/token. */
export function parseLwaToken(body: string): Parsed<LwaToken> {
  return parseBody('login', tokenSchema, body);
}

function parseBody<T>(operation: string, schema: z.ZodType<T>, body: string): Parsed<T> {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    // The parser's own message quotes the body, which may be a token.
    return { ok: false, problem: `${operation}: the body is not JSON (${body.length} characters)` };
  }
  const result = schema.safeParse(json);
  if (result.success) return { ok: true, value: result.data };
  const issues = result.error.issues
    .slice(0, 5)
    .map((i) => `${i.path.join('.') || 'the body'}: ${i.message}`);
  return { ok: false, problem: `${operation}: ${issues.join('; ')}` };
}

/**
 * Why a report ended FATAL, from the text of its document.
 * - `not-yet`: the data is late; ask later, or for a smaller end
 * - `no-data`: there is nothing in the span
 * - `configuration`: the request lacks or misstates something; asking again is no use
 * - `unknown`: all else, "A client error occurred" and "The requested data is unavailable" among it; a smaller span
 *   may still succeed
 */
export function classifyFatal(text: string): FatalClass {
  if (/\bnot (?:yet|currently) available\b|\bnot available yet\b/i.test(text)) return 'not-yet';
  if (/\bno data\b(?!.{0,80}\byet\b)/is.test(text)) return 'no-data';
  if (
    /\bmust be (?:supplied|specified|provided)\b|\brequires? the\b.{0,200}\breportOption\b|\breportOptions?\b.{0,200}\b(?:required|invalid|unsupported|not supported)\b/is.test(
      text,
    )
  ) {
    return 'configuration';
  }
  return 'unknown';
}

const fatalSchema = z.union([
  z.object({ errorDetails: z.string() }).transform((d) => d.errorDetails),
  z.object({ reportRequestError: z.string() }).transform((d) => d.reportRequestError),
]);

/**
 * The error text in the document of a FATAL report: `{"errorDetails":"…"}` or `{"reportRequestError":"…"}`. Null when
 * the document is neither. Such a document is never report data.
 */
export function readFatalText(document: string): string | null {
  const parsed = parseBody('document', fatalSchema, document);
  return parsed.ok ? parsed.value : null;
}
