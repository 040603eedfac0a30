/** Waits that count this process's free time: what it was too busy to read is no silence of the server's. */

/** Between two looks at whether the event loop turns, ms. */
const TICK_MS = 50;

/**
 * Calls `done` once the event loop has been free for so long, ms, and what had come by then has been read. A loop that is
 * blocked for seconds counts as one tick.
 * @returns what cancels it.
 */
export function afterFreeTime(ms: number, done: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let reading: NodeJS.Immediate | undefined;
  const wait = (leftMs: number) => {
    timer = setTimeout(
      () => {
        // Timers come before what has arrived; immediates come after it.
        if (leftMs > TICK_MS) wait(leftMs - TICK_MS);
        else reading = setImmediate(done);
      },
      Math.min(TICK_MS, leftMs),
    );
  };
  wait(ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(reading);
  };
}
