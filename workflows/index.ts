/** Everything the worker's bundle holds. */
export { backfill } from './backfill';
export { batch } from './batch';
export { command } from './command';
export { datasetSync } from './dataset-sync';
export { fleetBackfill } from './fleet-backfill';
export { positionsTick, tripsTick } from './fleet-ticks';
export { quotaPool } from './quota-pool';
