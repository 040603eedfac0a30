/**
 * Sluice as its users run it, for end-to-end tests: a database, a task queue and a worker of one's own beside the
 * run's shared servers, an Amazon simulator, and settings as a user would write them.
 */
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import pino from 'pino';
import { stringify } from 'yaml';
import { parseSettings, type Settings } from '../../settings';
import { createPool } from '../../store/db';
import { generateKey } from '../../store/secrets/keyring';
import { connectClient } from '../../temporal/connection';
import {
  type AmazonScenarioInput,
  type AmazonSimulator,
  startAmazonSimulator,
} from '../../vendors/amazon/simulator';
import { installTemporalRuntime, type RunningWorker, startWorker } from '../../workers/worker';
import { testDatabase, testTemporal, uniqueName } from './embedded';
import { workflowBundle } from './program';

export const DATASET = 'amazon/rt-sales';

/** Amazon's limits, quick enough for a test; the burst is Amazon's. */
export const QUICK_LIMITS = {
  createReport: { ratePerSecond: 4, burst: 15 },
  getReportDocument: { ratePerSecond: 4, burst: 15 },
  getReport: { ratePerSecond: 40, burst: 60 },
  getReports: { ratePerSecond: 1, burst: 10 },
};

export interface StackOptions {
  readonly scenario?: AmazonScenarioInput;
  readonly limits?: Readonly<Record<string, { ratePerSecond: number; burst: number }>>;
  /** Keys of the account, e.g. `pool`. */
  readonly account?: Record<string, unknown>;
  /** Keys of the dataset. */
  readonly dataset?: Record<string, unknown>;
  readonly datasetId?: string;
}

export interface Stack {
  /** Unique, for pools and workflows are named after it and the Temporal server is shared. */
  readonly account: string;
  readonly pool: string;
  readonly settings: Settings;
  readonly settingsYaml: string;
  readonly env: Record<string, string>;
  readonly simulator: AmazonSimulator;
  readonly client: Client;
  readonly db: Pool;
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  startWorker(): Promise<RunningWorker>;
  close(): Promise<void>;
}

/** The settings a user would write for a simulator (or any other server that speaks the Reports API). */
export function settingsFor(
  simulator: { readonly url: string; readonly tokenUrl: string },
  taskQueue: string,
  account: string,
  options: StackOptions = {},
): string {
  return stringify({
    temporal: { taskQueue, encryptPayloads: false },
    log: { level: 'warn' },
    reports: { settleSeconds: 1 },
    accounts: {
      [account]: {
        vendor: 'amazon',
        baseUrl: simulator.url,
        tokenUrl: simulator.tokenUrl,
        credentials: {
          clientId: 'env:TEST_CLIENT_ID',
          clientSecret: 'env:TEST_CLIENT_SECRET',
          refreshToken: `env:TEST_REFRESH_TOKEN_${account.slice(-12)}`,
        },
        marketplaces: ['ATVPDKIKX0DER'],
        currency: 'USD',
        limits: options.limits ?? QUICK_LIMITS,
        ...options.account,
      },
    },
    datasets: [
      {
        dataset: options.datasetId ?? DATASET,
        account,
        poll: { initialSeconds: 0.3, factor: 1.5, maxSeconds: 2 },
        ...options.dataset,
      },
    ],
  });
}

export const TEST_ENV = {
  TEST_CLIENT_ID: 'amzn1.application-oa2-client.test',
  TEST_CLIENT_SECRET: 'test-client-secret',
  SLUICE_VAULT_KEY: generateKey(),
};

let installed = false;

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const account = uniqueName('acme');
  const env = { ...TEST_ENV, [`TEST_REFRESH_TOKEN_${account.slice(-12)}`]: `Atzr|${account}` };
  Object.assign(process.env, env);
  const log = pino({ level: process.env.TEST_LOG ?? 'silent' });
  if (!installed) {
    installTemporalRuntime(log);
    installed = true;
  }
  const [database, temporal, simulator] = await Promise.all([
    testDatabase(),
    testTemporal(),
    startAmazonSimulator({ ...options.scenario, limits: { ...QUICK_LIMITS, ...options.scenario?.limits } }),
  ]);
  const taskQueue = uniqueName('queue');
  const settingsYaml = settingsFor(simulator, taskQueue, account, options);
  const settings = parseSettings(settingsYaml, { file: null, baseDir: process.cwd(), env });
  const connected = await connectClient(settings, temporal.address);
  const db = createPool(database.url, { max: 4, applicationName: 'test' });
  const workers: RunningWorker[] = [];
  return {
    settings,
    settingsYaml,
    account,
    pool: `amazon/${account}`,
    env,
    simulator,
    client: connected.client,
    db,
    databaseUrl: database.url,
    temporalAddress: temporal.address,
    startWorker: async () => {
      const worker = await startWorker({
        settings,
        databaseUrl: database.url,
        temporalAddress: temporal.address,
        log,
        workflowBundle: workflowBundle(),
      });
      workers.push(worker);
      return worker;
    },
    close: async () => {
      for (const worker of workers) await worker.stop();
      await connected.close();
      await db.end();
      await simulator.close();
      await database.drop();
    },
  };
}
