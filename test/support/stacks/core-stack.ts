/**
 * Sluice as its users run it, for any vendor: a database, a task queue and workers of its own beside the run's shared
 * servers, and settings as a user would write them. `stack.ts` (Amazon), `amazon-lab/`, `openai-stack.ts` and
 * `gps51-stack.ts` add their vendor.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import pino, { type Logger } from 'pino';
import { stringify } from 'yaml';
import { parseSettings, type Settings } from '../../../settings';
import { findAccount } from '../../../settings/accounts/accounts';
import { createPool } from '../../../store/db';
import { generateKey } from '../../../store/secrets/keyring';
import { dataConverterFor } from '../../../temporal/codec';
import { connectClient } from '../../../temporal/connection';
import {
  installTemporalRuntime,
  type RunningWorker,
  startWorker,
  type WorkerOptions,
} from '../../../workers/worker';
import { workflowBundle } from '../processes/program';
import { startProgram } from '../processes/started-program';
import { WORKER_IS_UP, workerArguments, workerEnvironment } from '../processes/worker';
import { temporaryFolder } from '../run/run-folder';
import { isUnique, testDatabase, testTemporal, uniqueName } from './embedded';

export const TEST_ENV = {
  TEST_CLIENT_ID: 'amzn1.application-oa2-client.test',
  TEST_CLIENT_SECRET: 'test-client-secret',
  SLUICE_VAULT_KEY: generateKey(),
};

/** A worker in a process of its own, that may be killed. */
export interface WorkerProcess {
  /** kill -9. Resolves when it is gone. */
  kill(): Promise<void>;
  /** What it has written so far. */
  log(): string;
}

export interface CoreStack {
  readonly settings: Settings;
  readonly settingsYaml: string;
  readonly settingsFile: string;
  readonly env: Record<string, string>;
  readonly client: Client;
  readonly db: Pool;
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  /** The settings with other top-level keys, as after an operator's edit; `settings` stay as they are. */
  settingsWith(change: Readonly<Record<string, unknown>>): Settings;
  /** In this process. */
  startWorker(
    own?: Partial<
      Pick<WorkerOptions, 'settings' | 'databaseUrl' | 'spoolDir' | 'slots' | 'watch' | 'streamTimes'>
    >,
  ): Promise<RunningWorker>;
  startWorkerProcess(): Promise<WorkerProcess>;
  /** Ends the workers, then the vendor, and removes the database. */
  close(): Promise<void>;
}

/** What plays the vendor; ended with the stack. */
export interface Ended {
  close(): Promise<unknown>;
}

export interface CoreOptions<V extends Ended> {
  /** Names the folder of the settings file. */
  readonly name: string;
  /** What the settings refer to, and the workers need, beside what all tests have. */
  readonly env: Readonly<Record<string, string>>;
  readonly startVendor: () => Promise<V>;
  /** The settings for that vendor, with accounts and organizations of unique names; `temporal` is the core's own. */
  readonly settings: (vendor: V) => Readonly<Record<string, unknown>>;
  readonly encryptPayloads?: boolean;
  /** Takes the lines of the workers and, where it is the file's first, of Temporal's SDK. Default: `TEST_LOG`'s level. */
  readonly log?: Logger;
}

let installed = false;

export async function startCore<V extends Ended>(
  options: CoreOptions<V>,
): Promise<CoreStack & { vendor: V }> {
  const env = { ...TEST_ENV, ...options.env };
  Object.assign(process.env, env);
  const { encryptPayloads = false, log = pino({ level: process.env.TEST_LOG ?? 'silent' }) } = options;
  if (!installed) installTemporalRuntime(log);
  installed = true;
  // Workflows in this thread: to start another one for each test's worker takes a fifth of such a test's time. Workers in
  // processes of their own, and tests that judge instants, run them as users do.
  if (!/\.alone\./.test(expect.getState().testPath ?? '')) process.env.TEMPORAL_DEBUG = '1';
  const [database, temporal, vendor] = await Promise.all([
    testDatabase(),
    testTemporal(),
    options.startVendor(),
  ]);
  const written = {
    temporal: { taskQueue: uniqueName('queue'), encryptPayloads },
    ...options.settings(vendor),
  };
  const settingsYaml = stringify(written);
  const folder = temporaryFolder(options.name);
  const settingsFile = join(folder, 'sluice.yaml');
  writeFileSync(settingsFile, settingsYaml);
  const parse = (yaml: string) => parseSettings(yaml, { file: settingsFile, baseDir: folder, env });
  const settings = parse(settingsYaml);
  checkNames(settings);
  const converter = encryptPayloads ? await dataConverterFor(settings) : undefined;
  const connected = await connectClient(settings, temporal.address, converter);
  const db = createPool(database.url, { max: 4, applicationName: 'test' });
  const workers: RunningWorker[] = [];
  const processes: WorkerProcess[] = [];
  return {
    ...{ settings, settingsYaml, settingsFile, env, vendor, db, client: connected.client },
    databaseUrl: database.url,
    temporalAddress: temporal.address,
    settingsWith: (change) => parse(stringify({ ...written, ...change })),
    startWorker: async (own = {}) => {
      const worker = await startWorker({
        settings,
        databaseUrl: database.url,
        temporalAddress: temporal.address,
        log,
        workflowBundle: workflowBundle(encryptPayloads),
        ...own,
      });
      workers.push(worker);
      return worker;
    },
    startWorkerProcess: async () => {
      const { log: said, end } = await startProgram(workerArguments(settingsFile), {
        cwd: folder,
        env: { ...env, ...workerEnvironment(database.url, temporal.address) },
        up: WORKER_IS_UP,
      });
      const kill = async () => {
        await end('SIGKILL');
      };
      const worker = { kill, log: said };
      processes.push(worker);
      return worker;
    },
    close: async () => {
      for (const worker of processes) await worker.kill();
      for (const worker of workers) await worker.stop();
      await connected.close();
      await db.end();
      await vendor.close();
      await database.drop();
    },
  };
}

/**
 * All tests share one Temporal server, and ids of workflows and schedules are made of accounts and pools.
 * @throws for a name that another test may have, too.
 */
function checkNames(settings: Settings): void {
  for (const name of Object.keys(settings.accounts)) {
    const { poolKey, organization } = findAccount(settings, name);
    const shared = [name, poolKey, organization?.key ?? poolKey].find((id) => !isUnique(id));
    if (shared !== undefined)
      throw new Error(`make ${shared} with uniqueName(): tests share a Temporal server`);
  }
}
