/** The shape of `sluice.yaml`. `sluice.schema.json` is made from it, so descriptions here are what editors show. */
import { z } from 'zod';
import { duration, SECRET_REF_PATTERN, secretRef, wholePositive } from '../vendors/account-fields';
import { builtInVendors, type CommonAccount, type Vendor } from '../vendors/registry';
import { api } from './schema/api';
import { datasetSchema } from './schema/dataset';
import { flag, NAME, name, share, text, whole } from './schema/fields';

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
  namespace: text
    .default('default')
    .describe(
      'Of this database alone: ids of workflows are made of accounts and pools, and two deployments in one namespace would share them (env TEMPORAL_NAMESPACE).',
    ),
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

const reports = z.strictObject({
  failingShare: share
    .default(0.05)
    .describe("All failing windows of an account together use at most this share of a day's calls."),
  settleSeconds: duration('seconds', { min: 0, max: 3600 })
    .prefault(120)
    .describe(
      "After a request whose answer was lost, the vendor's list is believed only after this: until then it may lag.",
    ),
  youngSeconds: duration('seconds', { min: 0, max: 3600 })
    .prefault(60)
    .describe('A report or document younger than this that the vendor does not know is requested again.'),
  maxDocumentMb: wholePositive
    .default(2048)
    .describe('Longest document, MB of its plain text. It is spooled to the folder for temporary files.'),
});

const commands = z.strictObject({
  timeoutSeconds: duration('seconds', { min: 1, max: 3600 })
    .prefault(60)
    .describe('Longest wait for a permit to send a command to a device, and again for its result.'),
});

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
    .describe('Longest wait of a read for a permit; then it is answered from what is stored.'),
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
    .describe(
      'This many refusals of one limit as too fast within the window raise an alert; one per episode.',
    ),
  rateWindowMinutes: duration('minutes', { min: 0.001 })
    .prefault(10)
    .describe('The window. An episode ends with a window of quiet.'),
});

/** How long what has ended is kept. Data, the ledger of windows and what decides calls are kept for ever. */
const retention = z.strictObject({
  jobsDays: duration('days', { min: 8 })
    .prefault(90)
    .describe('Ended reports, except the last of each window, which stays.'),
  // A month and some: an alert of a month's window is raised once because its event is there.
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
    .describe('Ended batches with their results. Default: never; the same input would be called again.'),
  everyHours: duration('hours', { min: 0 })
    .prefault(6)
    .describe('How often workers delete what is older; 0: only `sluice prune` does.'),
});

/** Accounts of any of these vendors, distinguished by `vendor`. */
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
