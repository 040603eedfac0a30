/**
 * Detects a database that has fallen silent: connections stand, and no answer comes. A query's own time limit is long, because
 * work may take that long. Whoever waits for more than a moment therefore has it checked, by a connection of its own; when that gets no answer
 * either, nobody waits any longer.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connectionTrouble } from '../../store/connection-trouble';
import { connect } from '../../store/db';

export interface WatchTimes {
  /** Work that takes longer has the database checked this often, ms. */
  readonly lateMs: number;
  /** A database that takes longer to let somebody in is away; ms. */
  readonly answerMs: number;
}

export const WATCH_TIMES: WatchTimes = { lateMs: 2_000, answerMs: 3_000 };

/** What `pg` says where nothing comes back: an error of that kind is explained like any other. */
class Silent extends Error {
  readonly code = 'ETIMEDOUT';
}

export class DatabaseWatch {
  private readonly waiting = new Set<(error: Error) => void>();
  private checking: Promise<void> | null = null;

  /** @param onSilent its connections are of no use any more. */
  constructor(
    private readonly times: WatchTimes,
    private readonly onSilent: () => void,
  ) {}

  /** @throws what `work` throws, and ETIMEDOUT when the database is silent; the work's own end is nobody's business then. */
  async during<T>(url: string, work: Promise<T>): Promise<T> {
    let giveUp: (error: Error) => void = () => undefined;
    const silent = new Promise<never>((_, reject) => {
      giveUp = reject;
    });
    const late = setInterval(() => {
      this.waiting.add(giveUp);
      this.checking ??= this.check(url).finally(() => {
        this.checking = null;
      });
    }, this.times.lateMs);
    try {
      return await Promise.race([work, silent]);
    } finally {
      clearInterval(late);
      this.waiting.delete(giveUp);
    }
  }

  private async check(url: string): Promise<void> {
    if (await answers(url, this.times.answerMs)) return;
    this.onSilent();
    for (const giveUp of [...this.waiting]) giveUp(new Silent('the database is silent'));
  }
}

/** Whether it lets us in, or says why not. */
async function answers(url: string, withinMs: number): Promise<boolean> {
  const asked = connect(url, 'sluice-watch').then(
    (client) => {
      client.end().catch(() => undefined);
      return true;
    },
    (error: unknown) => connectionTrouble(error) === null && !('syscall' in (error as object)),
  );
  const late = new AbortController();
  const answered = await Promise.race([
    asked,
    delay(withinMs, false, { signal: late.signal }).catch(() => false),
  ]);
  late.abort();
  return answered;
}
