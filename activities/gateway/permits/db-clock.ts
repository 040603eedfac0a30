/**
 * Estimates the database's clock from answers that carried its time. Each answer bounds the offset from both sides;
 * the intersection of recent bounds is narrower than any round trip. Bounds widen by the drift that a crystal may
 * have. An answer that contradicts them by more than that means that the database's clock was stepped, and the
 * estimate starts afresh.
 */
import { uptime } from 'node:os';

export interface ClockStep {
  /** Forward, or back when negative, ms. */
  readonly step: number;
  /** Until when the clock was seen to be right, epoch ms on the database's clock as it was. */
  readonly lastGood: number;
  /** The offset that the step was judged by: as uncertain as the answer that showed it was slow. */
  readonly offset: number;
}

/** Less is within what a slow answer and a crystal explain, ms. */
const LEAST_STEP_MS = 500;

export class DbClock {
  private lower = Number.NEGATIVE_INFINITY;
  private upper = Number.POSITIVE_INFINITY;
  private seenAt = 0;
  private answers = 0;
  private leastRoundTrip = Number.POSITIVE_INFINITY;
  private asleep: number;

  /**
   * @param localNow monotonic local milliseconds, which stand still while the machine sleeps.
   * @param onStep called at once for each step; whoever waits for a time from before adds it.
   * @param sleptMs how long this machine has slept in all, ms.
   */
  constructor(
    private readonly localNow: () => number = () => performance.now(),
    private readonly onStep: (step: ClockStep) => void = () => undefined,
    private readonly sleptMs: () => number = () => uptime() * 1000 - performance.now(),
  ) {
    this.asleep = sleptMs();
  }

  /** An answer that was asked at `askedAt`, arrived at `answeredAt` (local ms) and carried the database's `dbNow`. */
  observe(askedAt: number, answeredAt: number, dbNow: number): void {
    const drift = Math.max(0, answeredAt - this.seenAt) * 50e-6;
    const lastSeenAt = this.seenAt;
    this.seenAt = Math.max(this.seenAt, answeredAt);
    this.answers++;
    this.leastRoundTrip = Math.min(this.leastRoundTrip, answeredAt - askedAt);
    const before = this.offset;
    this.lower = Math.max(this.lower - drift, dbNow - answeredAt);
    this.upper = Math.min(this.upper + drift, dbNow - askedAt);
    if (this.lower > this.upper) {
      this.lower = dbNow - answeredAt;
      this.upper = dbNow - askedAt;
      this.judge(this.offset - before, lastSeenAt + before);
    }
  }

  private judge(jump: number, lastGood: number): void {
    const slept = this.sleptMs() - this.asleep;
    this.asleep += slept;
    // While this machine slept, the database's clock went on as it should.
    const step = jump - (slept > LEAST_STEP_MS ? slept : 0);
    if (Number.isFinite(step) && Math.abs(step) > LEAST_STEP_MS) {
      this.onStep({ step, lastGood, offset: this.offset });
    }
  }

  /** Epoch ms on the database's clock; NaN before the first answer. */
  now(): number {
    return this.localNow() + this.offset;
  }

  /** What the database's clock is ahead of this process's, ms; NaN before the first answer. */
  get offset(): number {
    return (this.lower + this.upper) / 2;
  }

  /** True when a few more answers would improve the estimate: there were hardly any, or only slow ones lately. */
  get vague(): boolean {
    return this.answers < 6 || this.upper - this.lower > 0.5 + 1.5 * this.leastRoundTrip;
  }
}
