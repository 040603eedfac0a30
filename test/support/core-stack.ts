/**
 * Sluice as its users run it, for any vendor: a database, a task queue and workers of its own beside the run's shared
 * servers, and settings as a user would write them. `stack.ts` (Amazon), `openai-stack.ts` and `gps51-stack.ts` add
 * their vendor.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import pino from 'pino';
import { stringify } from 'yaml';
import { parseSettings, type Settings } from '../../settings';
import { createPool } from '../../store/db';
import { generateKey } from '../../store/secrets/keyring';
import { connectClient } from '../../temporal/connection';
import {
  installTemporalRuntime,
  type RunningWorker,
  startWorker,
  type WorkerOptions,
} from '../../workers/worker';
import { testDatabase, testTemporal, uniqueName } from './embedded';
import { eventually } from './eventually';
import { program, workflowBundle } from './program';
import { endWithRun, temporaryFolder } from './run-folder';

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
  /** The settings for that vendor; `temporal` is the core's own. */
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

async function startWorkerProcess(
  folder: string,
  settingsFile: string,
  env: NodeJS.ProcessEnv,
): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [program('workers', 'main'), '--settings', settingsFile], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) endWithRun(child.pid);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  }
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  await eventually('a worker starts', () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${said}`);
    return said.includes('worker.started');
  });
  return {
    kill: async () => {
      child.kill('SIGKILL');
      await gone;
    },
    log: () => said,
  };
}
