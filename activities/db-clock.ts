/**
 * An estimate of the database's clock from answers that carried its time. Each answer bounds the offset from both
 * sides; the intersection of recent bounds is narrower than any round trip. Bounds widen by the drift a crystal may
 * have, and start anew when they contradict each other (a clock was stepped).
 */
export class DbClock {
  private lower = Number.NEGATIVE_INFINITY;
  private upper = Number.POSITIVE_INFINITY;
  private seenAt = 0;

  /** @param localNow monotonic local milliseconds. */
  constructor(private readonly localNow: () => number = () => performance.now()) {}

  /** An answer that was asked at `askedAt`, arrived at `answeredAt` (local ms) and carried the database's `dbNow`. */
  observe(askedAt: number, answeredAt: number, dbNow: number): void {
    const drift = Math.max(0, answeredAt - this.seenAt) * 50e-6;
    this.seenAt = answeredAt;
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
}
