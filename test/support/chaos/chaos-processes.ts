/** Processes that a chaos test kills and starts: supervised scripts of this build, and servers that keep their port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ProcessIdentity, terminate } from '../../../embedded/child';
import { freePort } from '../../../embedded/ports';
import { startPostgres } from '../../../embedded/postgres/postgres';
import { startTemporal } from '../../../embedded/temporal/temporal';
import { endWithRun } from '../run/run-folder';

const ROOT = resolve(__dirname, '..', '..', '..');
const SIGKILL = [{ signal: 'SIGKILL', waitMs: 10_000 }] as const;

/** A process that is started again when it ends, until that is switched off. */
export class Supervised {
  private child: ChildProcess | null = null;
  private wanted = false;

  constructor(
    private readonly args: readonly string[],
    private readonly env: () => NodeJS.ProcessEnv,
    readonly logFile: string,
  ) {}

  start(): void {
    this.wanted = true;
    // One that has started itself again meanwhile would be nobody's.
    this.child?.kill('SIGKILL');
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

  /** SIGSTOP: it does nothing any more, and its connections stay open. */
  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  /** SIGCONT: it goes on where it was frozen. */
  thaw(): void {
    this.child?.kill('SIGCONT');
  }

  /** How often it has written this so far. */
  said(text: string | RegExp): number {
    return readFileSync(this.logFile, 'utf8').split(text).length - 1;
  }
}

/** A server on one port for all its lives, so that those who have its address find it again. */
export class Server {
  private process: (ProcessIdentity & { address: string; port: number }) | null = null;

  private constructor(
    private readonly launch: () => Promise<ProcessIdentity & { address: string; port: number }>,
    private readonly port: number,
    private readonly files: readonly string[],
  ) {}

  static async postgres(dataDir: string): Promise<Server> {
    const port = await freePort();
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
    const [port, uiPort] = [await freePort(), await freePort()];
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
