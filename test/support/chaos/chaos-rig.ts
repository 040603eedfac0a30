/**
 * Sluice as separate processes that a test may kill: a Postgres and a Temporal of its own, workers under a
 * supervisor as systemd or Compose would be one, and a vendor that nobody kills.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { stringify } from 'yaml';
import { tailOf } from '../../../embedded/child';
import { removePostgres } from '../../../embedded/postgres/postgres';
import { parseSettings, type Settings } from '../../../settings';
import { createPool } from '../../../store/db';
import { type ConnectedClient, connectClient } from '../../../temporal/connection';
import type { AmazonScenarioInput } from '../../../vendors/amazon/simulator';
import type { OpenAiScenarioInput } from '../../../vendors/openai/simulator';
import { eventually, type Finder } from '../eventually';
import { program } from '../processes/program';
import { WORKER_IS_UP, workerArguments, workerEnvironment } from '../processes/worker';
import { temporaryFolder } from '../run/run-folder';
import { describeStanding } from '../run/standing';
import { TEST_ENV } from '../stacks/core-stack';
import { QUICK_LIMITS, refreshTokens, settingsFor } from '../stacks/stack';
import { Server, Supervised } from './chaos-processes';

/** What is as quick as a test wants it, on a machine so busy that calls are late by up to a second. */
const LIMITS = Object.fromEntries(
  Object.entries(QUICK_LIMITS).map(([name, limit]) => [name, { ...limit, slackMs: 1000 }]),
);

export interface RigOptions {
  readonly scenario?: AmazonScenarioInput;
  /** Keys of the account. @param startMs how long servers and a worker took to start on this machine. */
  readonly account?: (startMs: number) => Record<string, unknown>;
  /** Longest wait for an answer of the vendor, ms. */
  readonly httpTimeoutMs?: number;
}

export interface OpenAiRigOptions {
  readonly scenario: OpenAiScenarioInput;
  /** Fields of each account, by name; the base URL and the key are ours. */
  readonly accounts: Readonly<Record<string, object>>;
}

/** What the rig does not know of its vendor. */
export interface RigVendor {
  readonly id: 'amazon' | 'openai' | 'gps51';
  readonly account: string;
  readonly scenario: object;
  /** Settings for the simulator that answered with `at`; `startMs` as in RigOptions. */
  readonly settings: (at: SimulatorAddress, startMs: number) => Record<string, unknown>;
  readonly httpTimeoutMs: number | undefined;
}

interface SimulatorAddress {
  readonly url: string;
  readonly tokenUrl: string;
  readonly baseUrl: string;
}

export class ChaosRig {
  readonly pool: string;
  readonly postgres: Server;
  readonly temporal: Server;
  readonly workers: readonly Supervised[];
  private readonly settingsFile: string;

  private constructor(
    private readonly folder: string,
    /** How long the servers took to start on this machine, ms. */
    readonly startMs: number,
    readonly account: string,
    vendorId: string,
    readonly simulatorUrl: string,
    private readonly vendor: Supervised,
    servers: { postgres: Server; temporal: Server },
    private readonly connected: ConnectedClient,
    readonly db: Pool,
    readonly settings: Settings,
    settingsYaml: string,
  ) {
    this.pool = `${vendorId}/${account}`;
    this.postgres = servers.postgres;
    this.temporal = servers.temporal;
    this.settingsFile = join(folder, 'sluice.yaml');
    writeFileSync(this.settingsFile, settingsYaml);
    const env = () => ({ ...RIG_ENV, ...workerEnvironment(this.postgres.address, this.temporal.address) });
    this.workers = [1, 2].map(
      (n) => new Supervised(workerArguments(this.settingsFile), env, join(folder, `worker-${n}.log`)),
    );
  }

  get client(): Client {
    return this.connected.client;
  }

  get taskQueue(): string {
    return this.settings.temporal.taskQueue;
  }

  static start(options: RigOptions = {}): Promise<ChaosRig> {
    return ChaosRig.assemble({
      id: 'amazon',
      account: 'acme',
      scenario: { ...options.scenario, limits: { ...QUICK_LIMITS, ...options.scenario?.limits } },
      settings: (at, startMs) => {
        const account = { limits: LIMITS, ...options.account?.(startMs) };
        return settingsFor(at, 'acme', { account });
      },
      httpTimeoutMs: options.httpTimeoutMs,
    });
  }

  /** The pool is the first account's. */
  static startOpenAi({ scenario, accounts }: OpenAiRigOptions): Promise<ChaosRig> {
    const fields = ({ baseUrl }: SimulatorAddress) =>
      Object.entries(accounts).map(([name, account]) => [
        name,
        { vendor: 'openai', baseUrl, apiKey: 'env:TEST_OPENAI_KEY', ...account },
      ]);
    return ChaosRig.assemble({
      id: 'openai',
      account: Object.keys(accounts)[0] ?? '',
      scenario,
      settings: (at) => ({ accounts: Object.fromEntries(fields(at)) }),
      httpTimeoutMs: undefined,
    });
  }

  static async assemble({ id, account, scenario, settings, httpTimeoutMs }: RigVendor) {
    const folder = temporaryFolder('chaos');
    const began = Date.now();
    const [postgres, temporal, vendor] = await Promise.all([
      Server.postgres(join(folder, 'pg')),
      Server.temporal(join(folder, 'temporal.db')),
      startVendor(folder, id, scenario),
    ]);
    const startMs = Date.now() - began;
    const settingsYaml = stringify({
      temporal: { taskQueue: 'chaos', encryptPayloads: false },
      ...settings(vendor.at, startMs),
      log: { level: 'info' },
      http: { timeoutMs: httpTimeoutMs ?? 10_000, connectTimeoutMs: 1000 },
    });
    const parsed = parseSettings(settingsYaml, { file: null, baseDir: folder, env: RIG_ENV });
    const connected = await connectClient(parsed, temporal.address);
    const db = createPool(postgres.address, { max: 3, applicationName: 'test' });
    return new ChaosRig(
      folder,
      startMs,
      account,
      id,
      vendor.at.url,
      vendor.process,
      { postgres, temporal },
      connected,
      db,
      parsed,
      settingsYaml,
    );
  }

  /** Resolves when this many workers have come up, each counted once a start. */
  async startWorkers(count: number): Promise<void> {
    const started = this.workers.slice(0, count);
    const waits = started.map((worker) => {
      worker.start();
      return this.ready(worker);
    });
    await Promise.all(waits);
  }

  /** Resolves when a worker that is being started takes tasks. */
  async ready(worker: Supervised): Promise<void> {
    const before = worker.said(WORKER_IS_UP);
    await eventually(`a worker starts (${worker.logFile})`, () =>
      worker.said(WORKER_IS_UP) > before ? true : null,
    ).catch((error) => {
      throw new Error(`${error.message}; it said:\n${tailOf(worker.logFile, 20)}`);
    });
  }

  /** As `eventually` alone; its failure says what is under way and what stands still. */
  async eventually<T>(what: string, find: Finder<T>, timeoutMs?: number, everyMs?: number): Promise<T> {
    try {
      return await eventually(what, find, timeoutMs, everyMs);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${await this.standing()}`);
    }
  }

  /** What is under way and what stands still, in words. */
  standing(): Promise<string> {
    const logFiles = this.workers.map(({ logFile }) => logFile);
    return describeStanding({ client: this.client, db: this.db, logFiles });
  }

  async killAll(): Promise<void> {
    await Promise.all([this.postgres, this.temporal, ...this.workers].map((part) => part.kill()));
  }

  /** Starts the servers and this many workers; resolves when all of them are up. */
  async startAll(workers: number): Promise<void> {
    await Promise.all([this.postgres.start(), this.temporal.start()]);
    await this.startWorkers(workers);
  }

  /** `POST /_sim/control` */
  async control(command: Record<string, unknown>): Promise<void> {
    const answer = await fetch(`${this.simulatorUrl}/_sim/control`, {
      method: 'POST',
      body: JSON.stringify(command),
    });
    if (!answer.ok) throw new Error(`the simulator refused a command: ${await answer.text()}`);
  }

  async close(): Promise<void> {
    await this.connected.close();
    await this.db.end();
    await this.killAll();
    await this.vendor.kill();
    await removePostgres(join(this.folder, 'pg'));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const RIG_ENV = {
  ...TEST_ENV,
  ...refreshTokens(['acme']),
  TEST_OPENAI_KEY: 'sk-bios',
  TEST_FLEET_PASSWORD: 'fleet-secret',
};

async function startVendor(
  folder: string,
  id: RigVendor['id'],
  scenario: object,
): Promise<{ at: SimulatorAddress; process: Supervised }> {
  const file = join(folder, 'scenario.json');
  writeFileSync(file, JSON.stringify(scenario));
  const main = program('vendors', id, 'simulator', 'main');
  const vendor = new Supervised([main, '--scenario', file], () => ({}), join(folder, 'vendor.log'));
  vendor.start();
  const line = await eventually('the simulator starts', () =>
    /^\{.*\}$/m.exec(readFileSync(vendor.logFile, 'utf8')),
  );
  return { at: JSON.parse(line[0]), process: vendor };
}
