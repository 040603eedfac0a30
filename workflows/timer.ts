/** A timer that a workflow can abandon: for waits that end with whichever comes first. */
import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';

export interface Timer {
  /** What it is for; one that waits for the same need not be started again. */
  readonly purpose: string;
  over: boolean;
  cancel(): void;
}

/** @param summary what the Web UI shows beside the timer. */
export function startTimer(purpose: string, ms: number, summary: string): Timer {
  const scope = new CancellationScope();
  const timer: Timer = { purpose, over: false, cancel: () => scope.cancel() };
  scope
    .run(() => sleep(ms, { summary }))
    .then(
      () => {
        timer.over = true;
      },
      (error) => {
        if (!isCancellation(error)) throw error;
      },
    );
  return timer;
}
