/**
 * Notices a server that has fallen silent: its connections stay open, and nothing comes back. The time limits of
 * single calls are long, because work may take that long. So a caller that waits for more than a moment has the
 * server probed; when the probe gets no answer, the caller stops waiting. From then on nobody waits for more than a moment,
 * until the server answers again: work that goes to it several times would wait as long each time.
 */
import { afterFreeTime } from '../../../temporal/free-time';

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
  /** The last look has brought nothing, and nothing has come since. */
  private silent = false;

  /**
   * @param answers whether the server answers within this time, ms; it may throw what those who wait are to be told.
   * @param onSilent its connections are of no use any more.
   */
  constructor(
    private readonly times: WatchTimes,
    private readonly answers: (withinMs: number) => Promise<boolean>,
    private readonly onSilent: () => void = () => undefined,
  ) {}

  /**
   * @throws what `work` throws; ServerSilent when the server is, and what looking at it has thrown: the work's own end is
   * nobody's business then.
   */
  async during<T>(work: Promise<T>): Promise<T> {
    let giveUp: (error: Error) => void = () => undefined;
    const silent = new Promise<never>((_, reject) => {
      giveUp = reject;
    });
    const look = () => {
      this.waiting.add(giveUp);
      this.looking ??= this.look().finally(() => {
        this.looking = null;
      });
    };
    const late = setInterval(look, this.times.lateMs);
    let cancel = () => {};
    if (this.silent) {
      look();
      cancel = afterFreeTime(this.times.lateMs / 4, () => {
        if (this.silent) giveUp(new ServerSilent(SILENT));
      });
    }
    try {
      const done = await Promise.race([work, silent]);
      this.silent = false;
      return done;
    } finally {
      clearInterval(late);
      cancel();
      this.waiting.delete(giveUp);
    }
  }

  /** Never rejects: those who wait are told, and nobody else asks. */
  private async look(): Promise<void> {
    let why: Error = new ServerSilent(SILENT);
    try {
      if (await this.answers(this.times.answerMs)) {
        this.silent = false;
        return;
      }
      this.silent = true;
    } catch (error) {
      // Where it should be is not known any more, so no look has found it silent either.
      this.silent = false;
      why = error as Error;
    }
    this.onSilent();
    for (const giveUp of [...this.waiting]) giveUp(why);
  }
}

const SILENT = 'the server is silent';
