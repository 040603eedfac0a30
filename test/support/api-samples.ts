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
  readonly from: string;
  readonly to: string;
}

export function samples({ account, texts, from, to }: SampleTerms): Readonly<Record<string, Sample>> {
  const dataset = { vendor: 'amazon', name: 'rt-sales' };
  const span = { ...dataset, from, to };
  const pool = { pool: account };
  const limit = { ...pool, limit: 'createReport' };
  const batch = { batch: '999999' };
  const request = {
    kind: 'openai/bios',
    account: texts,
    model: 'gpt-4.1-mini',
    prompt: 'Who is {{artist_name}}?',
  };
  const rows = [{ artist_id: 'a1', artist_name: 'Ann' }];
  const run = { backfill: 'backfill:amazon/rt-sales:none:0:1' };
  return {
    ...{ isAlive: {}, isReady: {}, showStatus: {}, showWorkers: {}, runDoctor: {} },
    ...{ listAccounts: {}, showAccount: { account } },
    ...{ listPools: {}, showPool: pool, resumePool: pool, unblockPool: pool, resetTimes: pool },
    pausePool: { ...pool, reason: 'a test', until: '1h' },
    ...{ listLimits: {}, showLimit: limit, resetLimit: { ...limit, reason: 'as it was' } },
    changeLimit: { ...limit, capacity: 3, reason: 'the vendor has said so' },
    ...{ listDatasets: {}, showCoverage: span, listRows: span, exportRows: span },
    ...{ listFailedWindows: dataset, listDoubts: dataset, listSetAsideRows: dataset, acceptDoubts: span },
    ...{ planBackfill: span, startBackfill: span, startAudit: span, startSync: dataset },
    ...{ stopSync: dataset, pauseSync: dataset, resumeSync: dataset, listSyncs: {} },
    ...{ listBackfills: {}, showBackfill: run, pauseBackfill: run, resumeBackfill: run, cancelBackfill: run },
    ...{ listBatches: {}, startBatch: { ...request, rows }, planBatch: { ...request, rows } },
    uploadBatch: request,
    startBatchFromFile: { ...request, input: '/nowhere/at/all.csv' },
    ...{ showBatch: batch, exportBatch: batch, listBatchItems: batch, pauseBatch: batch, resumeBatch: batch },
    ...{ cancelBatch: batch, retryBatchItems: batch, skipBatchItems: { ...batch, ids: ['a1'] } },
    ...{ listCommands: {}, showCommand: { command: '999999' }, cancelCommand: { command: '999999' } },
    sendCommand: { vendor: 'gps51', device: '1', code: 'x' },
    authenticateUser: { vendor: 'gps51', username: 'u', password: 'p' },
    ...{ listVehicles: {}, refreshVehicles: {}, showVehicle: { vehicle: 'none' } },
    readVehicle: { vehicle: 'none', read: 'basicData' },
    ...{ showPollingPlan: {}, planPolling: { vehicles: 2 }, listPolling: {}, startPolling: {} },
    ...{ stopPolling: { reason: 'a test' }, pausePolling: {}, resumePolling: {} },
    ...{ listLogins: {}, startLogin: { account: texts }, showLogin: { login: '999999' } },
    cancelLogin: { login: '999999' },
    takePermit: { account, operation: 'createReport' },
    callVendor: { account, operation: 'getReports', path: '/reports' },
    explainWork: { id: 'backfill:amazon/rt-sales:none:0:1' },
    reportOutcome: { id: 'none', status: 200 },
    ...{ readHealth: {}, readMetrics: {}, summarizeSales: {}, refreshSales: { window: 'last_3h' } },
    showOwnVehicle: { email: 'a@example.com', password: 'p', wkn: 'none' },
    ...{ listEvents: {}, followEvents: {} },
    ...{ listKeys: {}, createKey: { name: 'sample' }, revokeKey: { key: 'none' } },
    ...{ listSecrets: {}, putSecret: { name: 'sample', value: 'x' }, deleteSecret: { name: 'none' } },
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
    body: /json(;|$)/.test(type) ? JSON.parse(text) : text,
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
