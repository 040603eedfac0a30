/** The parts of the demo: servers, a simulated Amazon and a worker; and the span that it fills. */

import type { StateDir } from '../../../embedded/state-dir';
import { DAY_MS, HOUR_MS } from '../../../quota/durations';
import { askableSpan, type Span } from '../../../quota/windows/chunks';
import { loadSettings, type Settings } from '../../../settings';
import { chunkPolicy, type DatasetContext, datasetContext } from '../../../settings/datasets/report-context';
import { MigrationError } from '../../../store/migrate';
import { ClientError, UsageError } from '../errors';
import type { Say } from '../processes/servers';
import {
  DEMO_ACCOUNT,
  DEMO_CHUNK_HOURS,
  DEMO_DATASET,
  type DemoRecord,
  readDemoRecord,
  writeDemoFiles,
} from './files';
import { type DemoParts, startParts } from './parts';
import { chooseSimulatorPort, keepSimulator } from './simulator-process';

export interface DemoStack extends DemoParts {
  readonly settings: Settings;
  readonly simulatorUrl: string;
  readonly simulatorPort: number;
  readonly context: DatasetContext;
}

/** Starts what does not run and adopts what does. On failure what was started is stopped again. */
export async function startDemo(dir: StateDir, say: Say): Promise<DemoStack> {
  const port = await chooseSimulatorPort(dir, readDemoRecord(dir)?.simulatorPort ?? null, say);
  const files = await writeDemoFiles(dir, port);
  const settings = loadSettings({ path: files.settings });
  const simulator = await keepSimulator(dir, port, files, say);
  try {
    return {
      ...(await startParts({ dir, settings }, say, [simulator])),
      settings,
      simulatorUrl: `http://127.0.0.1:${port}`,
      simulatorPort: port,
      context: datasetContext(settings, DEMO_DATASET, DEMO_ACCOUNT),
    };
  } catch (error) {
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
