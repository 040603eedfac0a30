/** Which request is which operation of CarData. */
import { formOf } from '../../bmw/simulator/forms';
import type { SimRequest } from '../../kit/vendor';
import { LINK_PATH } from './device-codes';

/** Counted against the day. */
export const API_OPERATIONS = [
  'mappings',
  'basic-data',
  'telematics',
  'charging-history',
  'image',
  'tyres',
  'charging-settings',
  'container-list',
  'container-create',
  'container-get',
  'container-remove',
] as const;
export type ApiOperation = (typeof API_OPERATIONS)[number];

export interface Route {
  readonly operation: ApiOperation | 'device-code' | 'device-token' | 'token-refresh' | 'link' | 'unknown';
  readonly vin: string;
  readonly containerId: string;
}

const READS: Readonly<Record<string, ApiOperation>> = {
  basicData: 'basic-data',
  telematicData: 'telematics',
  chargingHistory: 'charging-history',
  image: 'image',
  smartMaintenanceTyreDiagnosis: 'tyres',
  locationBasedChargingSettings: 'charging-settings',
};

const CONTAINER_METHODS: Readonly<Record<string, ApiOperation>> = {
  GET: 'container-get',
  DELETE: 'container-remove',
};

const FIXED: Readonly<Record<string, Route['operation']>> = {
  'GET /customers/vehicles/mappings': 'mappings',
  'GET /customers/containers': 'container-list',
  'POST /customers/containers': 'container-create',
  'POST /gcdm/oauth/device/code': 'device-code',
  [`GET ${LINK_PATH}`]: 'link',
};

export function routeOf(request: SimRequest): Route {
  const { method } = request;
  const path = request.url.pathname;
  if (method === 'POST' && path === '/gcdm/oauth/token') {
    const refreshes = formOf(request).get('grant_type') === 'refresh_token';
    return { operation: refreshes ? 'token-refresh' : 'device-token', vin: '', containerId: '' };
  }
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
