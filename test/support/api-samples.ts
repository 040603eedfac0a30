/** A right request for every route, by its id. A route without one fails the tests. */
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import type { ApiRoute } from '../../client/api/route';
import { fullPath, pathFields, takesBody } from '../../client/api/route';
import { ROUTES } from '../../client/api/routes/index';

export type Sample = Readonly<Record<string, unknown>>;

export interface SampleTerms {
  readonly account: string;
  readonly texts: string;
  readonly fleet: string;
  readonly code: string;
  readonly from: string;
  readonly to: string;
  /** What is there already, where a route needs something; names of nothing without them. */
  readonly there?: Partial<Things>;
}

/** What routes show and steer. */
export interface Things {
  readonly batch: string;
  readonly backfill: string;
  readonly vin: string;
  readonly device: string;
  readonly command: string;
  readonly login: string;
  readonly permit: string;
  /** Of a batch's input, on the server. */
  readonly file: string;
}

const NOTHING: Things = {
  ...{ batch: '999999', backfill: 'backfill:amazon/rt-sales:none:0:1' },
  ...{ vin: 'none', device: '1', command: '999999', login: '999999', permit: 'none' },
  file: '/nowhere/at/all.csv',
};

export function samples({
  account,
  texts,
  fleet,
  code,
  from,
  to,
  there = {},
}: SampleTerms): Readonly<Record<string, Sample>> {
  const things = { ...NOTHING, ...there };
  const dataset = { vendor: 'amazon', name: 'rt-sales' };
  const span = { ...dataset, from, to };
  const pool = { pool: account };
  const limit = { ...pool, limit: 'createReport' };
  const batch = { batch: things.batch };
  const request = {
    kind: 'openai/bios',
    account: texts,
    model: 'gpt-4.1-mini',
    prompt: 'Who is {{artist_name}}?',
  };
  const rows = [{ artist_id: 'a1', artist_name: 'Ann' }];
  const run = { backfill: things.backfill };
  return {
    ...{ isAlive: {}, isReady: {}, showStatus: {}, showWorkers: {}, runDoctor: {} },
    ...{ listAccounts: {}, showAccount: { account } },
    ...{ listPools: {}, showPool: pool, resumePool: pool, unblockPool: pool, resetTimes: pool },
    pausePool: { ...pool, reason: 'a test', until: '1h' },
    changeLimit: { ...limit, capacity: 3, reason: 'the vendor has said so' },
    ...{ listLimits: {}, showLimit: limit, resetLimit: { ...limit, reason: 'as it was' } },
    ...{ listDatasets: {}, showCoverage: span, listRows: span, exportRows: span },
    ...{ listFailedWindows: dataset, listDoubts: dataset, listSetAsideRows: dataset, acceptDoubts: span },
    ...{ planBackfill: span, startBackfill: span, startAudit: span, startSync: dataset },
    ...{ stopSync: dataset, pauseSync: dataset, resumeSync: dataset, listSyncs: {} },
    ...{ listBackfills: {}, showBackfill: run, pauseBackfill: run, resumeBackfill: run, cancelBackfill: run },
    ...{ listBatches: {}, startBatch: { ...request, rows }, planBatch: { ...request, rows } },
    uploadBatch: request,
    startBatchFromFile: { ...request, input: things.file },
    ...{ showBatch: batch, exportBatch: batch, listBatchItems: batch, pauseBatch: batch, resumeBatch: batch },
    ...{ cancelBatch: batch, retryBatchItems: batch, skipBatchItems: { ...batch, ids: ['a1'] } },
    ...{
      listCommands: {},
      showCommand: { command: things.command },
      cancelCommand: { command: things.command },
    },
    sendCommand: { vendor: 'gps51', account: fleet, device: things.device, code: 'x', unlisted: true },
    authenticateUser: { vendor: 'gps51', account: fleet, username: 'fleet', password: 'fleet-secret' },
    ...{ listVehicles: {}, refreshVehicles: { account: fleet }, showVehicle: { vehicle: things.vin } },
    readVehicle: { vehicle: things.vin, read: 'state' },
    ...{ showPollingPlan: {}, planPolling: { vehicles: 2 }, listPolling: {}, startPolling: {} },
    ...{ stopPolling: { reason: 'a test' }, pausePolling: {}, resumePolling: {} },
    ...{ listLogins: {}, startLogin: { account: code }, showLogin: { login: things.login } },
    cancelLogin: { login: things.login },
    takePermit: { account, operation: 'createReport' },
    callVendor: { account, operation: 'getReports', path: '/reports' },
    explainWork: { id: things.backfill },
    reportOutcome: { id: things.permit, status: 200 },
    ...{ readHealth: {}, readMetrics: {}, summarizeSales: {}, refreshSales: { window: 'last_3h' } },
    showOwnVehicle: { email: 'demo@example.com', password: 'demo-password-1', wkn: things.vin, captcha: 'x' },
    ...{ listEvents: {}, followEvents: {} },
    ...{ listKeys: {}, createKey: { name: 'sample' }, revokeKey: { key: 'sample' } },
    ...{ listSecrets: {}, putSecret: { name: 'sample', value: 'x' }, deleteSecret: { name: 'sample' } },
    ...{ rotateVault: {}, publishSettings: {}, prune: { dryRun: true } },
  };
}

export interface Sent {
  readonly status: number;
  readonly headers: Headers;
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever was answered
  readonly body: any;
}

export interface Sending {
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Fields that come where this route does not expect them, too. */
  readonly query?: Readonly<Record<string, string>>;
}

/** Sends the fields where the route has them: in its path, its query or its body. */
export async function send(
  url: string,
  route: ApiRoute,
  fields: Sample,
  sending: Sending = {},
): Promise<Sent> {
  const inPath = pathFields(route.path);
  const path = fullPath(route).replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(fields[name])));
  const rest = Object.entries(fields).filter(([name]) => !inPath.includes(name));
  const asBody = takesBody(route) && route.consumes === undefined;
  const query = new URLSearchParams(sending.query);
  if (!asBody)
    for (const [name, value] of rest) for (const one of [value].flat()) query.append(name, String(one));
  const body = route.consumes
    ? 'artist_id,artist_name\na1,Ann\n'
    : asBody
      ? JSON.stringify(Object.fromEntries(rest))
      : null;
  const answer = await fetch(`${url}${path}${query.size > 0 ? `?${query}` : ''}`, {
    method: route.method,
    headers: {
      ...(body === null ? {} : { 'content-type': route.consumes?.[0] ?? 'application/json' }),
      ...(sending.key === undefined ? {} : { authorization: `Bearer ${sending.key}` }),
      ...sending.headers,
    },
    ...(body === null ? {} : { body }),
  });
  const type = answer.headers.get('content-type') ?? '';
  if (type.startsWith('text/event-stream')) {
    await answer.body?.cancel();
    return { status: answer.status, headers: answer.headers, type, body: null };
  }
  const text = await answer.text();
  return {
    status: answer.status,
    headers: answer.headers,
    type,
    body: /^application\/(?:problem\+)?json/.test(type) ? JSON.parse(text) : text,
  };
}

export function routeOf(id: string): ApiRoute {
  const found = ROUTES.find((route) => route.id === id);
  if (found === undefined) throw new Error(`there is no route ${id}`);
  return found;
}

/** What the document does not say of an answer: a field that is missing, of another kind, or unknown; null: nothing. */
export function undocumented(shape: z.ZodType, body: unknown): string | null {
  const read = shape.safeParse(body);
  if (!read.success) return read.error.message;
  // A shape leaves out what it does not know.
  return isDeepStrictEqual(read.data, body)
    ? null
    : `${JSON.stringify(body)} has fields besides ${JSON.stringify(read.data)}`;
}
