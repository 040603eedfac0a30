/** Which request is which operation of CarData. */
import type { SimRequest } from '../../kit/vendor';
import { LINK_PATH } from './device-codes';

/** Counted against the day. */
export const API_OPERATIONS = [
  'mappings',
  'basicData',
  'telematicData',
  'chargingHistory',
  'image',
  'tyreDiagnosis',
  'locationChargingSettings',
  'listContainers',
  'createContainer',
  'getContainer',
  'deleteContainer',
] as const;
export type ApiOperation = (typeof API_OPERATIONS)[number];

export interface Route {
  readonly operation: ApiOperation | 'deviceCode' | 'token' | 'link' | 'unknown';
  readonly vin: string;
  readonly containerId: string;
}

const READS: Readonly<Record<string, ApiOperation>> = {
  basicData: 'basicData',
  telematicData: 'telematicData',
  chargingHistory: 'chargingHistory',
  image: 'image',
  smartMaintenanceTyreDiagnosis: 'tyreDiagnosis',
  locationBasedChargingSettings: 'locationChargingSettings',
};

const CONTAINER_METHODS: Readonly<Record<string, ApiOperation>> = {
  GET: 'getContainer',
  DELETE: 'deleteContainer',
};

const FIXED: Readonly<Record<string, Route['operation']>> = {
  'GET /customers/vehicles/mappings': 'mappings',
  'GET /customers/containers': 'listContainers',
  'POST /customers/containers': 'createContainer',
  'POST /gcdm/oauth/device/code': 'deviceCode',
  'POST /gcdm/oauth/token': 'token',
  [`GET ${LINK_PATH}`]: 'link',
};

export function routeOf({ method, url }: SimRequest): Route {
  const path = url.pathname;
  const fixed = FIXED[`${method} ${path}`];
  if (fixed) return { operation: fixed, vin: '', containerId: '' };
  const read = /^\/customers\/vehicles\/([^/]+)\/([^/]+)$/.exec(path);
  const operation = read && Object.hasOwn(READS, read[2] ?? '') ? READS[read[2] ?? ''] : undefined;
  if (operation && method === 'GET') return { operation, vin: read?.[1] ?? '', containerId: '' };
  const containerId = /^\/customers\/containers\/([^/]+)$/.exec(path)?.[1];
  const ofContainer = Object.hasOwn(CONTAINER_METHODS, method) ? CONTAINER_METHODS[method] : undefined;
  if (containerId && ofContainer) return { operation: ofContainer, vin: '', containerId };
  return { operation: 'unknown', vin: '', containerId: '' };
}

export function isApi(operation: Route['operation']): operation is ApiOperation {
  return (API_OPERATIONS as readonly string[]).includes(operation);
}
