/** How what any process has spooled while Postgres was away is stored once it is back. */
import type { Pool } from 'pg';
import type { PoolPolicy } from '../quota/pools/state';
import { storeOutcomes } from '../store/batches/outcomes';
import { applyPoolEvent, readPool } from '../store/pools/pools';
import { GrantStore } from '../store/secrets/grants';
import type { KeyRing } from '../store/secrets/keyring';
import { BATCH_OUTCOMES, type SpooledOutcomes } from './batches/page';
import { COMMAND_FATE, type CommandFate, storeFate } from './commands/kept';
import { FLEET_ANSWER, type FleetAnswer, replayAnswer } from './fleet/kept';
import { GRANT_ANSWER, type KeptGrant, storeKept } from './gateway/credentials/grant';
import type { Spool } from './gateway/spool/spool';
import { POOL_EVENT, type SpooledPoolEvent } from './gateway/verdicts/verdict-writer';
import { type KeptRead, READ_ANSWER, storeRead } from './reads/kept';

export interface StoreDeps {
  readonly keys: KeyRing;
  /** Postgres, as it can be reached now. */
  use<T>(work: (db: Pool) => Promise<T>): Promise<T>;
  /** The pool's row has changed: its workflow looks at it. */
  reconcile(pool: string, policy: PoolPolicy): Promise<void>;
}

/** How entries of each kind are stored. */
export function storeEntries(spool: Spool, deps: StoreDeps): void {
  const { use } = deps;
  spool.on(BATCH_OUTCOMES, async (data) => {
    const { batch, owner, outcomes } = data as SpooledOutcomes;
    await use((db) => storeOutcomes(db, batch, owner, outcomes));
  });
  spool.on(COMMAND_FATE, async (data) => {
    await use((db) => storeFate(db, data as CommandFate));
  });
  spool.on(FLEET_ANSWER, (data) => use((db) => replayAnswer(db, data as FleetAnswer)));
  spool.on(READ_ANSWER, (data) => use((db) => storeRead(db, data as KeptRead)));
  spool.on(POOL_EVENT, (data, writtenAt) =>
    use((db) => replayPoolEvent(db, deps, data as SpooledPoolEvent, writtenAt)),
  );
  spool.on(GRANT_ANSWER, (data, writtenAt) =>
    use((db) => replayGrant(db, deps, data as KeptGrant, writtenAt)),
  );
}

/** Tokens that came while Postgres was away. A pool that was held meanwhile for want of them is free again. */
async function replayGrant(
  db: Pool,
  { keys, reconcile }: StoreDeps,
  kept: KeptGrant,
  writtenAt: number,
): Promise<void> {
  const stored = await storeKept(new GrantStore(db, keys), kept, Date.now() - writtenAt);
  const pool = stored === null ? null : await readPool(db, kept.account);
  if (pool?.state.state !== 'held' || pool.state.cause !== 'login') return;
  await applyPoolEvent(db, kept.account, { type: 'resume' });
  await reconcile(kept.account, pool.policy);
}

/** A wait that the vendor stated ends when it would have ended; one that is over by now says nothing any more. */
async function replayPoolEvent(
  db: Pool,
  { reconcile }: StoreDeps,
  { key, event }: SpooledPoolEvent,
  writtenAt: number,
): Promise<void> {
  const pool = await readPool(db, key);
  if (pool === null) return;
  if (event.type === 'quota' && event.statedWaitMs !== null) {
    const left = event.statedWaitMs - (Date.now() - writtenAt);
    if (left <= 0) return;
    await applyPoolEvent(db, key, { ...event, statedWaitMs: left });
  } else await applyPoolEvent(db, key, event);
  await reconcile(key, pool.policy);
}
