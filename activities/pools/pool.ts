/** Activities of the pool workflow, and of the workflows that wait for a pool. */
import type { Pool } from 'pg';
import type { PoolEvent, PoolPolicy, PoolState } from '../../quota/pools/state';
import { unregisteredPool } from '../../store/permits/permit-errors';
import { applyPoolEvent, readPool, readProbe, registerPool, restorePool } from '../../store/pools/pools';
import type { TokenStore } from '../../store/secrets/tokens';

export interface PoolActivityDeps {
  readonly db: Pool;
  readonly tokens: Pick<TokenStore, 'clearRefusal'>;
  /** Signals the pool's workflow, starting it when it does not run. */
  readonly signalPool: (poolKey: string, policy: PoolPolicy, signal: PoolSignal) => Promise<void>;
  /** Wakes work of the pool that sleeps for a kind of calls which was refused for itself. */
  readonly wakeReports: (poolKey: string) => Promise<void>;
}

export type PoolSignal =
  | { readonly name: 'quotaHit' | 'failure' | 'success'; readonly state: PoolState }
  | { readonly name: 'waiting'; readonly workflowId: string; readonly state: PoolState }
  | { readonly name: 'reconcile' };

export type PoolActivities = ReturnType<typeof createPoolActivities>;

export function createPoolActivities(deps: PoolActivityDeps) {
  return {
    /** The pool's state in Postgres; a remembered block that Postgres has lost is written back first. */
    async readPoolState(input: {
      key: string;
      policy: PoolPolicy;
      remembered: PoolState | null;
    }): Promise<PoolState> {
      if (input.remembered) return restorePool(deps.db, input.key, input.remembered, input.policy);
      // What the workflow was started with is no news: rows that stand are left as they are.
      await registerPool(deps.db, input.key, input.policy, undefined, null);
      const record = await readPool(deps.db, input.key);
      if (!record) throw new Error(`pool "${input.key}" vanished while it was read`);
      return record.state;
    },

    /** Timer, pause or resume: by the same transitions and under the same lock as the call path's events. */
    async applyOperatorEvent(input: {
      key: string;
      event: Extract<PoolEvent, { type: 'timer' | 'pause' | 'resume' }>;
    }): Promise<PoolState> {
      // Whoever resumes vouches for the credentials too: the next call may log in again.
      if (input.event.type === 'resume') await deps.tokens.clearRefusal(input.key);
      const { after } = await applyPoolEvent(deps.db, input.key, input.event);
      // Kinds of calls that were stopped by themselves are free again as well; who waits for them has not joined the pool.
      if (input.event.type === 'resume') await deps.wakeReports(input.key);
      return after;
    },

    /** Asks the pool's workflow to wake `workflowId` when the pool opens. */
    async joinPool(input: { key: string; workflowId: string }): Promise<void> {
      const record = await readPool(deps.db, input.key);
      if (!record) throw unregisteredPool(input.key);
      await deps.signalPool(input.key, record.policy, {
        name: 'waiting',
        workflowId: input.workflowId,
        state: record.state,
      });
    },

    /** Epoch ms until which the pool's probe may still report; null when none is out. */
    async readProbe(input: { key: string }): Promise<number | null> {
      return readProbe(deps.db, input.key);
    },
  };
}
