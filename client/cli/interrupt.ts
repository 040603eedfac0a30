/** Ctrl-C and SIGTERM: the first one shuts down in order, the second one exits at once. */

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Resolves at the first signal. */
  readonly promise: Promise<void>;
  /** Listens no more. */
  done(): void;
}

export function untilInterrupted(): Interrupt {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    promise: new Promise((resolve) => {
      // A timer of its own, for an abort signal alone keeps no process alive.
      const alive = setInterval(() => undefined, 1 << 30);
      controller.signal.addEventListener('abort', () => {
        clearInterval(alive);
        resolve();
      });
    }),
    done: () => {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
      if (!controller.signal.aborted) controller.abort();
    },
  };
}
