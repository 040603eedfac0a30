/** An operator's pause of one piece of work, by the signals `pause` and `resume`. */
import { condition, setHandler } from '@temporalio/workflow';
import { orderReason, pauseSignal, resumeSignal } from './messages';

export class OperatorPause {
  /** Why the work is paused; null while it runs. */
  reason: string | null;

  /** Called after each order. Not a part of the constructor, which already handles orders that came before the workflow began. */
  onOrder: (order: 'pause' | 'resume') => void = () => undefined;

  /** @param reason carried over continue-as-new. */
  constructor(reason: string | null = null) {
    this.reason = reason;
    setHandler(pauseSignal, (pause) => {
      this.reason = orderReason(pause);
      this.onOrder('pause');
    });
    setHandler(resumeSignal, () => {
      this.reason = null;
      this.onOrder('resume');
    });
  }

  get isOn(): boolean {
    return this.reason !== null;
  }

  /** Blocks while the work is paused. */
  readonly whileRunning = async (): Promise<void> => {
    if (this.isOn) await condition(() => !this.isOn);
  };
}
