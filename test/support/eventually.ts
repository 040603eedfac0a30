/** Waits for what has to happen, however slow the machine is. */
import { setTimeout as delay } from 'node:timers/promises';

/** Finds what is awaited; null, undefined and false: not yet. */
export type Finder<T> = () => Promise<T | null | undefined | false> | T | null | undefined | false;

/** The first tries come soon after each other; what takes long is looked at less often, and leaves the processors to what is awaited. */
const FIRST_MS = 25;
const GROWTH = 1.25;
const LONGEST_MS = 200;

/** The last try may take this much longer on a busy machine, ms. */
const GRACE_MS = 60_000;

/** A try may wait by itself for what never comes, such as a workflow's result: it, too, has an end. */
async function bounded<T>(found: T | Promise<T>, deadline: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const leftMs = Math.max(0, deadline - Date.now()) + GRACE_MS;
    timer = setTimeout(() => reject(new Error('the last try has not ended')), leftMs);
  });
  try {
    return await Promise.race([found, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Tries until something is found: anything but null, undefined and false. A try that throws (a server is down)
 * is a try that found nothing.
 * @throws with `what` and the last try's error when the time is over.
 */
export async function eventually<T>(
  what: string,
  find: Finder<T>,
  timeoutMs = 180_000,
  everyMs?: number,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let waitMs = everyMs ?? FIRST_MS;
  let last: unknown = null;
  for (;;) {
    try {
      const found = await bounded(find(), deadline);
      if (found !== null && found !== undefined && found !== false) return found;
      last = null;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `not within ${timeoutMs / 1000} s: ${what}${last === null ? '' : ` (${String(last)})`}`,
      );
    }
    await delay(waitMs);
    if (everyMs === undefined) waitMs = Math.min(waitMs * GROWTH, LONGEST_MS);
  }
}
