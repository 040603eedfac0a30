/**
 * Notices a server that has fallen silent: its connections stay open, and nothing comes back. The time limits of
 * single calls are long, because work may take that long. So a caller that waits for more than a moment has the
 * server probed; when the probe gets no answer, the caller stops waiting.
 */

export interface WatchTimes {
  /** Work that takes longer has the server looked at, this often; ms. */
  readonly lateMs: number;
  /** A server that takes longer to answer the look is away; ms. */
  readonly answerMs: number;
}

export const WATCH_TIMES: WatchTimes = { lateMs: 1_500, answerMs: 5_000 };
/** A new connection to Postgres is a new process there, which takes its time on a busy machine. */
export const DATABASE_WATCH_TIMES: WatchTimes = { lateMs: 2_000, answerMs: 7_000 };

/** Nothing comes back from a server: what waited for it has been given up. */
export class ServerSilent extends Error {
  override readonly name = 'ServerSilent';
}

export class SilenceWatch {
  private readonly waiting = new Set<(error: Error) => void>();
  private looking: Promise<void> | null = null;

  /**
   * @param answers whether the server answers within this time, ms.
   * @param onSilent its connections are of no use any more.
   */
  constructor(
    private readonly times: WatchTimes,
    private readonly answers: (withinMs: number) => Promise<boolean>,
    private readonly onSilent: () => void = () => undefined,
  ) {}

  /** @throws what `work` throws, and ServerSilent when the server is; the work's own end is nobody's business then. */
  async during<T>(work: Promise<T>): Promise<T> {
    let giveUp: (error: Error) => void = () => undefined;
    const silent = new Promise<never>((_, reject) => {
      giveUp = reject;
    });
    const late = setInterval(() => {
      this.waiting.add(giveUp);
      this.looking ??= this.look().finally(() => {
        this.looking = null;
      });
    }, this.times.lateMs);
    try {
      return await Promise.race([work, silent]);
    } finally {
      clearInterval(late);
      this.waiting.delete(giveUp);
    }
  }

  private async look(): Promise<void> {
    if (await this.answers(this.times.answerMs)) return;
    this.onSilent();
    for (const giveUp of [...this.waiting]) giveUp(new ServerSilent('the server is silent'));
  }
}
