/** Answers in memory, in front of the database: the least recently used go first when there are too many. */
import type { ServedRead, Unavailable } from './types';

/** The database is read again after this, ms: other processes, and streams, write there. */
const GOOD_FOR_MS = 1_000;
/** An answer that is fresh enough is served for this long while the database is read, ms: nobody waits for that. */
const SERVED_MEANWHILE_MS = 5_000;

/** What an answer costs that says nothing: of thousands of those, this is what fills the memory. */
const ENTRY_BYTES = 512;

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

  /**
   * An answer that is as fresh as wanted, or was a moment ago as fresh as can be had. `recheck`: it is time to read the
   * database again.
   */
  get(name: string, maxAgeMs: number): { readonly served: ServedRead; readonly recheck: boolean } | null {
    const entry = this.entries.get(name);
    if (entry === undefined) return null;
    const elapsed = performance.now() - entry.at;
    const { served } = entry;
    const ageMs = served.ageMs + elapsed;
    const fresh = ageMs <= maxAgeMs;
    if (elapsed > (fresh ? SERVED_MEANWHILE_MS : GOOD_FOR_MS)) {
      this.drop(name, entry);
      return null;
    }
    const stale: Unavailable | null = fresh ? null : served.stale;
    if (!fresh && stale === null) return null;
    this.entries.delete(name);
    this.entries.set(name, entry);
    return { served: { ...served, ageMs, stale, servedFrom: 'memory' }, recheck: elapsed > GOOD_FOR_MS };
  }

  put(name: string, served: ServedRead): void {
    const before = this.entries.get(name);
    if (before) this.drop(name, before);
    // Two bytes a character, and as much again for what objects cost.
    const bytes = 4 * (JSON.stringify(served.answer).length + name.length) + ENTRY_BYTES;
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
