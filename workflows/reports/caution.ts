/**
 * How many windows of one series are requested before the vendor has made its first report: a few at first, then all,
 * and none once several in a row are permanently refused. A permanent refusal thereby costs a handful of calls instead
 * of one for each window. Deterministic: uses workflow conditions only.
 */
import { condition } from '@temporalio/workflow';
import { speaksAgainstAll, type WindowCause } from '../../quota/windows/window-retry';

/** Reports under way at once while none has been made, and while one has been made but none has been read. */
const FIRST = 5;
const ONCE_MADE = 10;
/** Refusals in a row that speak for all: before anything was had, and after. */
const REFUSALS_AT_FIRST = 3;
const REFUSALS_LATER = 6;

/** Why the other windows of the series are not requested. */
export interface Refusal {
  readonly cause: WindowCause;
  readonly reason: string;
  /** Epoch ms at which those that were refused are tried again. */
  readonly retryAt: number | null;
}

export class Caution {
  private next = 0;
  private served = 0;
  private underWay = 0;
  private width = FIRST;
  private hasSucceeded = false;
  private inARow = 0;
  private last: Refusal | null = null;

  /** The refusal that speaks for all, once there is one. */
  get stopped(): Refusal | null {
    return this.inARow >= (this.hasSucceeded ? REFUSALS_LATER : REFUSALS_AT_FIRST) ? this.last : null;
  }

  get refusals(): number {
    return this.inARow;
  }

  /** Waits for a window's turn. False: it is not to be requested. With true, `onLeaving` must follow. */
  async admit(): Promise<boolean> {
    const ticket = this.next++;
    await condition(
      () =>
        ticket === this.served &&
        (this.stopped !== null || this.hasSucceeded || this.underWay + this.inARow < this.width),
    );
    this.served++;
    return this.enter();
  }

  /** As `admit`, for a window, or a part of one, that was refused: first it is seen what becomes of the others. */
  async admitAgain(): Promise<boolean> {
    await condition(() => this.stopped !== null || this.hasSucceeded || this.underWay === 0);
    return this.enter();
  }

  /** What an admitted window calls when it is over, or when the others need not wait for it; once is enough. */
  onLeaving(): () => void {
    let isIn = true;
    return () => {
      if (isIn) this.underWay--;
      isIn = false;
    };
  }

  /** The vendor has made a report. */
  made(): void {
    this.width = ONCE_MADE;
  }

  succeeded(): void {
    this.hasSucceeded = true;
    this.inARow = 0;
  }

  refused(cause: WindowCause, reason: string): void {
    if (!speaksAgainstAll(cause)) return;
    this.inARow++;
    this.last = { cause, reason, retryAt: this.last?.retryAt ?? null };
  }

  /** When what was refused is tried again: then the others, too. */
  triedAgainAt(cause: WindowCause, retryAt: number | null): void {
    if (this.last !== null && speaksAgainstAll(cause)) this.last = { ...this.last, retryAt };
  }

  private enter(): boolean {
    if (this.stopped !== null) return false;
    this.underWay++;
    return true;
  }
}
