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
   * @returns by how much later than usual the call may have arrived, ms: 0 up to `toleranceMs`. What the fastest answer has
   * taken is the way there and back and the vendor's work, which this one has had, too; only the rest can have gone by before it
   * arrived. Where answers vary a lot by themselves they say nothing about arrivals: always 0 then.
   */
  note(elapsedMs: number, toleranceMs: number): number {
    const lateMs = elapsedMs - this.usualMs();
    this.times[this.next] = elapsedMs;
    this.next = (this.next + 1) % REMEMBERED;
    return lateMs > toleranceMs ? lateMs : 0;
  }

  /** What a call takes that is not late; infinite where that is not to be said. */
  private usualMs(): number {
    if (this.times.length < FIRST) return 0;
    const sorted = [...this.times].sort((a, b) => a - b);
    const least = sorted[0] ?? 0;
    const usual = sorted[Math.floor(sorted.length / 2)] ?? 0;
    return usual - least <= VARIED_MS ? least : Number.POSITIVE_INFINITY;
  }
}
