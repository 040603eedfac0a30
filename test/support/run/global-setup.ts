import { ensureBuild } from '../processes/program';
import { createRunFolder, removeRunFolder, sweepDeadRuns } from './run-folder';

/** Servers are started by the first test that asks for one: pure tests wait for nothing. */
export default async function globalSetup(): Promise<void> {
  await Promise.all([sweepDeadRuns(), ensureBuild()]);
  const folder = createRunFolder();
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => {
      void removeRunFolder(folder).finally(() => process.exit(exitCode));
    });
  }
}
