/**
 * Writes to Postgres what follows from an answer. A refusal is written for as long as it takes, because nobody may meet
 * it twice; anything else at the first try or not at all.
 */
import type { Logger } from 'pino';
import type { PoolEvent } from '../../../quota/pools/state';
import type { CallableAccount } from '../../../settings/accounts/accounts';
import { warnOnce } from '../../log/warn-once';
import type { CallTerms } from '../call-terms';
import { held, isOurFault } from '../spool/held';
import type { Spool } from '../spool/spool';

/** A pool's event as it is kept on disk. */
export interface SpooledPoolEvent {
  readonly key: string;
  readonly event: Extract<PoolEvent, { type: 'quota' | 'hold' }>;
}

/** Its kind among spooled entries. */
export const POOL_EVENT = 'pool-event';

export interface WriterDeps {
  readonly log: Logger;
  /** Keeps refusals on disk while Postgres is away; null or left out: in memory only. */
  readonly spool?: Pick<Spool, 'put'> | null;
  /** Aborted when this process is to end. */
  readonly stopping?: AbortSignal;
}

/** A refusal that takes longer than this to write is waited for by the next call, ms. */
const LATE_WRITE_MS = 250;

export class VerdictWriter {
  /** Refusals that are being written, with their pool and when that began. */
  private readonly writing = new Map<Promise<unknown>, { readonly pool: string; readonly since: number }>();

  constructor(private readonly deps: WriterDeps) {}

  /**
   * Writes a refusal, however long Postgres is away. Whoever wants a permit of the same pool meanwhile waits for it
   * (`written`).
   * @param data what is kept on disk until then; null: in memory only.
   */
  async refusal<T>(
    { poolKey }: CallableAccount,
    write: () => Promise<T>,
    data: SpooledPoolEvent | null = null,
  ): Promise<T> {
    const { spool, stopping } = this.deps;
    const keep = spool && data !== null ? { to: spool, kind: POOL_EVENT, data } : null;
    const writing = held(write, { spool: keep, stopping });
    this.writing.set(writing, { pool: poolKey, since: performance.now() });
    try {
      return await writing;
    } finally {
      this.writing.delete(writing);
    }
  }

  /** Resolves when refusals of the account that are long in writing are written, or left to another process. */
  async written({ poolKey, organization }: CallableAccount): Promise<void> {
    if (this.writing.size === 0) return;
    const late = performance.now() - LATE_WRITE_MS;
    const awaited = [...this.writing].filter(
      ([, { pool, since }]) => since < late && (pool === poolKey || pool === organization?.key),
    );
    await Promise.allSettled(awaited.map(([writing]) => writing));
  }

  /** Leaves the work out, with a warning, when Postgres is away: no answer is held up or lost for it. */
  async ifPossible(call: CallTerms, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isOurFault(error)) throw error;
      const about = { pool: call.account.poolKey };
      warnOnce(this.deps.log, about, error, 'what an answer says about the pool was not written');
    }
  }
}
