/** Waits for what has to happen, however slow the machine is. */
import { setTimeout as delay } from 'node:timers/promises';

/** What is looked for; null, undefined and false: not yet. */
export type Look<T> = () => Promise<T | null | undefined | false> | T | null | undefined | false;

/**
 * Looks until there is something: anything but null, undefined and false. A look that throws (a server is down)
 * is a look that found nothing.
 * @throws with `what` and the last look's error when the time is over.
 */
export async function eventually<T>(
  what: string,
  look: Look<T>,
  timeoutMs = 180_000,
  everyMs = 25,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown = null;
  for (;;) {
    try {
      const found = await look();
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
    await delay(everyMs);
  }
}
