/** Sluice beside an OpenAI simulator, as a user would set it up: a database, a task queue and workers of one's own. */
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import pino from 'pino';
import { stringify } from 'yaml';
import { parseSettings, type Settings } from '../../settings';
import { type Batch, createBatch, endedItems, type NewItem } from '../../store/batches/batches';
import { createPool } from '../../store/db';
import { connectClient } from '../../temporal/connection';
import {
  type OpenAiScenarioInput,
  type OpenAiSimulator,
  startOpenAiSimulator,
} from '../../vendors/openai/simulator';
import {
  installTemporalRuntime,
  type RunningWorker,
  startWorker,
  type WorkerOptions,
} from '../../workers/worker';
import type { batch } from '../../workflows/batches/batch';
import { batchWorkflowId } from '../../workflows/messages';
import { type ChangeAnswer, startChangingRoad } from './changing-road';
import { testDatabase, testTemporal, uniqueName } from './embedded';
import { workflowBundle } from './program';
import { TEST_ENV } from './stack';

export interface OpenAiStackOptions {
  readonly scenario?: OpenAiScenarioInput;
  /** Keys of the account. */
  readonly account?: Record<string, unknown>;
  /** Changes what the vendor answers to Sluice; the test's own looks at the simulator see it as it is. */
  readonly road?: ChangeAnswer;
  /** Another project of the same organization, with an account of its own. */
  readonly sibling?: Record<string, unknown>;
}

export interface OpenAiStack {
  readonly account: string;
  readonly pool: string;
  /** The other project's account; `openai/` before it is its pool. */
  readonly sibling: string;
  readonly settings: Settings;
  readonly settingsYaml: string;
  readonly env: Record<string, string>;
  readonly simulator: OpenAiSimulator;
  readonly client: Client;
  readonly db: Pool;
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  startWorker(
    options?: Partial<Pick<WorkerOptions, 'databaseUrl' | 'spoolDir' | 'watch'>>,
  ): Promise<RunningWorker>;
  /** Loads items `id-0`… with the variable `artist_name`. */
  load(count: number, change?: Partial<Batch>, nameOf?: (n: number) => string): Promise<Batch>;
  run(batchId: number, workflowId?: string): Promise<Awaited<ReturnType<typeof startBatch>>>;
  close(): Promise<void>;
}

let installed = false;

export async function startOpenAiStack(options: OpenAiStackOptions = {}): Promise<OpenAiStack> {
  const account = uniqueName('bios');
  const sibling = uniqueName('other');
  const env = { ...TEST_ENV, TEST_OPENAI_KEY: 'sk-bios', TEST_OPENAI_KEY_2: 'sk-other' };
  Object.assign(process.env, env);
  const log = pino({ level: process.env.TEST_LOG ?? 'silent' });
  if (!installed) {
    installTemporalRuntime(log);
    installed = true;
  }
  const [database, temporal, simulator] = await Promise.all([
    testDatabase(),
    testTemporal(),
    startOpenAiSimulator({ latencyMs: { min: 20, max: 80 }, ...options.scenario }),
  ]);
  const road = options.road && (await startChangingRoad(simulator.baseUrl, options.road));
  const baseUrl = road?.baseUrl ?? simulator.baseUrl;
  const taskQueue = uniqueName('queue');
  const settingsYaml = stringify({
    temporal: { taskQueue, encryptPayloads: false },
    log: { level: 'info' },
    accounts: {
      [account]: {
        vendor: 'openai',
        baseUrl,
        apiKey: 'env:TEST_OPENAI_KEY',
        concurrency: { min: 4, max: 50 },
        ...options.account,
      },
      ...(options.sibling && {
        [sibling]: {
          vendor: 'openai',
          baseUrl,
          apiKey: 'env:TEST_OPENAI_KEY_2',
          ...options.sibling,
        },
      }),
    },
  });
  const settings = parseSettings(settingsYaml, { file: null, baseDir: process.cwd(), env });
  const connected = await connectClient(settings, temporal.address);
  const db = createPool(database.url, { max: 4, applicationName: 'test' });
  const workers: RunningWorker[] = [];
  return {
    account,
    pool: `openai/${account}`,
    sibling,
    settings,
    settingsYaml,
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
    load: (count, change, nameOf) => loadBatch(db, account, count, change, nameOf),
    run: (batchId, workflowId = batchWorkflowId('openai/bios', account, batchId)) =>
      startBatch(connected.client, taskQueue, batchId, workflowId),
    close: async () => {
      for (const worker of workers) await worker.stop();
      await connected.close();
      await db.end();
      await road?.close();
      await simulator.close();
      await database.drop();
    },
  };
}

/** Stores a batch of items `id-0`… with the variable `artist_name`. */
export async function loadBatch(
  db: Pool,
  account: string,
  count: number,
  change: Partial<Batch> = {},
  nameOf = (n: number) => `Artist ${n}`,
): Promise<Batch> {
  async function* items(): AsyncGenerator<NewItem[]> {
    yield Array.from({ length: count }, (_, n) => ({
      externalId: `id-${n}`,
      variables: { artist_name: nameOf(n) },
    }));
  }
  const { batch: loaded } = await createBatch(
    db,
    {
      digest: uniqueName('digest'),
      kind: 'openai/bios',
      account,
      model: 'gpt-4.1-mini',
      prompt: 'Write a biography of {{artist_name}}.',
      options: { maxOutputTokens: 300, maxConcurrency: null },
      inputName: 'artists.csv',
      priority: 'background',
      ...change,
    },
    items(),
  );
  return loaded;
}

export function startBatch(client: Client, taskQueue: string, batchId: number, workflowId: string) {
  return client.workflow.start<typeof batch>('batch', {
    workflowId,
    taskQueue,
    args: [{ batchId }],
  });
}

/** Every stored result, in the input's order. */
export async function resultsOf(db: Pool, batchId: number) {
  const all = [];
  for await (const page of endedItems(db, batchId)) all.push(...page);
  return all;
}
