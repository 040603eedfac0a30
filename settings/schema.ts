/** The shape of `sluice.yaml`. `sluice.schema.json` is made from it, so descriptions here are what editors show. */
import { z } from 'zod';
import { PRIORITIES } from '../quota/limits/limit';
import { duration, SECRET_REF_PATTERN, secretRef, wholePositive } from '../vendors/account-fields';
import { builtInVendors, type CommonAccount, type Vendor } from '../vendors/registry';

const flag = z.boolean({ error: 'must be true or false' });
const text = z.string({ error: 'must be text' }).min(1, 'must not be empty');
const priority = z.enum(PRIORITIES, { error: `must be one of ${PRIORITIES.join(', ')}` });

const database = z.strictObject({
  url: z
    .string({ error: 'must be a URL such as postgres://user@host:5432/name' })
    .regex(/^postgres(?:ql)?:\/\//, 'must be a URL such as postgres://user@host:5432/name')
    .optional()
    .meta({
      writeOnly: true,
      description:
        'Postgres to use; without it an embedded one is started. Takes its password by a reference to the environment (env DATABASE_URL wins).',
    }),
  poolSize: wholePositive
    .max(200, 'must be at most 200')
    .default(10)
    .describe('Connections of one worker for its bookkeeping.'),
  permitPoolSize: wholePositive
    .max(50, 'must be at most 50')
    .default(4)
    .describe("Further connections of one worker, for nothing but permits, limits and pools' states."),
  bulkPoolSize: wholePositive
    .max(50, 'must be at most 50')
    .default(4)
    .describe(
      'Further connections of one worker, for documents that are taken in and old rows that are deleted.',
    ),
});

const temporal = z.strictObject({
  address: z
    .string({ error: 'must be host:port' })
    .regex(/^[^\s/:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, 'must be host:port, without http://')
    .optional()
    .describe('Temporal to use; without it a development server is started (env TEMPORAL_ADDRESS).'),
  namespace: text.default('default').describe('env TEMPORAL_NAMESPACE'),
  apiKey: secretRef.optional(),
  tls: z
    .strictObject({
      enabled: flag.optional().describe('Default: true when an API key or any of the files is given.'),
      caFile: text.optional().describe("The server's certificate authority, PEM."),
      certFile: text.optional().describe('Client certificate, PEM.'),
      keyFile: text.optional().describe("Client certificate's key, PEM."),
      serverName: text.optional().describe("The name to expect in the server's certificate."),
    })
    .prefault({}),
  taskQueue: text.default('sluice').describe('env TEMPORAL_TASK_QUEUE'),
  encryptPayloads: flag
    .optional()
    .describe(
      'Encrypt what Temporal stores. Default: true when a vault key is given (SLUICE_VAULT_KEY or vault.keyFile).',
    ),
});

const log = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      error: 'must be trace, debug, info, warn, error, fatal or silent',
    })
    .default('info')
    .describe('env LOG_LEVEL'),
  format: z
    .enum(['json', 'pretty'], { error: 'must be json or pretty' })
    .default('json')
    .describe('env LOG_FORMAT'),
});

const vault = z.strictObject({
  keyFile: text
    .optional()
    .describe('File with the vault key (base64 of 32 bytes). env SLUICE_VAULT_KEY, the key itself, wins.'),
});

const permits = z.strictObject({
  inlineWaitMs: duration('milliseconds', { min: 0, max: 60_000 })
    .prefault(5000)
    .describe(
      'A permit due within this is waited for in the activity; anything longer sleeps in the workflow.',
    ),
  leadMs: duration('milliseconds', { min: 0, max: 1000 })
    .prefault(40)
    .describe('A permit may be taken this much before its call leaves.'),
});

const http = z.strictObject({
  timeoutMs: duration('milliseconds', { min: 1 }).prefault(30_000).describe('Longest wait for an answer.'),
  connectTimeoutMs: duration('milliseconds', { min: 1 })
    .prefault(10_000)
    .describe('Longest wait for a connection.'),
});

const share = z
  .number({ error: 'must be a number from 0 to 1' })
  .min(0, 'must be a number from 0 to 1')
  .max(1, 'must be a number from 0 to 1');

const reports = z.strictObject({
  failingShare: share
    .default(0.05)
    .describe("All failing windows of an account together use at most this share of a day's calls."),
  settleSeconds: duration('seconds', { min: 0, max: 3600 })
    .prefault(120)
    .describe(
      "After a request whose answer was lost, the vendor's list is believed so much later: until then it may lag.",
    ),
  youngSeconds: duration('seconds', { min: 0, max: 3600 })
    .prefault(60)
    .describe('A report or document younger than this that the vendor does not know is asked for again.'),
  maxDocumentMb: wholePositive
    .default(2048)
    .describe('Longest document, MB of its plain text. It is spooled to the folder for temporary files.'),
});

const commands = z.strictObject({
  timeoutSeconds: duration('seconds', { min: 1, max: 3600 })
    .prefault(60)
    .describe('Longest wait for leave to send a command to a device, and again for its result.'),
});

const ORIGIN = 'must be an origin such as https://ops.example.com, in lower case and without a path';
/** As browsers send it. */
const origin = z.string({ error: ORIGIN }).regex(/^https?:\/\/[a-z0-9.:[\]-]+$/, ORIGIN);
const hostName = z
  .string({ error: 'must be a name such as sluice.example.com' })
  .regex(/^[a-z0-9.:-]+$/i, 'must be a name such as sluice.example.com, without a port')
  .transform((host) => host.toLowerCase());

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const name = z.string().regex(NAME, 'must be a name of letters, digits, dot, dash and underscore');

/** The HTTP API. */
const api = z.strictObject({
  port: z
    .int({ error: 'must be a port from 1 to 65535' })
    .min(1, 'must be a port from 1 to 65535')
    .max(65_535, 'must be a port from 1 to 65535')
    .default(8480)
    .describe('Where `sluice up` serves the API; another port is taken and said when it is in use.'),
  allowedHosts: z
    .array(hostName, { error: 'must be a list of names' })
    .default([])
    .describe(
      'Names by which it is called besides this machine. Without any, all are, as long as a key is shown.',
    ),
  corsOrigins: z
    .array(origin, { error: 'must be a list of origins' })
    .default([])
    .describe('Pages of these may ask from a browser. Default: none.'),
  requestsPerMinute: wholePositive
    .default(6000)
    .describe(
      'Requests of one key a minute, in one process; a key may have a number of its own. Permits do not count.',
    ),
  endUserRequestsPerMinute: wholePositive
    .default(30)
    .describe('Requests about one end user a minute, in one process, whoever asks.'),
  maxInFlight: wholePositive
    .default(1000)
    .describe('Requests under way at once in one process; more are told to come again (503).'),
  maxUploadMb: wholePositive.default(512).describe('Longest input of a batch that is uploaded, MB.'),
  mainAccount: name
    .optional()
    .describe(
      'Whose quota and breaker `GET /health` shows first (default: the first account), and whose vehicles `POST /` answers with (default: the only account that has any).',
    ),
  salesDataset: z
    .strictObject({ dataset: z.string(), account: name.optional() })
    .optional()
    .describe(
      'What `/api/vendor-realtime-sales` refreshes and sums up. Default: the first dataset of reports that is listed.',
    ),
});

const whole = (max: number) => {
  const error = `must be a whole number from 0 to ${max}`;
  return z.number({ error }).int(error).min(0, error).max(max, error);
};

const reads = z.strictObject({
  cacheMinutes: duration('minutes', { min: 0 })
    .prefault(5)
    .describe(
      'How old an answer about a vehicle may be and be served without a call, where its vendor says nothing.',
    ),
  authenticationHours: duration('hours', { min: 0 })
    .prefault(24)
    .describe("An end user's credentials that the vendor has accepted are believed for this long; 0: never."),
  waitSeconds: duration('seconds', { min: 0, max: 600 })
    .prefault(5)
    .describe('Longest wait of a read for leave to call; then it is answered from what is stored.'),
  memoryMb: whole(4096)
    .default(16)
    .describe('Answers that one process keeps in memory, in front of the database.'),
  userPerMinute: whole(100_000)
    .default(60)
    .describe('Most reads a minute of one end user, over all processes; 0: no limit.'),
});

const alerts = z.strictObject({
  rateRefusals: wholePositive
    .default(3)
    .describe('So many refusals of one limit as "too fast" within the window are an alert; one an episode.'),
  rateWindowMinutes: duration('minutes', { min: 0.001 })
    .prefault(10)
    .describe('The window. An episode ends with a window of quiet.'),
});

/** How long what has ended is kept. Data, the ledger of windows and what decides calls are kept for ever. */
const retention = z.strictObject({
  jobsDays: duration('days', { min: 8 })
    .prefault(90)
    .describe('Ended reports, except the last of each window, which stays.'),
  // A month and some: an alert of a month's window is told once because its event is there.
  eventsDays: duration('days', { min: 40 })
    .prefault(90)
    .describe('Events, except those that record that an alert has been raised already.'),
  callCountsDays: duration('days', { min: 32 })
    .prefault(40)
    .describe('Calls by the minute, and events of single refusals.'),
  commandsDays: duration('days', { min: 1 })
    .prefault(365)
    .describe('Ended commands that were given no id; those with one stay, for the id to be known again.'),
  readsDays: duration('days', { min: 1 })
    .prefault(30)
    .describe('Answers about vehicles to reads with parameters; the last one of each other read stays.'),
  batchesDays: duration('days', { min: 1 })
    .optional()
    .describe('Ended batches with their results. Default: never; the same input again would call anew.'),
  everyHours: duration('hours', { min: 0 })
    .prefault(6)
    .describe('How often workers delete what is older; 0: only `sluice prune` does.'),
});

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
    .describe('An hour is asked for only when it ended this long ago (env SAFE_MINUTES_LAG).'),
  syncIntervalMinutes: duration('minutes', { min: 1 })
    .optional()
    .describe("Time between cycles, default 15; of a fleet's live positions 1."),
  overlapHours: duration('hours', { min: 0, max: 12 })
    .optional()
    .describe(
      'Fleets: trips and tracks may reach the vendor so much late, default 2. Each call goes back behind it.',
    ),
  deviceListMinutes: duration('minutes', { min: 1 })
    .optional()
    .describe(
      'Fleets: age at which the list of devices is asked for again, default 360. A new device is seen with the next list; each is a call of the day.',
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
    .describe('A row that cannot be used is put aside with its reason, or refuses its document.'),
  badRowShare: share
    .default(0.05)
    .describe('More bad rows than this share of a document (and more than 10) refuse it.'),
  doubtShare: share
    .default(0.5)
    .describe(
      'A document that holds less than this share of the rows that are known, or none, is doubted: they stay, and it is asked for again. Trips of fleets: of the trips that are known.',
    ),
  usualLoss: share
    .default(0.05)
    .describe(
      'The share of their rows that hours lose in ordinary restatements. Where a document is plausible as a whole, hours that lose more than this explains, and keep less than doubtShare, are doubted. Higher doubts fewer.',
    ),
  doubtAnswers: wholePositive
    .default(3)
    .describe(
      'So many such answers make it true, when they lie over doubtDays; or an operator does, by `sluice doubts`.',
    ),
  doubtDays: duration('days', { min: 0 }).prefault(3).describe('See doubtAnswers.'),
  minRerequestMinutes: duration('minutes', { min: 0 })
    .prefault(30)
    .describe('The same window is not asked for again sooner than this.'),
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
      tellAfterMinutes: duration('minutes', { min: 0.001 })
        .prefault(60)
        .describe('A report that is not made by then is reported (event `report.slow`).'),
      askAnewAfterHours: duration('hours', { min: 0.0001 })
        .prefault(24)
        .describe('A report that is not made by then is given up and asked for anew.'),
    })
    .prefault({}),
  priority: priority.default('scheduled').describe('Priority of the live hours and audits.'),
  backfillPriority: priority.default('background').describe('Priority of everything older.'),
} as const;

export const datasetSchema = z.strictObject(datasetFields);

/** Accounts of any of these vendors, told apart by `vendor`. */
function accountsOf(vendors: readonly Vendor[]) {
  const [first, ...others] = vendors.map((vendor) => vendor.account);
  if (first === undefined) throw new Error('vendors/registry.ts lists no vendor');
  const account: z.ZodType<CommonAccount> = z.discriminatedUnion('vendor', [first, ...others], {
    error: `must have a vendor, one of: ${vendors.map(({ id }) => id).join(', ')}`,
  });
  return z.record(name, account, { error: 'must be a map of account names to accounts' });
}

const PLUGIN = 'must be a path such as ./my-vendor.mjs or the name of a package';

const GENERAL = z.strictObject({
  $schema: z.string().optional().describe('Path of sluice.schema.json, for editors.'),
  database: database.prefault({}),
  temporal: temporal.prefault({}),
  log: log.prefault({}),
  vault: vault.prefault({}),
  permits: permits.prefault({}),
  http: http.prefault({}),
  api: api.prefault({}),
  alerts: alerts.prefault({}),
  commands: commands.prefault({}),
  reports: reports.prefault({}),
  reads: reads.prefault({}),
  retention: retention.prefault({}),
  plugins: z
    .array(z.string({ error: PLUGIN }).min(1, PLUGIN), { error: 'must be a list of modules' })
    .default([])
    .describe(
      'Modules that define vendors of their own: paths relative to this file, or packages. Every process loads them.',
    ),
  datasets: z
    .union([z.array(datasetSchema), z.record(name, datasetSchema)], {
      error: 'must be a list or a map of datasets',
    })
    .prefault([])
    .describe('What to keep complete: a list, or a map of names.'),
});

const withAccounts = (vendors: readonly Vendor[]) =>
  GENERAL.extend({ accounts: accountsOf(vendors).prefault({}).describe('Accounts by name.') });

/** The settings' own keys, whatever the vendors. */
export const generalShape = GENERAL.shape;

/** By the vendors' ids: the settings are read more often than vendors come. */
const made = new Map<string, ReturnType<typeof withAccounts>>();

/** The schema of settings whose accounts are of these vendors. */
export function settingsSchema(vendors: readonly Vendor[]): ReturnType<typeof withAccounts> {
  const ids = vendors.map(({ id }) => id).join(',');
  const found = made.get(ids) ?? withAccounts(vendors);
  made.set(ids, found);
  return found;
}

export type ParsedSettings = z.output<ReturnType<typeof withAccounts>>;
export type AccountSettings = ParsedSettings['accounts'][string];
export type ParsedDataset = z.output<typeof datasetSchema>;

/**
 * The schema for editors, as plain data. Text there may also refer to the environment (`${NAME}`), which the loader
 * fills in before it checks; references to secrets and names may not.
 */
export function settingsJsonSchema(vendors: readonly Vendor[] = builtInVendors()): Record<string, unknown> {
  const schema = z.toJSONSchema(settingsSchema(vendors), {
    io: 'input',
    // A vendor from outside may check what JSON Schema cannot say.
    unrepresentable: 'any',
    target: 'draft-7',
    override: ({ jsonSchema }) => {
      if (jsonSchema.pattern === SECRET_REF_PATTERN.source || jsonSchema.pattern === NAME.source) return;
      if (jsonSchema.format === 'uri') {
        delete jsonSchema.format;
        jsonSchema.pattern = '^https?://|\\$\\{';
      } else if (jsonSchema.pattern !== undefined) {
        jsonSchema.pattern = `(?:${jsonSchema.pattern})|\\$\\{`;
      }
    },
  });
  return { ...schema, $id: 'sluice.schema.json', title: 'sluice.yaml' };
}
