/** A vendor of cars that a test steers: a server on loopback, its rules, and what reads of its vehicles are. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Pool } from 'pg';
import pino from 'pino';
import { Agent } from 'undici';
import type { TokenSource } from '../../../activities/gateway/call-terms';
import { PermitGate } from '../../../activities/gateway/permits/gate';
import { VendorGateway } from '../../../activities/gateway/vendor-call';
import { VehicleReads, type VehicleReadsDeps } from '../../../activities/reads/vehicle-reads';
import type { LimitTemplate } from '../../../quota/limits/limit';
import type { Evidence, Verdict } from '../../../quota/verdict';
import type { VehicleAccount } from '../../../settings/accounts/vehicles';
import { CallCounter } from '../../../store/permits/call-counts';
import type { ReadValue, VehiclesApi } from '../../../vendors/capabilities/vehicles';
import type { CallInfo, CallResult, VendorRules } from '../../../vendors/contract';
import type { HttpRequest, Parsed } from '../../../vendors/http';
import { POOL } from '../scripted-gateway';

export const DAY_CALLS = 50;
const DAY: LimitTemplate = {
  name: 'day',
  operations: '*',
  scope: '{account}',
  unit: 'calls',
  window: { kind: 'rolling', count: DAY_CALLS, ms: 86_400_000 },
  mode: 'enforce',
  source: 'test',
};

const RULES: VendorRules = {
  id: 'cars',
  title: 'Cars',
  limits: [DAY],
  operations: ['list', 'state', 'history', 'picture', 'positions', 'list-boxes', 'make-box', 'remove-box'],
  attributes: { vin: { of: ['state', 'history', 'picture'], about: 'the car' } },
  poolScope: '{account}',
  pool: POOL,
  retry: {
    rate: { baseMs: 100, maxMs: 1000, attempts: 4 },
    server: { baseMs: 100, maxMs: 1000, attempts: 2 },
  },
  classify,
  learn: () => [],
};

function classify({ vendor, account, operation }: CallInfo, result: CallResult): Verdict {
  if (result.kind === 'transport') {
    const evidence = { vendor, account, operation, message: result.error.message };
    return { kind: 'server', statedWaitMs: null, ambiguous: false, evidence };
  }
  const { status, body, headers } = result.response;
  const code = /"code":"(\w+)"/.exec(body)?.[1];
  const evidence: Evidence = {
    vendor,
    account,
    operation,
    httpStatus: status,
    ...(headers['x-request'] === undefined ? {} : { requestId: headers['x-request'] }),
    ...(code === undefined ? {} : { code }),
  };
  if (status < 300) return { kind: 'ok', evidence };
  if (code === 'QUOTA') return { kind: 'quota', statedWaitMs: 600_000, limit: null, evidence };
  if (code === 'GONE') return { kind: 'gone', evidence };
  return status >= 500
    ? { kind: 'server', statedWaitMs: null, ambiguous: false, evidence }
    : { kind: 'invalid', evidence };
}

export interface CarVendor {
  readonly url: string;
  /** `GET /cars/A1/state?box=b1`, in order of arrival. */
  readonly calls: string[];
  /** Boxes by id: what made them. */
  readonly boxes: Map<string, 'ours' | 'stale' | 'foreign'>;
  /** Called with each request before it is answered; what it returns is the answer instead. */
  onCall: (call: string) => Promise<{ status: number; body: string } | undefined>;
  /** What the car says of itself. */
  readonly state: Record<string, ReadValue>;
  close(): Promise<void>;
}

export async function startCarVendor(): Promise<CarVendor> {
  let made = 0;
  const server = createServer((request, response) => void answer(request, response));
  const calls: string[] = [];
  const boxes: CarVendor['boxes'] = new Map();
  const state: CarVendor['state'] = {};
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = `${request.method} ${request.url}`;
    calls.push(call);
    const given = await vendor.onCall(call);
    const [status, body] = given ? [given.status, given.body] : usual(call);
    response.writeHead(status, { 'x-request': `r${calls.length}` }).end(body);
  }
  function usual(call: string): [number, string | Buffer] {
    const url = new URL(call.split(' ')[1] ?? '', 'http://cars');
    const json = (value: unknown): [number, string] => [200, JSON.stringify(value)];
    if (call === 'GET /cars') return json(['A1', 'B2', 'C3'].map((vin) => ({ vin, main: vin !== 'C3' })));
    if (call === 'GET /boxes') return json([...boxes].map(([id, kind]) => ({ id, kind })));
    if (call === 'POST /boxes') {
      const id = `b${++made}`;
      boxes.set(id, 'ours');
      return json({ id });
    }
    if (call.startsWith('DELETE /boxes/')) {
      boxes.delete(call.slice('DELETE /boxes/'.length));
      return json({});
    }
    if (url.pathname.endsWith('/picture')) return [200, Buffer.from([0, 255, 254, 10])];
    if (url.pathname.endsWith('/history')) {
      const page = Number(url.searchParams.get('page') ?? 0);
      return json({ records: [{ page }], next: page < 2 ? String(page + 1) : null });
    }
    if (url.pathname === '/positions') {
      const ids = (url.searchParams.get('ids') ?? '').split(',');
      return json(Object.fromEntries(ids.map((id) => [id, { values: { at: value(id) }, next: null }])));
    }
    if (!boxes.has(url.searchParams.get('box') ?? '')) return [403, '{"code":"GONE"}'];
    return json({ values: state, next: null });
  }
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const vendor: CarVendor = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    boxes,
    state,
    onCall: async () => undefined,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
  return vendor;
}

export function value(given: unknown, at: number | null = null): ReadValue {
  return { state: given === null ? 'null' : 'value', value: given, unit: null, at };
}

function parsed<T>(body: string): Parsed<T> {
  try {
    return { ok: true, value: JSON.parse(body) as T };
  } catch {
    return { ok: false, problem: 'is no JSON' };
  }
}

function carsApi(base: string, identity: string): VehiclesApi {
  const get = (path: string, method: HttpRequest['method'] = 'GET'): HttpRequest => ({
    method,
    url: `${base}${path}`,
    headers: {},
  });
  const described = { params: {}, needsResource: false, staleMs: 60_000 };
  return {
    operation: 'list',
    caller: 'reads',
    vehicleAttribute: 'vin',
    timeoutMs: 10_000,
    listStaleMs: 3_600_000,
    reads: [
      { ...described, name: 'state', about: 'state', operation: 'state', needsResource: true },
      {
        ...described,
        name: 'history',
        about: 'pages',
        operation: 'history',
        params: { from: { kind: 'instant', about: 'the beginning', required: true } },
      },
      { ...described, name: 'picture', about: 'a picture', operation: 'picture' },
      { ...described, name: 'positions', about: 'where', operation: 'positions', together: 10 },
    ],
    vehicleIdProblem: (id) => (/^[A-Z]\d$/i.test(id) ? null : 'is no letter and digit'),
    authorize: (request) => request,
    vehicles: () => get('/cars'),
    parseVehicles: (body) => {
      const list = parsed<{ vin: string; main: boolean }[]>(body);
      if (!list.ok) return list;
      const rest = { name: '', brand: '', model: '', driveTrain: null, details: {} };
      return {
        ok: true,
        value: list.value.map(({ vin, main }) => ({ ...rest, vehicleId: vin, readable: main })),
      };
    },
    read: (name, { vehicleId, resource, next }) => ({
      ...get(`/cars/${vehicleId}/${name}?box=${resource ?? ''}${next === null ? '' : `&page=${next}`}`),
      ...(name === 'picture' ? { binary: true as const } : {}),
    }),
    parseRead: (name, body) => {
      if (name === 'picture')
        return {
          ok: true,
          value: { values: {}, document: { contentType: 'image/png', base64: body }, next: null },
        };
      const answer = parsed<{ values?: Record<string, ReadValue>; next: string | null }>(body);
      return answer.ok ? { ok: true, value: { values: {}, ...answer.value } } : answer;
    },
    readTogether: (_, ids) => get(`/positions?ids=${ids.join(',')}`),
    parseTogether: (_, body) => {
      const answer = parsed<Record<string, { values: Record<string, ReadValue>; next: null }>>(body);
      return answer.ok ? { ok: true, value: new Map(Object.entries(answer.value)) } : answer;
    },
    resource: {
      identity,
      operations: { list: 'list-boxes', create: 'make-box', remove: 'remove-box' },
      list: () => get('/boxes'),
      parseList: parsed,
      create: () => get('/boxes', 'POST'),
      parseCreate: (body) => {
        const answer = parsed<{ id: string }>(body);
        return answer.ok ? { ok: true, value: answer.value.id } : answer;
      },
      remove: (id) => get(`/boxes/${id}`, 'DELETE'),
      isGone: (code) => code === 'GONE',
    },
  };
}

export interface Reading {
  readonly reads: VehicleReads;
  readonly account: VehicleAccount;
  readonly gateway: VendorGateway;
}

type CarReadsMore = Pick<VehicleReadsDeps, 'spool' | 'stopping'> & {
  readonly tokenSource?: TokenSource | null;
};

/** Reads of an account of that vendor, as one process makes them. @param identity of the box that its settings want. */
export function carReads(
  db: Pool,
  url: string,
  name: string,
  memoryMb = 1,
  { tokenSource = null, ...keep }: CarReadsMore = {},
  identity = '',
): Reading {
  const account = {
    name,
    vendor: RULES,
    poolKey: `cars/${name}`,
    limits: RULES.limits,
    pool: RULES.pool,
    retry: RULES.retry,
    settings: { vendor: 'cars' },
    parts: {},
    vehicles: carsApi(url, identity),
  } as unknown as VehicleAccount;
  const gateway = new VendorGateway({
    db,
    gate: new PermitGate(db, { leadMs: 5 }),
    counter: new CallCounter(db),
    log: pino({ level: 'silent' }),
    notifyPool: async () => undefined,
  });
  const dispatcher = new Agent();
  const settings = {
    reads: { cacheMinutes: 5, authenticationHours: 24, waitSeconds: 10, memoryMb, userPerMinute: 60 },
  };
  const reads = new VehicleReads({
    ...keep,
    db,
    settings,
    account: (wanted) => {
      if (wanted === name) return account;
      throw new RangeError(`account "${wanted}" is unknown`);
    },
    calling: (_, work) => work({ gateway, dispatcher, tokenSource }),
  });
  return { reads, account, gateway };
}
