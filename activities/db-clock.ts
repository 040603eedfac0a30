/**
 * An estimate of the database's clock from answers that carried its time. Each answer bounds the offset from both
 * sides; the intersection of recent bounds is narrower than any round trip. Bounds widen by the drift a crystal may
 * have, and start anew when they contradict each other (a clock was stepped).
 */
export class DbClock {
  private lower = Number.NEGATIVE_INFINITY;
  private upper = Number.POSITIVE_INFINITY;
  private seenAt = 0;
  private answers = 0;
  private leastRoundTrip = Number.POSITIVE_INFINITY;

  /** @param localNow monotonic local milliseconds. */
  constructor(private readonly localNow: () => number = () => performance.now()) {}

  /** An answer that was asked at `askedAt`, arrived at `answeredAt` (local ms) and carried the database's `dbNow`. */
  observe(askedAt: number, answeredAt: number, dbNow: number): void {
    const drift = Math.max(0, answeredAt - this.seenAt) * 50e-6;
    this.seenAt = Math.max(this.seenAt, answeredAt);
    this.answers++;
    this.leastRoundTrip = Math.min(this.leastRoundTrip, answeredAt - askedAt);
    this.lower = Math.max(this.lower - drift, dbNow - answeredAt);
    this.upper = Math.min(this.upper + drift, dbNow - askedAt);
    if (this.lower > this.upper) {
      this.lower = dbNow - answeredAt;
      this.upper = dbNow - askedAt;
    }
  }

  /** Epoch ms on the database's clock; NaN before the first answer. */
  now(): number {
    return this.localNow() + (this.lower + this.upper) / 2;
  }

  /** True when a few more answers would tell the time better: there were hardly any, or only slow ones lately. */
  get vague(): boolean {
    return this.answers < 6 || this.upper - this.lower > 0.5 + 1.5 * this.leastRoundTrip;
  }
}
