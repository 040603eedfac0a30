/** Every route there is. A file of this folder holds those of one thing. */
import type { ApiRoute } from '../route';
import { EVENT_ROUTES } from './events';
import { PERMIT_ROUTES } from './permits';
import { POOL_ROUTES } from './pools';
import { PROBE_ROUTES } from './probes';
import { SYSTEM_ROUTES } from './system';

export const ROUTES: readonly ApiRoute[] = [
  ...PROBE_ROUTES,
  ...SYSTEM_ROUTES,
  ...POOL_ROUTES,
  ...PERMIT_ROUTES,
  ...EVENT_ROUTES,
];
