/**
 * A lock between processes, held by a file that names its owner. A lock whose owner has died is taken over,
 * so a `kill -9` never blocks the next start.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identify, isAlive, type ProcessIdentity } from './child';
import { EmbeddedError, errorCode } from './errors';

export interface LockOptions {
  /** How long to wait for another owner, in milliseconds. Default 120 s. */
  readonly timeoutMs?: number;
  /** Called once, when another process has to be waited for. */
  readonly onWait?: (owner: number) => void;
}

const POLL_MS = 50;
const BREAKER_MAX_AGE_MS = 10_000;

/** Who holds the lock: a living process, one that is gone (or a damaged file), or nobody. */
function readOwner(file: string): ProcessIdentity | 'gone' | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || !('pid' in parsed)) return 'gone';
    const startTime = 'startTime' in parsed && typeof parsed.startTime === 'string' ? parsed.startTime : null;
    const owner = { pid: Number(parsed.pid), startTime };
    return isAlive(owner) ? owner : 'gone';
  } catch {
    return 'gone';
  }
}

/** Creates the lock file whole or not at all: a link never shows a half-written owner. */
function tryAcquire(file: string): boolean {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, JSON.stringify(identify(process.pid) ?? { pid: process.pid, startTime: null }));
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Removes the lock of a dead owner. One breaker at a time, or a second one would remove the first's new lock. */
function breakStale(file: string): void {
  const breaker = `${file}.break`;
  try {
    mkdirSync(breaker);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    try {
      if (Date.now() - statSync(breaker).mtimeMs > BREAKER_MAX_AGE_MS) rmdirSync(breaker);
    } catch {
      // Another process finished breaking in between.
    }
    return;
  }
  try {
    // Read again: only a dead owner's file stays as it is until it is removed here.
    if (readOwner(file) === 'gone') rmSync(file, { force: true });
  } finally {
    rmdirSync(breaker);
  }
}

/** Runs `work` while holding `file`. Throws `LOCK_TIMEOUT`, naming the owner, when it does not come free. */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const timeoutMs = options.timeoutMs ?? 120_000;
  const deadline = Date.now() + timeoutMs;
  let reported = false;
  while (!tryAcquire(file)) {
    const owner = readOwner(file);
    if (owner === null || owner === 'gone') {
      if (owner === 'gone') breakStale(file);
      await delay(1);
      continue;
    }
    if (!reported) {
      reported = true;
      options.onWait?.(owner.pid);
    }
    if (Date.now() >= deadline) {
      throw new EmbeddedError(
        'LOCK_TIMEOUT',
        `Waited ${Math.round(timeoutMs / 1000)} s for process ${owner.pid}, which holds ${file}. ` +
          `Let it finish or stop it, then try again.`,
      );
    }
    await delay(POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}
