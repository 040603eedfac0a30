/**
 * Sluice as its users run it, for any vendor: a database, a task queue and workers of its own beside the run's shared
 * servers, and settings as a user would write them. `stack.ts` (Amazon), `openai-stack.ts` and `gps51-stack.ts` add
 * their vendor.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import pino from 'pino';
import { stringify } from 'yaml';
import { parseSettings, type Settings } from '../../../settings';
import { findAccount } from '../../../settings/accounts/accounts';
import { createPool } from '../../../store/db';
import { generateKey } from '../../../store/secrets/keyring';
import { connectClient } from '../../../temporal/connection';
import {
  installTemporalRuntime,
  type RunningWorker,
  startWorker,
  type WorkerOptions,
} from '../../../workers/worker';
import { program, workflowBundle } from '../processes/program';
import { startProgram } from '../processes/started-program';
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
  /** In this process. */
  startWorker(
    own?: Partial<Pick<WorkerOptions, 'databaseUrl' | 'spoolDir' | 'slots' | 'watch' | 'streamTimes'>>,
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
}

let installed = false;

export async function startCore<V extends Ended>(
  options: CoreOptions<V>,
): Promise<CoreStack & { vendor: V }> {
  const env = { ...TEST_ENV, ...options.env };
  Object.assign(process.env, env);
  const log = pino({ level: process.env.TEST_LOG ?? 'silent' });
  if (!installed) installTemporalRuntime(log);
  installed = true;
  const [database, temporal, vendor] = await Promise.all([
    testDatabase(),
    testTemporal(),
    options.startVendor(),
  ]);
  const settingsYaml = stringify({
    temporal: { taskQueue: uniqueName('queue'), encryptPayloads: false },
    ...options.settings(vendor),
  });
  const folder = temporaryFolder(options.name);
  const settingsFile = join(folder, 'sluice.yaml');
  writeFileSync(settingsFile, settingsYaml);
  const settings = parseSettings(settingsYaml, { file: settingsFile, baseDir: folder, env });
  checkNames(settings);
  const connected = await connectClient(settings, temporal.address);
  const db = createPool(database.url, { max: 4, applicationName: 'test' });
  const workers: RunningWorker[] = [];
  const processes: WorkerProcess[] = [];
  return {
    ...{ settings, settingsYaml, settingsFile, env, vendor, db, client: connected.client },
    databaseUrl: database.url,
    temporalAddress: temporal.address,
    startWorker: async (own = {}) => {
      const worker = await startWorker({
        settings,
        databaseUrl: database.url,
        temporalAddress: temporal.address,
        log,
        workflowBundle: workflowBundle(),
        ...own,
      });
      workers.push(worker);
      return worker;
    },
    startWorkerProcess: async () => {
      const worker = await startWorkerProcess(folder, settingsFile, {
        ...env,
        SLUICE_EMBEDDED_DATABASE_URL: database.url,
        SLUICE_EMBEDDED_TEMPORAL_ADDRESS: temporal.address,
      });
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

async function startWorkerProcess(
  folder: string,
  settingsFile: string,
  env: NodeJS.ProcessEnv,
): Promise<WorkerProcess> {
  const { log, end } = await startProgram([program('workers', 'main'), '--settings', settingsFile], {
    cwd: folder,
    env,
    up: /worker\.started/,
  });
  return {
    kill: async () => {
      await end('SIGKILL');
    },
    log,
  };
}
