/**
 * `instance.json`: what runs on this machine for this state folder, for the commands that come later (status,
 * down, doctor). It is a description and not a lock: every process in it has to be checked before it is
 * believed or signalled, which `isAlive` and `terminate` of `child.ts` do by start time.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { isAlive, type ProcessIdentity, type SignalStep, TERM_THEN_KILL, terminate } from './child';
import { ensureStateDir, type StateDir } from './state-dir';

const identity = { pid: z.number().int().positive(), startTime: z.string().nullable() };

const instanceSchema = z.object({
  version: z.literal(1),
  /** ISO time at which it was started. */
  startedAt: z.string(),
  /** Absent when DATABASE_URL names somebody else's. The URL holds the password. */
  postgres: z.object({ ...identity, url: z.string(), port: z.number(), data: z.string() }).optional(),
  /** Absent when TEMPORAL_ADDRESS names somebody else's. */
  temporal: z.object({ ...identity, address: z.string(), uiUrl: z.string(), version: z.string() }).optional(),
  /** Our own processes: worker, API, simulators. */
  processes: z.array(
    z.object({
      ...identity,
      name: z.string(),
      url: z.string().optional(),
      /** How long it may take to end after SIGTERM, ms. */
      stopMs: z.number().optional(),
      /** Keyed fingerprints of what it keeps from its environment, by name. */
      environment: z.record(z.string(), z.string()).optional(),
    }),
  ),
});

export type Instance = z.infer<typeof instanceSchema>;

/** Null when there is none, or none that this version understands. */
export function readInstance(dir: StateDir): Instance | null {
  try {
    const parsed = instanceSchema.safeParse(JSON.parse(readFileSync(dir.instance, 'utf8')));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** Replaces the file as a whole; readable by its owner only, for it holds the database's password. */
export function writeInstance(dir: StateDir, instance: Instance): void {
  ensureStateDir(dir);
  const draft = `${dir.instance}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(instance, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, dir.instance);
}

export function removeInstance(dir: StateDir): void {
  rmSync(dir.instance, { force: true });
}

export interface NamedProcess extends ProcessIdentity {
  readonly name: string;
  readonly alive: boolean;
}

/** Every process of the instance, servers first, with whether exactly that process still runs. */
export function processesOf(instance: Instance): readonly NamedProcess[] {
  const named = [
    ...(instance.postgres ? [{ name: 'postgres', ...instance.postgres }] : []),
    ...(instance.temporal ? [{ name: 'temporal', ...instance.temporal }] : []),
    ...instance.processes,
  ];
  return named.map(({ name, pid, startTime }) => ({
    name,
    pid,
    startTime,
    alive: isAlive({ pid, startTime }),
  }));
}

/** Stops our own processes, not the servers, last started first. Resolves to the names of those that ran. */
export async function stopProcesses(
  instance: Instance,
  steps: readonly SignalStep[] = TERM_THEN_KILL,
): Promise<readonly string[]> {
  const stopped: string[] = [];
  for (const process of [...instance.processes].reverse()) {
    if ((await terminate(process, steps)) !== null) stopped.push(process.name);
  }
  return stopped;
}

/** A connection string fit for a terminal or a log: the password is replaced by `***`. */
export function withoutPassword(url: string): string {
  try {
    const shown = new URL(url);
    if (shown.password !== '') shown.password = '***';
    return shown.toString();
  } catch {
    return '(not a URL)';
  }
}
