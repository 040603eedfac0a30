/** Sluice beside a GPS51 simulator, as a user would set it up: a database, a task queue and workers of one's own. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import pino from 'pino';
import { stringify } from 'yaml';
import { type FleetAccount, findFleetAccount } from '../../activities/fleet/account';
import { parseSettings, type Settings } from '../../settings';
import { createPool } from '../../store/db';
import { connectClient } from '../../temporal/connection';
import {
  type Gps51ScenarioInput,
  type Gps51Simulator,
  startGps51Simulator,
} from '../../vendors/gps51/simulator';
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
import { TEST_ENV } from './stack';

export const FLEET_PASSWORD = 'fleet-secret';
export const COMMAND_PASSWORD = 'command-secret';

/** GPS51's limits, quick enough for a test. */
export const QUICK_GPS51 = {
  spacing: { ms: 5 },
  'per-second': { count: 100 },
  'ip-per-minute': { count: 500 },
} as const;

export interface Gps51StackOptions {
  readonly scenario?: Gps51ScenarioInput;
  /** Keys of the vault, newest first, instead of the tests' own. */
  readonly key?: string;
  /** Keys of the account. */
  readonly account?: Record<string, unknown>;
  /** Keys of the settings. */
  readonly settings?: Record<string, unknown>;
  /** Other accounts beside it, by name. */
  readonly accounts?: Record<string, unknown>;
  /** Entries of `datasets`, without the account. */
  readonly datasets?: readonly Record<string, unknown>[];
}

/** A worker in a process of its own, that may be killed. */
export interface WorkerProcess {
  /** kill -9. Resolves when it is gone. */
  kill(): Promise<void>;
  /** What it has written so far. */
  log(): string;
}

export interface Gps51Stack {
  readonly account: string;
  readonly pool: string;
  readonly fleet: FleetAccount;
  readonly settings: Settings;
  readonly settingsFile: string;
  readonly env: Record<string, string>;
  readonly simulator: Gps51Simulator;
  readonly client: Client;
  readonly db: Pool;
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  startWorker(
    options?: Partial<Pick<WorkerOptions, 'databaseUrl' | 'spoolDir' | 'slots'>>,
  ): Promise<RunningWorker>;
  startWorkerProcess(): Promise<WorkerProcess>;
  close(): Promise<void>;
}

let installed = false;

export async function startGps51Stack(options: Gps51StackOptions = {}): Promise<Gps51Stack> {
  const account = uniqueName('fleet');
  const env = {
    ...TEST_ENV,
    TEST_FLEET_PASSWORD: FLEET_PASSWORD,
    TEST_COMMAND_PASSWORD: COMMAND_PASSWORD,
    ...(options.key === undefined ? {} : { SLUICE_VAULT_KEY: options.key }),
  };
  Object.assign(process.env, env);
  const log = pino({ level: process.env.TEST_LOG ?? 'silent' });
  if (!installed) {
    installTemporalRuntime(log);
    installed = true;
  }
  const { scenario } = options;
  const [database, temporal, simulator] = await Promise.all([
    testDatabase(),
    testTemporal(),
    startGps51Simulator({
      ...scenario,
      limits: { ...QUICK_GPS51, ...scenario?.limits },
      fleet: { offlineShare: 0, expiredShare: 0, ...scenario?.fleet },
      commands: {
        password: COMMAND_PASSWORD,
        confirmMs: { min: 5, max: 30 },
        slowShare: 0,
        ...scenario?.commands,
      },
    }),
  ]);
  const taskQueue = uniqueName('queue');
  const settingsYaml = stringify({
    temporal: { taskQueue, encryptPayloads: false },
    log: { level: 'debug' },
    ...options.settings,
    accounts: {
      ...options.accounts,
      [account]: {
        vendor: 'gps51',
        baseUrl: simulator.baseUrl,
        username: 'fleet',
        password: 'env:TEST_FLEET_PASSWORD',
        commandPassword: 'env:TEST_COMMAND_PASSWORD',
        egressIp: uniqueName('ip'),
        limits: QUICK_GPS51,
        ...options.account,
      },
    },
    datasets: (options.datasets ?? []).map((dataset) => ({ ...dataset, account })),
  });
  const folder = temporaryFolder('gps51');
  const settingsFile = join(folder, 'sluice.yaml');
  writeFileSync(settingsFile, settingsYaml);
  const settings = parseSettings(settingsYaml, { file: settingsFile, baseDir: folder, env });
  const connected = await connectClient(settings, temporal.address);
  const db = createPool(database.url, { max: 4, applicationName: 'test' });
  const workers: RunningWorker[] = [];
  const processes: WorkerProcess[] = [];
  return {
    account,
    pool: `gps51/${account}`,
    fleet: findFleetAccount(settings, account),
    settings,
    settingsFile,
    env,
    simulator,
    client: connected.client,
    db,
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
      await simulator.close();
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
