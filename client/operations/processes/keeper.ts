/** Our own programs of one state folder as processes: how each is run, which of those that run is adopted, and what keeps one running. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  identify,
  isAlive,
  type ProcessIdentity,
  spawnToLog,
  tailOf,
  terminate,
} from '../../../embedded/child';
import type { Instance } from '../../../embedded/instance';
import type { StateDir } from '../../../embedded/state-dir';
import type { Settings } from '../../../settings';
import { workerStopMs } from '../../../settings/longest-call';
import { askWorker } from '../../../workers/health-socket';
import { type AskHealth, HangWatch, HUNG_MS } from './hang-watch';
import { findProcess, forgetProcess, recordProcess, type Say, type Servers, stopSteps } from './servers';
import { changedSince, type EnvironmentPrint, olderText } from './worker-environment';

export interface ChildProgram {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly url?: string;
  /** How long it may take to end after SIGTERM, ms. */
  readonly stopMs?: number;
  /** Files whose change makes it another program. */
  readonly dependsOn?: readonly string[];
  /** Asks it whether it is well. */
  readonly health?: AskHealth;
  /** What it keeps from the environment that it is started in. */
  readonly environment?: EnvironmentPrint;
  /** Asked before each start: what has to be another where its place is taken, such as its port. */
  readonly whereFree?: (say: Say) => Promise<Partial<Pick<ChildProgram, 'args' | 'url' | 'whereFree'>>>;
}

/** Distinguishes ways of running a program: with what arguments, which files, and from which build. */
function fingerprintOf(program: ChildProgram): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([program.script, program.args, program.env ?? {}]));
  for (const file of [join(__dirname, '..', '..', '..', '.build-stamp.json'), ...(program.dependsOn ?? [])]) {
    hash.update(existsSync(file) ? readFileSync(file) : '');
  }
  return hash.digest('hex').slice(0, 16);
}

const fingerprintFile = (dir: StateDir, name: string) => join(dir.root, `${name}.fingerprint`);

/** Whether this process was started as this program would be now: of the same build, with the same settings file. */
export function isSameProgram(dir: StateDir, program: ChildProgram, running: ProcessIdentity): boolean {
  const file = fingerprintFile(dir, program.name);
  return existsSync(file) && readFileSync(file, 'utf8') === `${running.pid} ${fingerprintOf(program)}`;
}

/** Says what a running process keeps from its start that is another here. */
export function sayWhatIsOlder(
  program: ChildProgram,
  running: Instance['processes'][number],
  say: Say,
): void {
  const changed = changedSince(running.environment ?? {}, program.environment ?? {});
  if (changed.length > 0) say(olderText(program.name, running.pid, changed));
}

/**
 * The running process of this program, to be adopted, if it is the same program with the same settings; null when
 * there is none. One that is not the same any more is stopped.
 */
export async function adoptable(
  dir: StateDir,
  program: ChildProgram,
  say: Say,
): Promise<ProcessIdentity | null> {
  const found = findProcess(dir, program.name);
  if (found === null) return null;
  if (isSameProgram(dir, program, found)) {
    sayWhatIsOlder(program, found, say);
    return found;
  }
  say(`the ${program.name} that runs (process ${found.pid}) is of another build or settings: replacing it`);
  await terminate(found, stopSteps(found.stopMs));
  return null;
}

/** Waits before each further restart of what keeps dying. */
export const BACKOFF_MS: readonly number[] = [500, 1_000, 2_000, 5_000, 10_000, 30_000];
/** After this long a process is taken to be well, and the next restart is quick again. */
export const WELL_MS = 60_000;
const WATCH_MS = 250;

/** Keeps one program running until it is stopped; a program that runs already is adopted. */
export class Keeper {
  private identity: ProcessIdentity | null = null;
  private startedAt = 0;
  private deaths = 0;
  private hang: HangWatch | null = null;
  private stopping = false;
  private watching: Promise<void> = Promise.resolve();
  /** What it last died of, for people; null while it is well. */
  problem: string | null = null;

  constructor(
    private readonly dir: StateDir,
    private program: ChildProgram,
    private readonly say: Say,
    private readonly onHung?: (reason: string) => Promise<void>,
  ) {}

  get pid(): number | null {
    return this.identity !== null && isAlive(this.identity) ? this.identity.pid : null;
  }

  async start(adopt: ProcessIdentity | null = null): Promise<void> {
    if (adopt === null) await this.launch();
    else {
      this.identity = { pid: adopt.pid, startTime: adopt.startTime };
      this.startedAt = Date.now();
    }
    this.watching = this.watch();
  }

  /** Starts it without staying to watch. */
  async launch(): Promise<void> {
    this.program = { ...this.program, ...(await this.program.whereFree?.(this.say)) };
    const { name, script, args, env, logFile, url, stopMs, environment } = this.program;
    const child = spawnToLog({
      command: process.execPath,
      args: [script, ...args],
      // It belongs to this folder's servers: a demo's is another than the one that the demo was started in.
      env: { ...process.env, SLUICE_STATE_DIR: this.dir.root, SLUICE_SPOOL_DIR: this.dir.spool, ...env },
      logFile,
    });
    const failed = new Promise<never>((_, reject) => child.once('error', reject));
    failed.catch(() => undefined);
    if (child.pid === undefined) return failed;
    this.identity = identify(child.pid) ?? { pid: child.pid, startTime: null };
    this.startedAt = Date.now();
    writeFileSync(fingerprintFile(this.dir, name), `${child.pid} ${fingerprintOf(this.program)}`, {
      mode: 0o600,
    });
    await recordProcess(this.dir, {
      ...{ name, ...this.identity },
      ...(url === undefined ? {} : { url }),
      ...(stopMs === undefined ? {} : { stopMs }),
      ...(environment === undefined ? {} : { environment }),
    });
  }

  /** Another way of running it from now on: what runs is ended, and started again like this. */
  async change(program: ChildProgram): Promise<void> {
    this.program = program;
    if (this.identity !== null) await terminate(this.identity, stopSteps(program.stopMs));
  }

  private async watch(): Promise<void> {
    while (!this.stopping) {
      if (this.identity !== null && isAlive(this.identity)) {
        if (await this.endsHung(this.identity)) continue;
        if (Date.now() - this.startedAt > WELL_MS) {
          this.deaths = 0;
          this.problem = null;
        }
        await delay(WATCH_MS);
        continue;
      }
      const wait = BACKOFF_MS[Math.min(this.deaths, BACKOFF_MS.length - 1)] ?? 30_000;
      this.deaths++;
      const last = tailOf(this.program.logFile, 1).slice(0, 300);
      // A line of the structured log is an ordinary message, and says nothing about the end.
      const why = last === '' || last.startsWith('{') ? this.program.logFile : last;
      this.problem = `${this.program.name} ended (${why}); starting it again in ${wait / 1000} s`;
      this.say(this.problem);
      const until = Date.now() + wait;
      while (Date.now() < until && !this.stopping) await delay(Math.min(WATCH_MS, wait));
      if (this.stopping) return;
      await this.launch().catch((error: unknown) => this.say(`${this.program.name}: ${String(error)}`));
    }
  }

  /** Kills a process that is silent; it would handle no other signal. @returns whether it has. */
  private async endsHung(identity: ProcessIdentity): Promise<boolean> {
    if (this.hang?.identity.pid !== identity.pid) this.hang = new HangWatch(identity, this.program.health);
    const silentMs = this.hang.silentMs();
    if (silentMs < HUNG_MS) return false;
    const { name } = this.program;
    const reason = `${name} (process ${identity.pid}) has been silent for ${Math.round(silentMs / 1000)} s: frozen, or its event loop hangs; it is ended and started again`;
    this.say(reason);
    await this.onHung?.(reason);
    await terminate(identity, [{ signal: 'SIGKILL', waitMs: 5_000 }]);
    return true;
  }

  /** Watches no more, and leaves it running. */
  async leave(): Promise<void> {
    this.stopping = true;
    await this.watching;
  }

  async stop(): Promise<void> {
    await this.leave();
    if (this.identity !== null) await terminate(this.identity, stopSteps(this.program.stopMs));
    await forgetProcess(this.dir, this.program.name);
  }
}

/** How a worker is run; the demo's has a name of its own, so that both may run in one folder. */
export function workerProgram(
  dir: StateDir,
  settings: Settings,
  servers: Pick<Servers, 'databaseUrl' | 'temporalAddress'>,
  name: 'worker' | 'demo-worker' = 'worker',
): ChildProgram {
  return {
    name,
    script: join(__dirname, '..', '..', '..', 'workers', 'main.js'),
    args: settings.file === null ? [] : ['--settings', settings.file],
    env: {
      SLUICE_EMBEDDED_DATABASE_URL: servers.databaseUrl,
      SLUICE_EMBEDDED_TEMPORAL_ADDRESS: servers.temporalAddress,
    },
    logFile: join(dir.logs, `${name}.log`),
    stopMs: workerStopMs(settings),
    dependsOn: settings.file === null ? [] : [settings.file],
    health: (pid) => askWorker(settings.temporal, pid),
  };
}
