/**
 * Sluice as separate processes that a test may kill: a Postgres and a Temporal of its own, workers under a
 * supervisor as systemd or Compose would be one, and a vendor that nobody kills.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { parse, stringify } from 'yaml';
import { type ProcessIdentity, tailOf, terminate } from '../../embedded/child';
import { removePostgres, startPostgres } from '../../embedded/postgres';
import { startTemporal } from '../../embedded/temporal';
import { parseSettings, type Settings } from '../../settings';
import { createPool } from '../../store/db';
import type { AmazonScenarioInput } from '../../vendors/amazon/simulator';
import { type ConnectedClient, connectClient } from '../../workers/temporal-connection';
import { eventually } from './eventually';
import { endWithRun, temporaryFolder } from './run-folder';
import { QUICK_LIMITS, settingsFor, TEST_ENV } from './stack';

const ROOT = resolve(__dirname, '..', '..');
/** The build that the processes run; another one for work beside a `dist` that does not build. */
const DIST = process.env.SLUICE_TEST_DIST ?? join(ROOT, 'dist');
const SIGKILL = [{ signal: 'SIGKILL', waitMs: 10_000 }] as const;

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

/** A process that is started again when it ends, until it is told otherwise. */
class Supervised {
  private child: ChildProcess | null = null;
  private wanted = false;

  constructor(
    private readonly args: readonly string[],
    private readonly env: () => NodeJS.ProcessEnv,
    readonly logFile: string,
  ) {}

  start(): void {
    this.wanted = true;
    const log = openSync(this.logFile, 'a');
    const child = spawn(process.execPath, [...this.args], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, ...this.env() },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    if (child.pid !== undefined) endWithRun(child.pid);
    this.child = child;
    child.once('exit', () => {
      if (this.child !== child || !this.wanted) return;
      setTimeout(() => this.child === child && this.wanted && this.start(), 500);
    });
  }

  /** kill -9. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.wanted = false;
    const { child } = this;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await gone;
  }

  /** How often it has written `text` so far. */
  said(text: string): number {
    return readFileSync(this.logFile, 'utf8').split(text).length - 1;
  }
}

export class ChaosRig {
  readonly account = 'acme';
  readonly pool = 'amazon/acme';
  readonly postgres: Server;
  readonly temporal: Server;
  readonly workers: readonly Supervised[];
  private readonly settingsFile: string;

  private constructor(
    private readonly folder: string,
    readonly simulatorUrl: string,
    private readonly vendor: Supervised,
    servers: { postgres: Server; temporal: Server },
    private readonly connected: ConnectedClient,
    readonly db: Pool,
    readonly settings: Settings,
    settingsYaml: string,
  ) {
    this.postgres = servers.postgres;
    this.temporal = servers.temporal;
    this.settingsFile = join(folder, 'sluice.yaml');
    writeFileSync(this.settingsFile, settingsYaml);
    const env = () => ({
      ...RIG_ENV,
      SLUICE_EMBEDDED_DATABASE_URL: this.postgres.address,
      SLUICE_EMBEDDED_TEMPORAL_ADDRESS: this.temporal.address,
    });
    this.workers = [1, 2].map(
      (n) =>
        new Supervised(
          [join(DIST, 'workers', 'main.js'), '--settings', this.settingsFile],
          env,
          join(folder, `worker-${n}.log`),
        ),
    );
  }

  get client(): Client {
    return this.connected.client;
  }

  get taskQueue(): string {
    return this.settings.temporal.taskQueue;
  }

  static async start(options: RigOptions = {}): Promise<ChaosRig> {
    await ensureBuild();
    const folder = temporaryFolder('chaos');
    const began = Date.now();
    const [postgres, temporal, vendor] = await Promise.all([
      Server.postgres(join(folder, 'pg')),
      Server.temporal(join(folder, 'temporal.db')),
      startVendor(folder, options.scenario ?? {}),
    ]);
    const startMs = Date.now() - began;
    const account = { limits: LIMITS, ...options.account?.(startMs) };
    const plain: Record<string, unknown> = parse(settingsFor(vendor, 'chaos', 'acme', { account }));
    const settingsYaml = stringify({
      ...plain,
      log: { level: 'info' },
      http: { timeoutMs: options.httpTimeoutMs ?? 10_000, connectTimeoutMs: 1000 },
    });
    const settings = parseSettings(settingsYaml, { file: null, baseDir: folder, env: RIG_ENV });
    const connected = await connectClient(settings, temporal.address);
    const db = createPool(postgres.address, { max: 3, applicationName: 'test' });
    return new ChaosRig(
      folder,
      vendor.url,
      vendor.process,
      { postgres, temporal },
      connected,
      db,
      settings,
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
    const before = worker.said('"event":"worker.started"');
    await eventually(`a worker starts (${worker.logFile})`, () =>
      worker.said('"event":"worker.started"') > before ? true : null,
    ).catch((error) => {
      throw new Error(`${error.message}; it said:\n${tailOf(worker.logFile, 20)}`);
    });
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

const RIG_ENV = { ...TEST_ENV, TEST_REFRESH_TOKEN_acme: 'Atzr|acme' };

/** A server on one port for all its lives, so that those who have its address find it again. */
class Server {
  private process: (ProcessIdentity & { address: string; port: number }) | null = null;

  private constructor(
    private readonly launch: () => Promise<ProcessIdentity & { address: string; port: number }>,
    private readonly port: number,
    private readonly files: readonly string[],
  ) {}

  static async postgres(dataDir: string): Promise<Server> {
    const port = await quietPort();
    return new Server(
      async () => {
        const server = await startPostgres({ dataDir, port });
        return { pid: server.pid, startTime: server.startTime, port: server.port, address: server.url };
      },
      port,
      [],
    ).started();
  }

  static async temporal(dbFile: string): Promise<Server> {
    const [port, uiPort] = [await quietPort(), await quietPort()];
    return new Server(
      async () => {
        const { pid, startTime, ...server } = await startTemporal({
          dbFile,
          logFile: `${dbFile}.log`,
          port,
          uiPort,
        });
        return { pid, startTime, port: server.port, address: server.address };
      },
      port,
      [dbFile, `${dbFile}-wal`, `${dbFile}-shm`],
    ).started();
  }

  /** Where it answers; a database's URL, a Temporal's host:port. */
  get address(): string {
    if (this.process === null) throw new Error('the server has never been started');
    return this.process.address;
  }

  async start(): Promise<void> {
    this.process = await this.launch();
    endWithRun(this.process.pid);
    if (this.process.port !== this.port) throw new Error(`port ${this.port} was taken by somebody else`);
  }

  /** kill -9. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.process !== null) await terminate(this.process, SIGKILL);
  }

  /** Deletes what it had stored, once it is dead: a disk that was lost. */
  forget(): void {
    for (const file of this.files) rmSync(file, { force: true });
  }

  private async started(): Promise<Server> {
    await this.start();
    return this;
  }
}

/** A free port that no outgoing connection is given: those of a dead server must stay free until it is back. */
async function quietPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await new Promise<boolean>((done) => {
      const server = createServer();
      server.once('error', () => done(false));
      server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => done(true)));
    });
    if (free) return port;
  }
}

async function startVendor(
  folder: string,
  scenario: AmazonScenarioInput,
): Promise<{ url: string; tokenUrl: string; process: Supervised }> {
  const file = join(folder, 'scenario.json');
  writeFileSync(file, JSON.stringify({ ...scenario, limits: { ...QUICK_LIMITS, ...scenario.limits } }));
  const main = join(DIST, 'vendors', 'amazon', 'simulator', 'main.js');
  const vendor = new Supervised([main, '--scenario', file], () => ({}), join(folder, 'vendor.log'));
  vendor.start();
  const line = await eventually('the simulator starts', () =>
    /^\{.*\}$/m.exec(readFileSync(vendor.logFile, 'utf8')),
  );
  const { url, tokenUrl } = JSON.parse(line[0]) as { url: string; tokenUrl: string };
  return { url, tokenUrl, process: vendor };
}

/** Workers run what is built: never what was built before the last change. A hundredth of a second as a rule. */
async function ensureBuild(): Promise<void> {
  if (process.env.SLUICE_TEST_DIST) return;
  const child = spawn(
    process.execPath,
    ['-e', "import('./scripts/bootstrap.mjs').then((it) => it.main(it.ensureBuild))"],
    { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  const code = await new Promise((done) => child.once('close', done));
  if (code !== 0) throw new Error(`the build failed:\n${said}`);
}
