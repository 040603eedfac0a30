/**
 * Pages share the slots of their task queue. When all are taken, the oldest page gives up its slot, because other
 * pages may be waiting for one. Its workflow then asks for another page, which queues behind them.
 */
export interface PageSlot {
  /** Aborted when the page is to begin nothing more, and end. */
  readonly giveUp: AbortSignal;
  /** To be called when the page has ended. */
  end(): void;
}

/** A page is left this long, ms: each has a beginning and an end in which little is called. */
const LEAST_MS = 30_000;
const POLL_MS = 5_000;

export class PageSlots {
  /** In the order in which they began. */
  private readonly pages = new Map<AbortController, number>();
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly slots: number,
    private readonly leastMs = LEAST_MS,
    private readonly pollMs = POLL_MS,
  ) {}

  begin(): PageSlot {
    const page = new AbortController();
    this.pages.set(page, performance.now());
    this.timer ??= setInterval(() => this.poll(), this.pollMs).unref();
    return {
      giveUp: page.signal,
      end: () => {
        this.pages.delete(page);
        if (this.pages.size > 0 || this.timer === null) return;
        clearInterval(this.timer);
        this.timer = null;
      },
    };
  }

  /** Whether pages wait is not known here; a tenth of the slots at a time costs little when none do. */
  private poll(): void {
    if (this.pages.size < this.slots) return;
    const ending = [...this.pages.keys()].filter((page) => page.signal.aborted).length;
    const now = performance.now();
    const old = [...this.pages].filter(
      ([page, since]) => !page.signal.aborted && now - since >= this.leastMs,
    );
    const wanted = Math.max(1, Math.floor(this.slots / 10)) - ending;
    for (const [page] of old.slice(0, Math.max(0, wanted))) page.abort(new Error('others wait for its slot'));
  }
}
