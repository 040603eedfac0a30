/** Ctrl-C and SIGTERM: the first one shuts down in order, the second one exits at once. */

/** One press may arrive twice: from the terminal, and passed on by npx or another program in between, ms. */
const SAME_PRESS_MS = 500;

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Resolves at the first signal. Whoever asks for it keeps the process alive until then. */
  readonly promise: Promise<void>;
  /** Listens no more. */
  done(): void;
}

export function untilInterrupted(): Interrupt {
  const controller = new AbortController();
  let firstAt = 0;
  const onSignal = () => {
    if (!controller.signal.aborted) {
      firstAt = performance.now();
      controller.abort();
    } else if (performance.now() - firstAt > SAME_PRESS_MS) process.exit(130);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  let promise: Promise<void> | null = null;
  return {
    signal: controller.signal,
    get promise() {
      promise ??= aborted(controller.signal);
      return promise;
    },
    done: () => {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
      if (!controller.signal.aborted) controller.abort();
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    // A timer of its own, for an abort signal alone keeps no process alive.
    const alive = setInterval(() => undefined, 1 << 30);
    signal.addEventListener('abort', () => {
      clearInterval(alive);
      resolve();
    });
  });
}
