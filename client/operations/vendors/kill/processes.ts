/** The processes that do the work and are killed: a worker, and one that reads vehicles. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { tailOf } from '../../../../embedded/child';

const DIST = join(__dirname, '..', '..', '..', '..');

/** Starts of one program, of which one runs at a time. */
export class Victim {
  private child: ChildProcess | null = null;

  constructor(
    private readonly args: readonly string[],
    private readonly env: NodeJS.ProcessEnv,
    private readonly cwd: string,
    private readonly logFile: string,
  ) {}

  static worker(settings: string, env: NodeJS.ProcessEnv, cwd: string): Victim {
    const args = [join(DIST, 'workers', 'main.js'), '--settings', settings];
    return new Victim(args, env, cwd, join(cwd, 'worker.log'));
  }

  /** @param what as JSON for reader.ts. */
  static reader(what: object, env: NodeJS.ProcessEnv, cwd: string): Victim {
    const args = [join(__dirname, 'reader.js'), JSON.stringify(what)];
    return new Victim(args, env, cwd, join(cwd, 'reader.log'));
  }

  start(): void {
    const log = openSync(this.logFile, 'a');
    this.child = spawn(process.execPath, [...this.args], {
      cwd: this.cwd,
      env: this.env,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
  }

  /** kill -9. Resolves when it is gone. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await gone;
  }

  /** The last it has written, when it has ended by itself with an error; null otherwise. */
  problem(): string | null {
    const { child } = this;
    if (child === null || child.exitCode === null || child.exitCode === 0) return null;
    return `it ended with ${child.exitCode}: ${tailOf(this.logFile, 3).slice(0, 500)}`;
  }
}
