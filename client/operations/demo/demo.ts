/** The parts of the demo: servers, a simulated Amazon and a worker; and the span that it fills. */

import type { StateDir } from '../../../embedded/state-dir';
import { DAY_MS, HOUR_MS } from '../../../quota/durations';
import { askableSpan, type Span } from '../../../quota/windows/chunks';
import { loadSettings, type Settings } from '../../../settings';
import { chunkPolicy, type DatasetContext, datasetContext } from '../../../settings/datasets/report-context';
import { MigrationError } from '../../../store/migrate';
import { codecEndpoint, keepCodecServer } from '../codec-server';
import { ClientError, UsageError } from '../errors';
import {
  adoptable,
  forgetProcess,
  Keeper,
  type Say,
  type Servers,
  startServers,
  stopServersIfUnused,
  workerProgram,
} from '../servers';
import {
  DEMO_ACCOUNT,
  DEMO_CHUNK_HOURS,
  DEMO_DATASET,
  type DemoRecord,
  readDemoRecord,
  writeDemoFiles,
} from './files';
import { chooseSimulatorPort, keepSimulator } from './simulator-process';

export interface DemoStack {
  readonly settings: Settings;
  readonly servers: Servers;
  readonly simulatorUrl: string;
  readonly simulatorPort: number;
  readonly worker: Keeper;
  readonly context: DatasetContext;
  /** Stops all of it, servers included unless something else of this folder needs them. */
  stop(): Promise<void>;
}

/** Starts what does not run and adopts what does. On failure what was started is stopped again. */
export async function startDemo(dir: StateDir, say: Say): Promise<DemoStack> {
  const port = await chooseSimulatorPort(dir, readDemoRecord(dir)?.simulatorPort ?? null, say);
  const files = await writeDemoFiles(dir, port);
  const settings = loadSettings({ path: files.settings });
  const keepers: Keeper[] = [];
  const stop = async () => {
    for (const keeper of [...keepers].reverse()) await keeper.stop();
    await forgetProcess(dir, 'demo');
    await stopServersIfUnused(dir);
  };
  try {
    keepers.push(await keepSimulator(dir, port, files, say));
    const endpoint = await codecEndpoint(dir, settings);
    const servers = await startServers(dir, settings, say, endpoint);
    const program = workerProgram(dir, settings, servers, 'demo-worker');
    const worker = new Keeper(dir, program, say);
    await worker.start(await adoptable(dir, program, say));
    keepers.push(worker);
    keepers.push(...(await keepCodecServer(dir, settings, servers, endpoint, say)));
    return {
      settings,
      servers,
      simulatorUrl: `http://127.0.0.1:${port}`,
      simulatorPort: port,
      worker,
      context: datasetContext(settings, DEMO_DATASET, DEMO_ACCOUNT),
      stop,
    };
  } catch (error) {
    await stop();
    if (error instanceof MigrationError) {
      throw new ClientError(`${error.message}\nOr start over, with the old data kept: npm start -- --fresh`);
    }
    throw error;
  }
}

/** The oldest hours must still be in the vendor's reach when their turn comes, or after a pause. */
const MARGIN_MS = 3 * HOUR_MS;

/**
 * The last `days` days in chunks of 6 hours. The vendor's reach ends `days` ago to the minute, and the latest hour
 * is not ready yet, so 30 days are a few hours less than that, in 120 windows all the same.
 */
export function demoSpan(context: DatasetContext, days: number, now: number): Span {
  const askable = askableSpan(chunkPolicy(context, DEMO_CHUNK_HOURS), now);
  if (askable === null) throw new UsageError('the settings leave no hour to ask for');
  const from = Math.max(askable.to - days * DAY_MS, askable.from + MARGIN_MS);
  return { from, to: askable.to };
}

/** The span of an earlier run when it is of as many days and can still be completed; null otherwise. */
export function earlierSpan(
  record: DemoRecord | null,
  days: number,
  complete: boolean,
  askableFrom: number,
): Span | null {
  if (record === null) return null;
  const windows = Math.ceil((record.to - record.from) / (DEMO_CHUNK_HOURS * HOUR_MS));
  const wanted = (days * 24) / DEMO_CHUNK_HOURS;
  if (windows !== wanted || (!complete && record.from < askableFrom)) return null;
  return { from: record.from, to: record.to };
}

/** Where the vendor's reach begins now, epoch ms. */
export function reachBegins(context: DatasetContext, now: number): number {
  return askableSpan(chunkPolicy(context, DEMO_CHUNK_HOURS), now)?.from ?? now;
}
