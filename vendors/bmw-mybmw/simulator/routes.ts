/** Which request is which operation of MyBMW. */
import type { SimRequest } from '../../kit/vendor';
import { CHARGING_COMMANDS, COMMANDS, type CommandName } from './options';

/** Behind the gateway that counts calls. */
export const API_OPERATIONS = [
  'vehicleList',
  'profile',
  'state',
  'chargingSettings',
  'image',
  'command',
  'eventStatus',
  'eventPosition',
  'sendToCar',
] as const;
type ApiOperation = (typeof API_OPERATIONS)[number];

export interface Route {
  readonly operation: ApiOperation | 'oauthConfig' | 'authenticate' | 'token' | 'unknown';
  readonly vin: string;
  readonly command: CommandName | null;
}

const REMOTE = '/presentation/remote-commands';
const FIXED: Readonly<Record<string, Route['operation']>> = {
  'GET /eadrax-ucs/v1/presentation/oauth/config': 'oauthConfig',
  'POST /gcdm/oauth/authenticate': 'authenticate',
  'POST /gcdm/oauth/token': 'token',
  'POST /eadrax-vcs/v5/vehicle-list': 'vehicleList',
  'GET /eadrax-vcs/v5/vehicle-data/profile': 'profile',
  'GET /eadrax-vcs/v4/vehicles/state': 'state',
  'GET /eadrax-crccs/v2/vehicles': 'chargingSettings',
  'GET /eadrax-ics/v5/presentation/vehicles/images': 'image',
  [`POST /eadrax-vrccs/v3${REMOTE}/eventStatus`]: 'eventStatus',
  [`POST /eadrax-vrccs/v4${REMOTE}/eventPosition`]: 'eventPosition',
};

export function routeOf({ method, url, headers }: SimRequest): Route {
  const path = url.pathname;
  const header = String(headers['bmw-vin'] ?? '');
  const fixed = FIXED[`${method} ${path}`];
  if (fixed) return { operation: fixed, vin: header, command: null };
  if (method === 'POST') {
    const remote = named(/^\/eadrax-vrccs\/v4\/presentation\/remote-commands\/([^/]+)$/.exec(path)?.[1]);
    if (remote && !CHARGING_COMMANDS.has(remote))
      return { operation: 'command', vin: header, command: remote };
    if (/^\/eadrax-dcs\/v2\/user\/[^/]+\/send-to-car$/.test(path)) {
      return { operation: 'sendToCar', vin: '', command: null };
    }
    const charging = /^\/eadrax-crccs\/v1\/vehicles\/([^/]+)\/([^/]+)$/.exec(path);
    const command = named(charging?.[2]);
    if (command && CHARGING_COMMANDS.has(command))
      return { operation: 'command', vin: charging?.[1] ?? '', command };
  }
  return { operation: 'unknown', vin: '', command: null };
}

export function isApi(operation: Route['operation']): operation is ApiOperation {
  return (API_OPERATIONS as readonly string[]).includes(operation);
}

function named(name: string | undefined): CommandName | undefined {
  return COMMANDS.find((command) => command === name);
}
