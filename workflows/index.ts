/** All workflows in the worker's bundle. */

export { batch } from './batches/batch';
export { command } from './commands/command';
export { fleetBackfill } from './fleet/fleet-backfill';
export { positionsTick, tripsTick } from './fleet/fleet-ticks';
export { deviceLogin } from './logins/device-login';
export { polling } from './polling/polling';
export { quotaPool } from './pools/quota-pool';
export { backfill } from './reports/backfill';
export { datasetSync } from './reports/dataset-sync';
