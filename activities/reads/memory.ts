/** Answers in memory, in front of the database: those asked for longest ago go first when there are too many. */
import type { ServedRead, Unavailable } from './types';

/** The database is looked at again after this, ms: others, and streams, write there. */
const GOOD_FOR_MS = 1_000;

interface Entry {
  readonly served: ServedRead;
  /** Monotonic. */
  readonly at: number;
  readonly bytes: number;
}

export class ReadMemory {
  private readonly entries = new Map<string, Entry>();
  private bytes = 0;

  /** @param maxBytes 0: nothing is kept. */
  constructor(private readonly maxBytes: number) {}

  /** One that is as fresh as wanted, or was found to be as fresh as can be had a moment ago. */
  get(name: string, maxAgeMs: number): ServedRead | null {
    const entry = this.entries.get(name);
    if (entry === undefined) return null;
    const elapsed = performance.now() - entry.at;
    if (elapsed > GOOD_FOR_MS) {
      this.drop(name, entry);
      return null;
    }
    const { served } = entry;
    const ageMs = served.ageMs + elapsed;
    const stale: Unavailable | null = ageMs <= maxAgeMs ? null : served.stale;
    if (ageMs > maxAgeMs && stale === null) return null;
    this.entries.delete(name);
    this.entries.set(name, entry);
    return { ...served, ageMs, stale, servedFrom: 'memory' };
  }

  put(name: string, served: ServedRead): void {
    const before = this.entries.get(name);
    if (before) this.drop(name, before);
    // Two bytes a character, and as much again for what objects cost.
    const bytes = 4 * JSON.stringify(served.answer).length;
    if (bytes > this.maxBytes) return;
    this.entries.set(name, { served, at: performance.now(), bytes });
    this.bytes += bytes;
    for (const [oldest, entry] of this.entries) {
      if (this.bytes <= this.maxBytes) break;
      this.drop(oldest, entry);
    }
  }

  /** Bytes held, as estimated. */
  get size(): number {
    return this.bytes;
  }

  private drop(name: string, { bytes }: Entry): void {
    this.entries.delete(name);
    this.bytes -= bytes;
  }
}
