/** Requests of CarData, and what their answers mean in the words of vendors/capabilities/vehicles.ts. Nothing is sent here. */
import { createHash } from 'node:crypto';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../quota/durations';
import { vinProblem } from '../bmw/vin';
import type {
  ReadAnswer,
  ReadDescription,
  ReadParam,
  ReadRequest,
  ResourceApi,
  VehiclesApi,
} from '../capabilities/vehicles';
import type { HttpRequest, Parsed } from '../http';
import {
  parseBasicData,
  parseContainer,
  parseContainers,
  parseMappings,
  parsePage,
  parsePicture,
  parseTelematics,
  parseTyres,
} from './contract';
import { API_OPERATIONS } from './limits';
import type { CarDataAccount } from './settings';

interface Read extends ReadDescription {
  /** Path after the vehicle's, and the query. */
  path(request: ReadRequest): readonly [string, Readonly<Record<string, string>>];
  parse(body: string): Parsed<ReadAnswer>;
  readonly binary?: true;
}

export function cardataVehicles(account: CarDataAccount): VehiclesApi {
  const reads = readsOf(account);
  const find = (name: string): Read => {
    const read = reads.find((one) => one.name === name);
    if (read) return read;
    throw new RangeError(`"${name}" is not read here (${reads.map((one) => one.name).join(', ')})`);
  };
  return {
    operation: API_OPERATIONS.vehicles,
    caller: 'vehicles',
    vehicleAttribute: 'vin',
    timeoutMs: account.timeoutSeconds * SECOND_MS,
    listStaleMs: account.staleness.vehicles * HOUR_MS,
    reads,
    vehicleIdProblem: vinProblem,
    authorize: (request, token) => ({
      ...request,
      headers: { ...request.headers, authorization: `Bearer ${token}` },
    }),
    vehicles: () => get(account, '/customers/vehicles/mappings'),
    parseVehicles: parseMappings,
    read: (name, request) => {
      const read = find(name);
      const [path, query] = read.path(request);
      const vin = encodeURIComponent(request.vehicleId);
      const made = get(account, `/customers/vehicles/${vin}/${path}`, query);
      if (read.binary !== true) return made;
      return { ...made, binary: true, headers: { ...made.headers, accept: 'image/*, application/json' } };
    },
    parseRead: (name, body) => find(name).parse(body),
    resource: cardataContainers(account),
  };
}

const SPAN: Readonly<Record<string, ReadParam>> = {
  from: { kind: 'instant', about: 'first instant of the sessions', required: true },
  to: { kind: 'instant', about: 'last instant of the sessions', required: true },
};

function readsOf({ staleness }: CarDataAccount): readonly Read[] {
  const plain = { params: {}, needsResource: false };
  return [
    {
      ...plain,
      name: 'telematics',
      about: 'values of the vehicle, as the container names them',
      operation: API_OPERATIONS.telematics,
      staleMs: staleness.telematics * MINUTE_MS,
      needsResource: true,
      path: ({ resource }) => ['telematicData', { containerId: resource ?? '' }],
      parse: parseTelematics,
    },
    {
      ...plain,
      name: 'basic-data',
      about: 'what the vehicle is: brand, model, drive train, equipment',
      operation: API_OPERATIONS.basicData,
      staleMs: staleness.basicData * DAY_MS,
      path: () => ['basicData', {}],
      parse: parseBasicData,
    },
    {
      ...plain,
      name: 'charging-history',
      about: 'charging sessions of a span, in pages',
      operation: API_OPERATIONS.chargingHistory,
      staleMs: staleness.chargingHistory * HOUR_MS,
      params: SPAN,
      path: ({ params, next }) => [
        'chargingHistory',
        { from: instant(params.from), to: instant(params.to), ...(next === null ? {} : { nextToken: next }) },
      ],
      parse: parsePage,
    },
    {
      ...plain,
      name: 'tyres',
      about: 'diagnosis of the tyres: wear, dimensions, season',
      operation: API_OPERATIONS.tyres,
      staleMs: staleness.tyres * DAY_MS,
      path: () => ['smartMaintenanceTyreDiagnosis', {}],
      parse: parseTyres,
    },
    {
      ...plain,
      name: 'charging-settings',
      about: 'charging settings by place, in pages',
      operation: API_OPERATIONS.chargingSettings,
      staleMs: staleness.chargingSettings * DAY_MS,
      path: ({ next }) => ['locationBasedChargingSettings', next === null ? {} : { nextToken: next }],
      parse: parsePage,
    },
    {
      ...plain,
      name: 'image',
      about: 'a picture of the vehicle',
      operation: API_OPERATIONS.image,
      staleMs: staleness.image * DAY_MS,
      path: () => ['image', {}],
      parse: parsePicture,
      binary: true,
    },
  ];
}

/**
 * One container an account, which names the values that are wanted. Its name ends with a digest of them, for the vendor's
 * list says no more: so ours is known again after everything here was lost, and one that names other values is seen.
 */
function cardataContainers(account: CarDataAccount): ResourceApi {
  const { containerName, descriptors } = account;
  const wanted = `${containerName}-${digestOf(descriptors)}`;
  const made = new RegExp(`^${containerName}-[0-9a-f]{12}$`);
  return {
    identity: wanted,
    operations: {
      list: API_OPERATIONS.listContainers,
      create: API_OPERATIONS.createContainer,
      remove: API_OPERATIONS.removeContainer,
    },
    list: () => get(account, '/customers/containers'),
    parseList: (body) => {
      const parsed = parseContainers(body);
      if (!parsed.ok) return parsed;
      return {
        ...parsed,
        value: parsed.value.map(({ id, name, active }) => ({
          id,
          kind: !made.test(name) ? 'foreign' : name === wanted && active ? 'ours' : 'stale',
        })),
      };
    },
    create: () => ({
      ...get(account, '/customers/containers'),
      method: 'POST',
      headers: { ...HEADERS, 'content-type': 'application/json' },
      body: JSON.stringify({
        name: wanted,
        purpose: 'Values that Sluice reads',
        technicalDescriptors: [...new Set(descriptors)],
      }),
    }),
    parseCreate: parseContainer,
    remove: (id) => ({
      ...get(account, `/customers/containers/${encodeURIComponent(id)}`),
      method: 'DELETE',
    }),
    isGone: (code) => code !== undefined && /^CU[-_ ]?105$/i.test(code),
  };
}

/** The same for the same values in any order. */
function digestOf(descriptors: readonly string[]): string {
  const sorted = [...new Set(descriptors)].sort();
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 12);
}

const HEADERS = { accept: 'application/json', 'x-version': 'v1' };

/** Of a request that another program describes: what every request needs need not be said. */
export function authorizeRequest(request: HttpRequest, token: string): HttpRequest {
  return { ...request, headers: { ...HEADERS, ...request.headers, authorization: `Bearer ${token}` } };
}

function get(
  { baseUrl }: Pick<CarDataAccount, 'baseUrl'>,
  path: string,
  query: Readonly<Record<string, string>> = {},
): HttpRequest {
  const url = new URL(`${baseUrl.replace(/\/+$/, '')}${path}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return { method: 'GET', url: url.toString(), headers: HEADERS };
}

function instant(value: string | number | undefined): string {
  return new Date(Number(value)).toISOString();
}
