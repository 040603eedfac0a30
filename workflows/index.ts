/** Everything the worker's bundle holds. */
export { backfill } from './backfill';
export { batch } from './batch';
export { command } from './command';
export { datasetSync } from './dataset-sync';
export { quotaPool } from './quota-pool';
