/**
 * Tracks how long calls usually take from departure to answer, to distinguish a delayed call from a vendor that is merely far
 * away or slow. A call arrives at some time between the two; a vendor that spaces calls counts from there.
 */

/** Answers remembered; the least of them is taken for the time that is never saved. */
const REMEMBERED = 64;

/** With fewer than these nothing is usual yet: the first calls of a process are its slowest. */
const FIRST = 16;

/** Answers usually this much later than the fastest are due to the vendor's work, not to the way there, ms. */
const VARIED_MS = 10;

export class Transit {
  private readonly times: number[] = [];
  private next = 0;

  /**
   * Notes an answer `elapsedMs` after the departure.
   * @returns true when the call may have arrived more than `toleranceMs` later than usual. Where answers vary a lot by
   * themselves they say nothing about arrivals: always false then.
   */
  note(elapsedMs: number, toleranceMs: number): boolean {
    const late = this.isLate(elapsedMs, toleranceMs);
    this.times[this.next] = elapsedMs;
    this.next = (this.next + 1) % REMEMBERED;
    return late;
  }

  private isLate(elapsedMs: number, toleranceMs: number): boolean {
    if (this.times.length < FIRST) return elapsedMs > toleranceMs;
    const sorted = [...this.times].sort((a, b) => a - b);
    const least = sorted[0] ?? 0;
    const usual = sorted[Math.floor(sorted.length / 2)] ?? 0;
    return usual - least <= VARIED_MS && elapsedMs - least > toleranceMs;
  }
}
