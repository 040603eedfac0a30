/** A worker: takes workflow and activity tasks until it is to stop, then finishes what it has begun. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import {
  type NativeConnection,
  Runtime as TemporalRuntime,
  type WorkerOptions as TemporalWorkerOptions,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import type { Logger } from 'pino';
import type { PoolOrganization } from '../quota/pools/state';
import { ACTIVITY_SLOTS, activityQueue, WORK_KINDS, type WorkKind } from '../quota/task-queues';
import type { Settings } from '../settings';
import type { CallableAccount } from '../settings/accounts/accounts';
import { findAccount } from '../settings/accounts/accounts';
import { accountLimits } from '../settings/limits/instances';
import { workerGraceMs } from '../settings/longest-call';
import { registerLimits } from '../store/permits/permits';
import { holdLostPool, registerPool } from '../store/pools/pools';
import { dataConverterFor } from '../temporal/codec';
import { connectClient, connectWorker } from '../temporal/connection';
import { keyRingFor, NO_VAULT_KEY } from '../temporal/keys';
import { poolWorkflowRuns, signalPool } from '../temporal/pool-signals';
import { wakeWork } from '../temporal/wake-work';
import { workerIdentity } from '../temporal/worker-identity';
import { temporalLogger } from './log';
import { createRuntime, type Runtime, type RuntimeOptions } from './runtime';
import { ServerChecks } from './server-checks';
import { type WatchOptions, WorkflowWatch } from './watch';

export interface WorkerOptions {
  readonly settings: Settings;
  /** The embedded servers, for what the settings leave out. */
  readonly databaseUrl: string | null;
  readonly temporalAddress: string | null;
  readonly log: Logger;
  /** How often it checks the workflows that are to run; for tests. */
  readonly watch?: Pick<WatchOptions, 'everyMs' | 'minAgeMs'>;
  /** Activities at a time, where they are to be others than ACTIVITY_SLOTS; for tests. */
  readonly slots?: Partial<Record<WorkKind, number>>;
  /** Lengths of time of streams; for tests. */
  readonly streamTimes?: RuntimeOptions['streamTimes'];
  /** Folder for what comes while Postgres is away; left out: it is held in memory only. */
  readonly spoolDir?: string | null;
  /** Made beforehand in production; otherwise bundled from the sources at start. */
  readonly workflowBundle?: WorkflowBundleWithSourceMap | { readonly codePath: string };
}

export interface RunningWorker {
  readonly runtime: Runtime;
  /** Resolves when the worker has stopped; rejects when it failed. */
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
  /** What keeps it from working, for people: checked now, over its own connections. */
  problems(): Promise<readonly string[]>;
}

/** What is cancelled at the end of the grace ends within this, ms, or is left to its own. */
const FORCE_AFTER_MS = 10_000;
/** How long a workflow's next task waits for the worker that has it in memory, ms. */
const STICKY_MS = 4_000;

/** Installs the SDK's runtime with our log; once a process, before anything else of Temporal's. */
export function installTemporalRuntime(log: Logger): void {
  TemporalRuntime.install({ logger: temporalLogger(log), shutdownSignals: [] });
}

export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { settings, log } = options;
  const databaseUrl = settings.database.url?.reveal() ?? options.databaseUrl;
  if (databaseUrl === null) {
    throw new Error(
      'no database: set database.url (or DATABASE_URL), or start an embedded one with: sluice up',
    );
  }
  const keys = await keyRingFor(settings);
  if (keys === null) throw new Error(NO_VAULT_KEY);
  const dataConverter = await dataConverterFor(settings);
  const client = await connectClient(settings, options.temporalAddress, dataConverter);
  const runtime = await createRuntime({
    ...{ settings, databaseUrl, client: client.client, keys, log },
    spoolDir: options.spoolDir ?? null,
    streamTimes: options.streamTimes,
  });
  let connection: NativeConnection | null = null;
  try {
    connection = await connectWorker(settings, options.temporalAddress);
    const workers = await createWorkers(options, connection, runtime, dataConverter);
    // Changes in Postgres from while no worker ran are signalled to the pools' workflows, which start if they do not run.
    const accounts = Object.keys(settings.accounts).map((name) => findAccount(settings, name));
    for (const { key, policy } of poolsOfAll(accounts)) {
      // A row that is missing under a running workflow was lost: no call before the workflow has written its state back.
      if (await poolWorkflowRuns(client.client, key)) await holdLostPool(runtime.db, key, policy);
    }
    for (const { poolKey, pool, organization } of accounts) {
      const generation = runtime.generations.get(poolKey) ?? 0;
      await registerPool(runtime.db, poolKey, pool, organization ?? null, generation);
    }
    // Changed limits are shown as they are, and not as they were until a call needs them.
    for (const account of accounts.filter(({ name }) => runtime.redefined.includes(name))) {
      const { poolKey } = account;
      await registerLimits(
        runtime.db,
        poolKey,
        accountLimits(account),
        runtime.generations.get(poolKey) ?? 0,
      );
    }
    for (const { key, policy } of poolsOfAll(accounts)) {
      await signalPool(client.client, settings.temporal.taskQueue, key, policy, { name: 'reconcile' });
    }
    await askAgain(client.client, runtime, options);
    const open = connection;
    const watch = new WorkflowWatch({
      db: runtime.db,
      client: client.client,
      settings,
      log,
      ...options.watch,
    });
    watch.start();
    const servers = new ServerChecks();
    const stopped = runTogether(workers).finally(async () => {
      await watch.stop();
      await runtime.close();
      await client.close();
      await open.close();
    });
    return {
      runtime,
      stopped,
      stop: async () => {
        runtime.stopping();
        shutDown(workers);
        await stopped;
      },
      problems: async () => {
        const state =
          workers.map((worker) => worker.getState()).find((one) => one !== 'RUNNING') ?? 'RUNNING';
        const found = await Promise.all([
          state === 'RUNNING' ? null : `it takes no tasks (${state.toLowerCase()})`,
          servers.problemOf('Postgres', () => runtime.ping()),
          servers.problemOf('Temporal', () => client.client.workflowService.getSystemInfo({})),
        ]);
        return found.filter((problem) => problem !== null);
      },
    };
  } catch (error) {
    await runtime.close();
    await client.close();
    await connection?.close();
    throw error;
  }
}

/** Work that sleeps until a limit has room again may have been let go by other settings. */
async function askAgain(
  client: Client,
  { redefined }: Runtime,
  { settings, log }: Pick<WorkerOptions, 'settings' | 'log'>,
): Promise<void> {
  if (redefined.length === 0) return;
  try {
    await wakeWork(client, settings.temporal.taskQueue, redefined);
  } catch (error) {
    log.warn({ error: String(error) }, 'work that sleeps under the former settings could not be woken');
  }
}

/** One that takes all workflows and the steps of pools and operators, and one for each kind of work. */
async function createWorkers(
  options: WorkerOptions,
  connection: NativeConnection,
  { activities }: Runtime,
  dataConverter: NonNullable<TemporalWorkerOptions['dataConverter']>,
): Promise<Worker[]> {
  const { namespace, taskQueue } = options.settings.temporal;
  const graceMs = workerGraceMs(options.settings);
  const create = (kind: WorkKind | 'control') =>
    Worker.create({
      connection,
      identity: workerIdentity(),
      namespace,
      taskQueue: kind === 'control' ? taskQueue : activityQueue(taskQueue, kind),
      activities,
      maxConcurrentActivityTaskExecutions: { ...ACTIVITY_SLOTS, ...options.slots }[kind],
      shutdownGraceTime: graceMs,
      shutdownForceTime: graceMs + FORCE_AFTER_MS,
      dataConverter,
      ...(kind === 'control' ? workflowSource(options) : {}),
      // Workflows that a frozen worker has cached go on elsewhere after this, well within ten seconds.
      stickyQueueScheduleToStartTimeout: STICKY_MS,
    });
  return Promise.all([create('control'), ...WORK_KINDS.map(create)]);
}

/** Ends when all have ended; one that fails takes the others with it. */
async function runTogether(workers: readonly Worker[]): Promise<void> {
  const ended = await Promise.allSettled(
    workers.map((worker) => worker.run().finally(() => shutDown(workers))),
  );
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}

function shutDown(workers: readonly Worker[]): void {
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
}

/** Each account's pool, and each organization's once. */
function poolsOfAll(accounts: readonly CallableAccount[]): PoolOrganization[] {
  const all = accounts.flatMap(({ poolKey, pool, organization }) => [
    ...(organization === undefined ? [] : [organization]),
    { key: poolKey, policy: pool },
  ]);
  return [...new Map(all.map((pool) => [pool.key, pool])).values()];
}

function workflowSource(
  options: WorkerOptions,
): Partial<Pick<TemporalWorkerOptions, 'workflowBundle' | 'workflowsPath'>> {
  if (options.workflowBundle) return { workflowBundle: options.workflowBundle };
  const name = options.settings.temporal.encryptPayloads ? 'workflow-bundle-encrypting' : 'workflow-bundle';
  const built = join(__dirname, '..', `${name}.js`);
  if (existsSync(built)) return { workflowBundle: { codePath: built } };
  // From sources: made at each start.
  return { workflowsPath: require.resolve('../workflows') };
}
