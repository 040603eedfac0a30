/**
 * The identity under which a worker polls Temporal. Temporal lists a dead worker for minutes; from its identity, the
 * machine that it ran on can see at once that it is dead.
 */
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { identify, isAlive } from '../embedded/child';

/** Where pids mean the same processes: containers may share a host's name, and not its pids. */
function pidSpace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '-';
  } catch {
    return '-';
  }
}

const PATTERN = /^(\d+)@(\S+) pids=(\S+) started=(.+)$/;

/** Begins as the SDK's own names do, with `pid@host`. */
export function workerIdentity(pid: number = process.pid): string {
  return `${pid}@${hostname()} pids=${pidSpace()} started=${identify(pid)?.startTime ?? '-'}`;
}

/**
 * True when it is certain that the worker of this name does not run any more: it ran on this machine, and its process
 * is gone. False for workers elsewhere, and for names that are not ours.
 */
export function hasEnded(identity: string): boolean {
  const [, pid, host, pids, started] = PATTERN.exec(identity) ?? [];
  if (host !== hostname() || pids !== pidSpace()) return false;
  return !isAlive({ pid: Number(pid), startTime: started === undefined || started === '-' ? null : started });
}
