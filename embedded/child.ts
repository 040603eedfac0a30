/**
 * Child processes that outlive their parent on purpose (a server must not die with the terminal that started
 * it), and the care this needs: a process is known by pid and start time, so a recycled pid is never killed.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A process, distinguishable from a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal only for the same process. Null when the system does not say. */
  readonly startTime: string | null;
}

const LOG_MAX_BYTES = 10 * 1024 * 1024;
const POLL_MS = 25;

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
  } catch {
    return '';
  }
}

/** `{state, startTime}` of a live pid; null when there is no such process. */
function processStatus(pid: number): { state: string; startTime: string | null } | null {
  if (existsSync('/proc/self/stat')) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The command name may hold spaces and parentheses: fields are counted after its last one.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const ticks = fields[19];
      return { state: fields[0] ?? '', startTime: ticks === undefined ? null : `${ticks}@${bootId()}` };
    } catch {
      return null;
    }
  }
  try {
    const line = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH ?? '/bin:/usr/bin', LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    const [state = '', ...started] = line.split(/\s+/);
    return { state, startTime: started.length > 0 ? started.join(' ') : null };
  } catch {
    return null;
  }
}

/** The identity of a running process; null when it is gone or a zombie. */
export function identify(pid: number): ProcessIdentity | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  const status = processStatus(pid);
  if (status === null || status.state.startsWith('Z')) return null;
  return { pid, startTime: status.startTime };
}

/** True while exactly this process runs; false for a zombie and for another process with its pid. */
export function isAlive(process: ProcessIdentity): boolean {
  const now = identify(process.pid);
  if (now === null) return false;
  return process.startTime === null || now.startTime === null || now.startTime === process.startTime;
}

/** True while it is stopped by a signal or a debugger: alive, and without an answer for anybody. */
export function isStopped({ pid }: ProcessIdentity): boolean {
  return /^[Tt]/.test(processStatus(pid)?.state ?? '');
}

/** Arguments of a running process, program first; empty when unknown. */
export function commandLine(pid: number): readonly string[] {
  try {
    if (existsSync('/proc/self/cmdline')) {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
    }
    const args = execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return args.trim().split(' ');
  } catch {
    return [];
  }
}

/** True when the process's arguments hold this text: how a pid file's claim is checked before any signal. */
export function runsWith(pid: number, text: string): boolean {
  return commandLine(pid).join(' ').includes(text);
}

export interface SpawnOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Output is appended here; the file is moved to `<logFile>.1` when it has grown past 10 MiB. */
  readonly logFile: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Default true: an own process group, so that Ctrl-C reaches the parent only and it can stop in order. */
  readonly detached?: boolean;
}

/** Starts a child whose output goes to a file, and lets the parent exit without it. */
export function spawnToLog(options: SpawnOptions): ChildProcess {
  mkdirSync(dirname(options.logFile), { recursive: true });
  if (existsSync(options.logFile) && statSync(options.logFile).size > LOG_MAX_BYTES) {
    renameSync(options.logFile, `${options.logFile}.1`);
  }
  const log = openSync(options.logFile, 'a', 0o600);
  // What it makes is its owner's alone to read: Temporal's database holds inputs and results. Inherited at the spawn.
  const mask = process.umask(0o077);
  try {
    const child = spawn(options.command, [...options.args], {
      stdio: ['ignore', log, log],
      detached: options.detached ?? true,
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
    child.unref();
    return child;
  } finally {
    process.umask(mask);
    closeSync(log);
  }
}

/** Takes files that an earlier version left open to others from them; those that are not there are passed over. */
export function keepToOwner(files: readonly string[]): void {
  for (const file of files) if (existsSync(file)) chmodSync(file, 0o600);
}

/** Resolves to true once the process is gone, false when it still runs after `timeoutMs`. */
export async function waitForExit(process: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (isAlive(process)) {
    if (Date.now() >= deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

export interface SignalStep {
  readonly signal: NodeJS.Signals;
  readonly waitMs: number;
}

export const TERM_THEN_KILL: readonly SignalStep[] = [
  { signal: 'SIGTERM', waitMs: 10_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
];

/**
 * Sends each signal in turn until the process is gone. Resolves to the signal that ended it, or null when it
 * was gone already. Throws when it survives them all or may not be signalled.
 */
export async function terminate(
  target: ProcessIdentity,
  steps: readonly SignalStep[] = TERM_THEN_KILL,
): Promise<NodeJS.Signals | null> {
  for (const { signal, waitMs } of steps) {
    if (!isAlive(target)) return null;
    try {
      process.kill(target.pid, signal);
    } catch (error) {
      if (!isAlive(target)) return null;
      throw error;
    }
    if (await waitForExit(target, waitMs)) return signal;
  }
  throw new Error(`Process ${target.pid} is still running after ${steps.map((s) => s.signal).join(', ')}.`);
}

/** The end of a text file, for error messages; empty when there is none. */
export function tailOf(file: string, lines: number, fromByte = 0): string {
  try {
    const text = readFileSync(file).subarray(fromByte).toString('utf8');
    return text.trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}

export function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}
