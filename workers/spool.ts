/** The spool of a worker process, and how what it holds is stored. */
import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { BATCH_OUTCOMES, type SpooledOutcomes } from '../activities/batches/page';
import { COMMAND_FATE, type CommandFate, storeFate } from '../activities/commands/kept';
import { FLEET_ANSWER, type FleetAnswer, replayAnswer } from '../activities/fleet/kept';
import { GRANT_ANSWER, type KeptGrant, storeKept } from '../activities/gateway/credentials/grant';
import { Spool } from '../activities/gateway/spool/spool';
import { POOL_EVENT, type SpooledPoolEvent } from '../activities/gateway/verdicts/verdict-writer';
import { type KeptRead, READ_ANSWER, storeRead } from '../activities/reads/kept';
import type { Settings } from '../settings';
import { storeOutcomes } from '../store/batches/outcomes';
import { applyPoolEvent, readPool } from '../store/pools/pools';
import { GrantStore } from '../store/secrets/grants';
import type { KeyRing } from '../store/secrets/keyring';
import { hasEnded, workerIdentity } from './identity';
import { signalPool } from './pool-signals';

export interface SpoolDeps {
  readonly db: Pool;
  readonly keys: KeyRing;
  readonly log: Logger;
  readonly client: Client;
  readonly settings: Settings;
}

/** Opens it, and stores what ended processes have left there before any call is made. */
export async function openSpool(root: string, deps: SpoolDeps): Promise<Spool> {
  const { db, keys, log } = deps;
  const spool = new Spool({ root, keys, log, identity: workerIdentity(), hasEnded });
  spool.on(BATCH_OUTCOMES, async (data) => {
    const { batch, owner, outcomes } = data as SpooledOutcomes;
    await storeOutcomes(db, batch, owner, outcomes);
  });
  spool.on(COMMAND_FATE, async (data) => {
    await storeFate(db, data as CommandFate);
  });
  spool.on(FLEET_ANSWER, (data) => replayAnswer(db, data as FleetAnswer));
  spool.on(READ_ANSWER, (data) => storeRead(db, data as KeptRead));
  spool.on(POOL_EVENT, (data, writtenAt) => replayPoolEvent(deps, data as SpooledPoolEvent, writtenAt));
  spool.on(GRANT_ANSWER, (data, writtenAt) => replayGrant(deps, data as KeptGrant, writtenAt));
  await spool.start();
  return spool;
}

/** Tokens that came while Postgres was away. A pool that was held meanwhile for want of them is free again. */
async function replayGrant({ db, keys, client, settings }: SpoolDeps, kept: KeptGrant, writtenAt: number) {
  const stored = await storeKept(new GrantStore(db, keys), kept, Date.now() - writtenAt);
  const pool = stored === null ? null : await readPool(db, kept.account);
  if (pool?.state.state !== 'held' || pool.state.cause !== 'login') return;
  await applyPoolEvent(db, kept.account, { type: 'resume' });
  await signalPool(client, settings.temporal.taskQueue, kept.account, pool.policy, { name: 'reconcile' });
}

/** A wait that the vendor stated ends when it would have ended; one that is over by now says nothing any more. */
async function replayPoolEvent(deps: SpoolDeps, spooled: SpooledPoolEvent, writtenAt: number): Promise<void> {
  const { key, event } = spooled;
  const { db, client, settings } = deps;
  const pool = await readPool(db, key);
  if (pool === null) return;
  if (event.type === 'quota' && event.statedWaitMs !== null) {
    const left = event.statedWaitMs - (Date.now() - writtenAt);
    if (left <= 0) return;
    await applyPoolEvent(db, key, { ...event, statedWaitMs: left });
  } else await applyPoolEvent(db, key, event);
  await signalPool(client, settings.temporal.taskQueue, key, pool.policy, { name: 'reconcile' });
}
