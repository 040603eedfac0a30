/**
 * Queues in front of row locks. Work that needs the same rows goes one at a time; otherwise all but the first would
 * wait for the lock while holding a connection, and everybody else's permits would wait for a connection. A thousand
 * late calls of one account then hold one connection instead of all.
 */
interface Waiting {
  readonly isUrgent: boolean;
  readonly begin: () => void;
}

export class LockLines {
  /** By what is locked; there while somebody works. */
  private readonly lines = new Map<string, Waiting[]>();

  /** @param isUrgent goes before those that are not. Settles as the work does. */
  async run<T>(locked: string, isUrgent: boolean, work: () => Promise<T>): Promise<T> {
    const line = this.lines.get(locked);
    if (line === undefined) this.lines.set(locked, []);
    else {
      await new Promise<void>((begin) => {
        const at = isUrgent ? line.findIndex((waiting) => !waiting.isUrgent) : -1;
        line.splice(at === -1 ? line.length : at, 0, { isUrgent, begin });
      });
    }
    try {
      return await work();
    } finally {
      const next = this.lines.get(locked)?.shift();
      if (next) next.begin();
      else this.lines.delete(locked);
    }
  }
}
