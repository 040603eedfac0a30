/** What parts of some work wait for other than quotas: a retry, or a report that is not made yet. */

export interface Wait {
  readonly why: string;
  /** Epoch ms. */
  readonly since: number;
  readonly until: number;
}

export class Waits {
  private readonly held = new Map<symbol, Wait>();
  private active = 0;

  /** Runs one piece of work: while any of them gets on, the whole does. */
  async piece<T>(work: () => Promise<T>): Promise<T> {
    this.active++;
    try {
      return await work();
    } finally {
      this.active--;
    }
  }

  /** Within a piece: a wait that belongs into the status. */
  async during<T>(wait: Wait, work: () => Promise<T>): Promise<T> {
    const id = Symbol('wait');
    this.held.set(id, wait);
    try {
      return await work();
    } finally {
      this.held.delete(id);
    }
  }

  /** Null while a piece gets on; else the wait that ends first, with how many others there are. */
  standstill(): Wait | null {
    if (this.held.size < this.active) return null;
    const [first, ...others] = [...this.held.values()].sort((a, b) => a.until - b.until);
    if (first === undefined) return null;
    const why = others.length === 0 ? first.why : `${first.why}; and ${others.length} more wait`;
    return { why, since: Math.min(first.since, ...others.map(({ since }) => since)), until: first.until };
  }
}
