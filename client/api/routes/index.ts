/** Every route there is. A file of this folder holds those of one thing. */
import type { ApiRoute } from '../route';
import { ACCOUNT_ROUTES } from './accounts';
import { ADMIN_ROUTES } from './admin';
import { BATCH_ROUTES } from './batches';
import { COMMAND_ROUTES } from './commands';
import { DATASET_ROUTES } from './datasets';
import { ENDPOINT_ROUTES } from './endpoints';
import { EVENT_ROUTES } from './events';
import { EXPLAIN_ROUTES } from './explain';
import { LIMIT_ROUTES } from './limits';
import { LOGIN_ROUTES } from './logins';
import { PERMIT_ROUTES } from './permits';
import { POLLING_ROUTES } from './polling';
import { POOL_ROUTES } from './pools';
import { PROBE_ROUTES } from './probes';
import { SYSTEM_ROUTES } from './system';
import { VEHICLE_ROUTES } from './vehicles';

export const ROUTES: readonly ApiRoute[] = [
  ...PROBE_ROUTES,
  ...SYSTEM_ROUTES,
  ...ACCOUNT_ROUTES,
  ...POOL_ROUTES,
  ...LIMIT_ROUTES,
  ...DATASET_ROUTES,
  ...BATCH_ROUTES,
  ...COMMAND_ROUTES,
  ...VEHICLE_ROUTES,
  ...LOGIN_ROUTES,
  ...POLLING_ROUTES,
  ...PERMIT_ROUTES,
  ...ENDPOINT_ROUTES,
  ...EVENT_ROUTES,
  ...EXPLAIN_ROUTES,
  ...ADMIN_ROUTES,
];
