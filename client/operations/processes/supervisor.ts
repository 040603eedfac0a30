/**
 * The supervisor that `up --detach` leaves running. It restarts a worker, a codec server or a server of this folder
 * when one ends. `sluice down` ends it first. SIGTERM makes it stop all; SIGHUP ends it and leaves the rest running,
 * for another `up` that takes over.
 */

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
import type { StateDir } from '../../../embedded/state-dir';
import type { Settings } from '../../../settings';
import { ClientError } from '../errors';
import { findProcess } from './servers';

export const SUPERVISOR = 'supervisor';
const START_MS = 60_000;
const LEAVE_MS = 60_000;

/** Resolves once it supervises what runs. @throws ClientError with the end of its log when it does not start. */
export async function startSupervisor(dir: StateDir, settings: Settings): Promise<void> {
  const logFile = join(dir.logs, `${SUPERVISOR}.log`);
  const child = spawnToLog({
    command: process.execPath,
    args: [
      join(__dirname, '..', '..', 'launch.cjs'),
      ...(settings.file === null ? [] : ['--settings', settings.file]),
      ...['up', '--supervise'],
    ],
    env: process.env,
    logFile,
  });
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  failed.catch(() => undefined);
  if (child.pid === undefined) return failed;
  const started = identify(child.pid) ?? { pid: child.pid, startTime: null };
  const deadline = Date.now() + START_MS;
  while (findProcess(dir, SUPERVISOR)?.pid !== child.pid) {
    if (!isAlive(started) || Date.now() > deadline) {
      throw new ClientError(
        `what runs is not supervised: the supervisor does not start; its log (${logFile}) ends with:\n${tailOf(logFile, 5)}`,
      );
    }
    await delay(50);
  }
}

/** Ends it and leaves the rest running. */
export async function dismissSupervisor(supervisor: ProcessIdentity): Promise<void> {
  await terminate(supervisor, [
    { signal: 'SIGHUP', waitMs: LEAVE_MS },
    { signal: 'SIGKILL', waitMs: 5_000 },
  ]);
}
