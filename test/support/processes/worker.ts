/** How tests start a worker in a process of its own, and see that it is up. */
import { program } from './program';

export const workerArguments = (settingsFile: string): string[] => [
  program('workers', 'main'),
  '--settings',
  settingsFile,
];

/** Tells a worker which servers are for it, as `sluice up` does. */
export const workerEnvironment = (databaseUrl: string, temporalAddress: string): Record<string, string> => ({
  SLUICE_EMBEDDED_DATABASE_URL: databaseUrl,
  SLUICE_EMBEDDED_TEMPORAL_ADDRESS: temporalAddress,
});

/** The line that it writes when it takes tasks. */
export const WORKER_IS_UP = /"event":"worker\.started"/;
